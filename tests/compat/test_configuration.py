"""`vfs init`, `config` and `remote` beside the real `dvc`: the same commands leave equal files."""

import json
import os
from pathlib import Path

import pytest

from vfs.formats.dvcoptions import _COMMON, _SCHEMES, SECTIONS
from vfs.testing.sandbox import Sandbox

pytestmark = pytest.mark.dvc

VFS = Path(__file__).parents[2] / ".venv" / "bin" / "vfs"
COMMANDS = (
    "config core.autostage true",
    "remote add -d Store s3://bucket/pre,fix",
    "remote add nas ../nas",
    "remote add home ~/data",
    "remote add -f nas /srv/nas#1",
    "remote modify store endpointurl http://127.0.0.1:1/x",
    "remote modify store use_ssl false",
    "config cache.type reflink,copy",
    "config cache.dir ../shared",
    "config remote.store.region eu-north-1",
    "remote modify --local store secret_access_key it's",
    "config --global core.checksum_jobs 2",
    "config core.analytics false",
    "remote modify --unset store region",
    "config --unset core.autostage",
    "config --unset core.analytics",
    "remote default nas",
    "remote remove home",
    "remote add last s3://bucket/last",
    "remote rename nas archive",
    "remote default --local last",
    "remote rename LAST first",
)
FILES = (".dvc/config", ".dvc/config.local")


def environment(sandbox: Sandbox, who: str) -> dict[str, str]:
    return {"DVC_GLOBAL_CONFIG_DIR": str(sandbox.root / "config" / who)}


def test_the_same_commands_write_the_same_files(sandbox: Sandbox, dvc3: Path) -> None:
    programs = {"dvc": dvc3, "vfs": VFS}
    for who, program in programs.items():
        repository = sandbox.root / who
        repository.mkdir()
        sandbox.git(repository, "init", "-q")
        sandbox.run([program, "init"], cwd=repository)
        (repository / "sub").mkdir()
        for command in COMMANDS:
            env = environment(sandbox, who)
            sandbox.run([program, *command.split()], cwd=repository / "sub", env=env)
    ours, theirs = sandbox.root / "vfs", sandbox.root / "dvc"
    for name in (*FILES, ".dvc/.gitignore", ".dvcignore"):
        assert (ours / name).read_bytes() == (theirs / name).read_bytes(), name
    for where in ("config/vfs/config", "config/dvc/config"):
        assert "checksum_jobs = 2" in (sandbox.root / where).read_text()
    status = [sandbox.git(where, "status", "--porcelain") for where in (ours, theirs)]
    assert status[0] == status[1] == b"A  .dvc/.gitignore\nAM .dvc/config\nA  .dvcignore"
    assert (ours / ".dvc" / "config.local").stat().st_mode & 0o777 == 0o600
    env = environment(sandbox, "vfs")
    for arguments in (["remote", "list"], ["remote", "default"], ["config", "cache.dir"]):
        said = [sandbox.run([p, *arguments], cwd=ours, env=env).stdout for p in programs.values()]
        assert said[0].split() == said[1].split(), arguments
    said = [sandbox.run([p, "config", "-l"], cwd=ours, env=env).stdout for p in programs.values()]
    hidden = said[0].replace(b"secret_access_key=it's", b"secret_access_key=***")
    assert sorted(said[1].splitlines()) == sorted(hidden.splitlines())


def test_every_option_of_dvc_is_known(dvc3: Path) -> None:
    script = """
import json
from dvc.config_schema import REMOTE_COMMON, REMOTE_SCHEMAS, SCHEMA
name = lambda key: str(getattr(key, "schema", key))
table = {s: sorted({name(k) for k in v} - set(map(name, REMOTE_COMMON))) for s, v in REMOTE_SCHEMAS.items()}
plain = {s: sorted(map(name, getattr(v, "schema", v))) for s, v in SCHEMA.items()}
print(json.dumps([table, plain, sorted(map(name, REMOTE_COMMON))]))
"""
    done = Sandbox.temporary()
    try:
        out = done.run([dvc3.with_name("python"), "-c", script]).stdout
    finally:
        done.close()
    schemes, sections, common = json.loads(out)
    del schemes["remote"]
    assert {name: sorted(known) for name, known in _SCHEMES.items()} == schemes
    assert sorted(_COMMON) == common
    for name in ("remote", "machine", "db"):
        del sections[name]
    assert {name: sorted(known) for name, known in SECTIONS.items()} == sections


def test_what_dvc_refuses_is_refused(sandbox: Sandbox) -> None:
    repository = sandbox.root / "r"
    repository.mkdir()
    run = sandbox.run
    assert run([VFS, "init"], cwd=repository, check=False).returncode == 3
    sandbox.git(repository, "init", "-q")
    run([VFS, "init"], cwd=repository)
    (repository / ".dvc" / "cache").mkdir()
    assert b"--force" in run([VFS, "init"], cwd=repository, check=False).stderr
    run([VFS, "init", "--force"], cwd=repository)
    assert (repository / ".dvc" / "cache").is_dir()
    run([VFS, "remote", "add", "s", "s3://b"], cwd=repository)
    before = (repository / ".dvc" / "config").read_bytes()
    for command, said in (
        ("remote add s s3://c", "--force"),
        ("remote add t foo://c", "'foo'://"),
        ("remote modify s prot 1", "no option 'prot'"),
        ("remote modify s use_ssl maybe", "true or false"),
        ("remote modify s gdrive_client_id x", "gdrive"),
        ("remote modify nope url x", "remotes: s"),
        ("remote remove nope", "remotes: s"),
        ("remote rename nope new", "remotes: s"),
        ("remote rename s s", "already"),
        ("remote default nope", "remotes: s"),
        ("config core.remotes s", "core"),
        ("config nope.x 1", "no section"),
        ("config core", "section.option"),
    ):
        done = run([VFS, *command.split()], cwd=repository, check=False)
        assert done.returncode == 8, command
        assert said in done.stderr.decode(), command
    assert (repository / ".dvc" / "config").read_bytes() == before
    below = repository / "below"
    below.mkdir()
    assert run([VFS, "init"], cwd=below, check=False).returncode == 3
    run([VFS, "init", "--subdir"], cwd=below)
    assert os.listdir(below / ".dvc")
