"""The Kubernetes examples: valid by Kubernetes' own schemas, only what must be is privileged, and what they run works as it stands there."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.containers.conftest import TWO, MakePod
from tests.containers.namespaces import ROOT, USER, VFS, Namespace
from vfs.config.schema import DEFAULT_CATALOG_LIMIT
from vfs.config.units import parse_size
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import wait_until
from vfs.testing.sandbox import Sandbox

TOP = ROOT / "docker" / "kubernetes"
FILES = sorted(TOP.rglob("*.yaml"))
VERSION = "1.29"
"""The first with sidecars that are on without being asked for."""

Document = dict[str, Any]


def documents(path: Path) -> list[Document]:
    return list(yaml.safe_load_all(path.read_text()))


def containers(path: Path) -> Iterator[Document]:
    """Every container in a file."""
    for document in documents(path):
        spec = document.get("spec", {}).get("template", {}).get("spec", {})
        yield from spec.get("initContainers", [])
        yield from spec.get("containers", [])


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TOP)))
def test_it_is_valid(path: Path) -> None:
    """Unknown fields are errors as well."""
    for document in documents(path):
        kubernetes_validate.validate(document, VERSION, strict=True)


def test_the_schema_refuses_what_is_misspelt() -> None:
    document = documents(TOP / "sidecar" / "training.yaml")[0]
    document["spec"]["template"]["spec"]["containers"][0]["volumeMounts"][0]["mountPropagatoin"] = (
        "x"
    )
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(document, VERSION, strict=True)


def test_only_who_mounts_is_privileged() -> None:
    for path in FILES:
        for container in containers(path):
            security = container["securityContext"]
            if path.name == "training.yaml":
                assert security["capabilities"] == {"drop": ["ALL"]}
                assert security["allowPrivilegeEscalation"] is False
                assert "privileged" not in security
            sends = [
                m for m in container["volumeMounts"] if m.get("mountPropagation") == "Bidirectional"
            ]
            assert bool(sends) == security.get("privileged", False)


def test_the_cache_of_a_pod_stays_within_its_volume() -> None:
    """Kubernetes evicts a pod that takes more, training and all; by itself the limit is a part of the node's disk."""
    path = TOP / "sidecar" / "training.yaml"
    [spec] = [document["spec"]["template"]["spec"] for document in documents(path)]
    [volume] = [volume for volume in spec["volumes"] if volume["name"] == "cache"]
    [limit] = [
        argument.partition("=")[2]
        for argument in spec["initContainers"][0]["args"]
        if argument.startswith("cache.limit=")
    ]
    room = parse_size(volume["emptyDir"]["sizeLimit"] + "B")
    assert parse_size(limit) + DEFAULT_CATALOG_LIMIT < room


def _arguments(path: Path, name: str, places: dict[str, str]) -> list[str]:
    """What a container runs, with the places of a test instead of those of a cluster."""
    [container] = [found for found in containers(path) if found["name"] == name]
    found = []
    for argument in container["args"]:
        for place, ours in places.items():
            argument = argument.replace(place, ours)
        found.append(argument)
    return found


@pytest.mark.fuse
def test_the_sidecar_and_the_helper_run_as_they_stand_there(
    node: Namespace, pod: MakePod, sandbox: Sandbox, repository: HandmadeRepository
) -> None:
    places = {
        "/var/lib/vfs/helper": str(sandbox.root),
        "/var/lib/vfs/mounts": str(sandbox.root / "shared"),
        "https://git.example.org/team/dataset.git": str(repository.root),
        "--rev=v1": "--rev=v2",
        "--uid=1000": f"--uid={USER}",
        "$(POD_UID)": "3b2e",
    }
    sidecar = TOP / "sidecar"
    mounted = sandbox.root / "shared" / "3b2e"
    with (sandbox.root / "helper.log").open("ab") as log:
        helper = subprocess.Popen(
            [*node.enter, *VFS, *_arguments(sidecar / "helper.yaml", "helper", places)],
            env=sandbox.environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        wait_until((sandbox.root / "sock").exists, "the helper")
        with Namespace("slave", inside=node) as training:
            serving = pod()
            assert serving.process.stdin is not None
            words = [*VFS, *_arguments(sidecar / "training.yaml", "dataset", places)]
            serving.process.stdin.write(f"{' '.join(words)} >~/sidecar.log 2>&1 &\n")
            serving.process.stdin.flush()
            wait_until(lambda: f" {mounted} " in training.mounts(), "the mount in the training")
            assert training.read(mounted / "big.bin") == TWO
            assert "shows v2" in serving.vfs(f"status {mounted}")
            serving.close()
            wait_until(lambda: f" {mounted} " not in training.mounts(), "the mount to go")
    finally:
        helper.terminate()
        assert helper.wait(20) == 0
