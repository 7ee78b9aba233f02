"""The image's packages are those that the tests run with, each by its hash."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKED = re.compile(
    r"^([a-z0-9-]+)==(\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.M
)


@pytest.mark.parametrize("name", ["vfs", "build", "uv"])
def test_locked_versions_are_the_tested_ones(name: str) -> None:
    text = (ROOT / "docker" / "lock" / f"{name}.txt").read_text()
    lines = (ROOT / "tests" / "setup" / "constraints.txt").read_text().splitlines()
    tested = dict(line.split("==") for line in lines)
    found = {package: version for package, version, _ in LOCKED.findall(text)}
    assert "".join(match[0] for match in LOCKED.finditer(text)) == text
    assert found
    wrong = {
        package: version
        for package, version in found.items()
        if tested.get(package, version) != version
    }
    assert wrong == {}, "run docker/lock.sh"
    if name == "vfs":
        assert set(found) <= set(tested), "run docker/lock.sh"


def test_all_that_vfs_needs_is_locked() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = list(project["dependencies"])
    for extra in ("ssh", "gs", "azure", "webdav"):
        wanted += project["optional-dependencies"][extra]
    text = (ROOT / "docker" / "lock" / "vfs.txt").read_text()
    locked = {package for package, _, _ in LOCKED.findall(text)}
    names = {re.split(r"[><=\[;]", need)[0].replace(".", "-") for need in wanted}
    assert names - locked == set(), "run docker/lock.sh"
