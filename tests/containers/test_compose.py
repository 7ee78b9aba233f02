"""The compose example: valid by the specification's schema, and what its services run works as it stands there, with a real S3 server.

The server is another than the file's: MinIO is had as an image only.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.containers.namespaces import ROOT, USER, VFS, Namespace, give, opened
from vfs.testing.mounts import daemons, wait_until
from vfs.testing.s3_servers import ACCESS_KEY, SECRET_KEY, S3Server
from vfs.testing.sandbox import Sandbox

TOP = ROOT / "docker" / "compose"
SCHEMA = ROOT / "tests" / "data" / "compose-spec" / "compose-spec.json"

Document = dict[str, Any]


@pytest.fixture(scope="module")
def compose() -> Document:
    document: Document = yaml.safe_load((TOP / "compose.yaml").read_text())
    return document


def test_it_is_valid(compose: Document) -> None:
    validator = jsonschema.Draft7Validator(json.loads(SCHEMA.read_text()))
    validator.validate(compose)
    compose["services"]["mount"]["capadd"] = []
    with pytest.raises(jsonschema.ValidationError, match="capadd"):
        validator.validate(compose)
    del compose["services"]["mount"]["capadd"]


def test_who_sends_mounts_and_who_receives_them(compose: Document) -> None:
    """One service has a privilege, and the reader has none."""
    services = compose["services"]
    for name, how in (("mount", "rshared"), ("training", "rslave")):
        [bound] = [v for v in services[name]["volumes"] if isinstance(v, dict)]
        assert bound["bind"]["propagation"] == how
        assert services[name]["cap_drop"] == ["ALL"]
    assert [name for name in services if "SYS_ADMIN" in services[name].get("cap_add", [])] == [
        "mount"
    ]
    assert "cap_add" not in services["training"]
    assert not any(service.get("privileged") for service in services.values())


@pytest.fixture
def device() -> Iterator[Path]:
    """A device that every user may open, as `--device /dev/fuse` gives on most hosts."""
    made = Path("/dev") / f"vfs-test-{os.getpid()}"
    os.mknod(made, 0o020666, os.makedev(10, 229))
    made.chmod(0o666)
    yield made
    made.unlink()


@pytest.mark.fuse
@pytest.mark.s3
def test_its_services_do_what_they_are_there_for(
    compose: Document, node: Namespace, sandbox: Sandbox, ministack: S3Server, device: Path
) -> None:
    """The dataset is made and pushed, mounted by an ordinary user with SYS_ADMIN alone within reach, and read by another container; then the other version."""
    services = compose["services"]
    repository = sandbox.root / "repository"
    repository.mkdir()
    s3 = {"S3_ENDPOINT": ministack.endpoint, "S3_BUCKET": "datasets",
          "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
          "PATH": f"{Path(VFS[0]).parent}:{os.environ['PATH']}"}  # fmt: skip
    script = TOP / "make_dataset.sh"
    refusing = sandbox.root / "refusing"
    refusing.mkdir()
    (refusing / "vfs").write_text(f'#!/bin/sh\ntest "$1" != push && exec {" ".join(VFS)} "$@"\n')
    (refusing / "vfs").chmod(0o755)
    cut_off = s3 | {"PATH": f"{refusing}:{s3['PATH']}"}
    assert sandbox.run(["sh", script], cwd=repository, env=cut_off, check=False).returncode == 1
    done = sandbox.run(["sh", script], cwd=repository, env=s3)
    assert b"v1 and v2 are pushed" in done.stdout
    assert b"there already" in sandbox.run(["sh", script], cwd=repository, env=s3).stdout
    assert not (repository / "data").exists()

    shared = sandbox.root / "shared"
    (shared / "data").mkdir()
    (sandbox.root / "fuse.conf").write_text("user_allow_other\n")
    give(sandbox)
    node.run("mount", "--bind", sandbox.root / "fuse.conf", "/etc/fuse.conf")
    words = [
        re.sub(r"\$\{REV:-(\w+)\}", r"\1", word).replace("/srv/vfs", str(shared))
        for word in services["mount"]["command"]
    ]
    user = ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups",
            "--inh-caps=-all", "--bounding-set=-all,+sys_admin", "--")  # fmt: skip
    environ = {**sandbox.environ, **s3, "PYTHONPATH": f"{ROOT}:{ROOT / 'cli'}"}
    mounting = subprocess.Popen(
        [*node.enter, *opened(device), *user, "env", "-C", repository, *VFS, *words],
        env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    with Namespace("slave", inside=node) as training:
        try:
            wait_until(lambda: f" {shared}/data " in training.mounts(), "the mount", timeout=60)
            first = _train(training, shared)
            assert first.count("200 files") == 2
            switch: list[str | Path] = [*VFS, "switch", "v2", "--mount", shared / "data"]
            sandbox.run([*node.enter, *opened(device), *user, *switch], env=environ)
            second = _train(training, shared)
            assert second.count("250 files") == 2
            assert first.split()[-1] != second.split()[-1]
        finally:
            mounting.terminate()
            said, _ = mounting.communicate(timeout=30)
    assert mounting.returncode == 0, said.decode()
    assert b"Traceback" not in said
    assert str(shared / "data") not in node.mounts()
    assert daemons(sandbox) == []


def _train(training: Namespace, shared: Path) -> str:
    python = shutil.which("python3", path="/usr/bin")
    assert python is not None
    return training.run(python, TOP / "train.py", shared / "data" / "data").stdout
