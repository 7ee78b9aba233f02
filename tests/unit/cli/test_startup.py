"""What a command imports before it does anything: start-up is felt with every call."""

import re
import sys
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Daemons, git, process

HEAVY = (
    "rich",
    "boto3",
    "botocore",
    "trio",
    "pyfuse3",
    "pygit2",
    "lmdb",
    "yaml",
    "asyncio",
    "hypothesis",
)


def imported(*args: str) -> set[str]:
    done = process(*args, interpreter=("-X", "importtime"))
    # 19: this machine has dead mounts of ours, which `vfs status` tells of.
    assert done.returncode in (0, 19), done.stderr.decode()
    return set(re.findall(r"\| +(\S+)$", done.stderr.decode(), re.MULTILINE))


@pytest.mark.parametrize(
    "args", [("--help",), ("--version",), ("mount", "--help"), ("status",), ("status", "--json")]
)
def test_light_commands_import_nothing_heavy(args: tuple[str, ...]) -> None:
    names = imported(*args)
    assert "click" in names
    assert not names & set(HEAVY)


def test_status_of_a_repository_needs_only_the_table_of_fingerprints(
    world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = world / "r"
    repository.mkdir()
    git(repository, "init", "-q")
    (repository / "data").write_bytes(b"hello\n")
    pointer = (
        "outs:\n- md5: b1946ac92492d2347c6235b4d2611184\n  size: 6\n  hash: md5\n  path: data\n"
    )
    (repository / "data.dvc").write_text(pointer)
    monkeypatch.chdir(repository)
    names = imported("status")
    assert "vfs.tracking.status" in names
    assert names & set(HEAVY) == {"lmdb"}


def test_adding_a_file_to_a_directory_needs_no_git_library_and_no_remote(
    world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = world / "r"
    (repository / "data").mkdir(parents=True)
    git(repository, "init", "-q")
    (repository / ".dvc").mkdir()
    monkeypatch.chdir(repository)
    for name in ("one", "two"):
        (repository / "data" / name).write_text(name)
        names = imported("add", "data" if name == "one" else "data/two")
        assert names & set(HEAVY) == {"lmdb"}
        assert not {name for name in names if name.startswith(("vfs.remotes", "vfs.catalog"))}
    assert "nfiles: 2" in (repository / "data.dvc").read_text()


def test_help_imports_no_verb() -> None:
    ours = {name for name in imported("--help") if name.startswith(("vfs.", "vfs_cli."))}
    assert ours == {
        "vfs.config",
        "vfs.config.environment",
        "vfs.config.files",
        "vfs.config.places",
        "vfs.config.schema",
        "vfs.config.settings",
        "vfs.config.units",
        "vfs.errors",
        "vfs_cli.failure",
        "vfs_cli.group",
        "vfs_cli.main",
        "vfs_cli.standard",
        "vfs_cli.table",
        "vfs_cli.text",
    }


def test_status_of_a_mount_needs_only_the_client(daemons: Daemons, world: Path) -> None:
    async def status(args: dict[str, object], progress: object) -> dict[str, object]:
        return {"rev": "main", "commit": "0" * 40}

    daemons.start(world / "mnt", world / "repo", status=status)
    names = imported("status")
    assert not names & set(HEAVY)
    assert {name for name in names if name.startswith("vfs.")} <= {
        "vfs.control",
        "vfs.control.client",
        "vfs.control.mountinfo",
        "vfs.descriptors",
        "vfs.mount_table",
        "vfs.control.protocol",
        "vfs.control.registry",
        "vfs.config",
        "vfs.config.environment",
        "vfs.config.files",
        "vfs.config.places",
        "vfs.config.schema",
        "vfs.config.settings",
        "vfs.config.units",
        "vfs.errors",
    }


def test_python_m() -> None:
    assert process("--version").stdout.startswith(b"vfs ")
    assert sys.version_info >= (3, 11)


def test_status_of_a_pipeline_loads_nothing_that_writes_or_runs(
    world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = world / "r"
    (repository / ".dvc").mkdir(parents=True)
    git(repository, "init", "-q")
    (repository / "dvc.yaml").write_text("stages:\n  a: {cmd: touch b, outs: [b]}\n")
    monkeypatch.chdir(repository)
    names = imported("status")
    assert "vfs.pipeline.changed" in names
    assert names & set(HEAVY) == {"lmdb", "yaml"}
    assert not names & {"ruamel", "ruamel.yaml", "vfs.pipeline.run", "vfs.pipeline.repro"}  # fmt: skip
