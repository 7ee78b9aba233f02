"""Two copies of one repository with pipelines: vfs runs in one, the real dvc in the other."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from tests.compat.pipeline_strategies import bodies
from vfs.testing.sandbox import Sandbox

VFS = Path(sys.executable).parent / "vfs"


class Pair:
    """Two copies of one repository: vfs runs in `ours`, dvc in `theirs`."""

    def __init__(
        self,
        sandbox: Sandbox,
        program: Path,
        base: Path,
        template: Path,
        *,
        in_place: bool = False,
        clones: bool = False,
    ) -> None:
        """`clones`: of the template, with nothing but what Git has."""
        self.sandbox = sandbox
        self.in_place = in_place
        self.program = program
        self.ours = base / "ours"
        self.theirs = base / "theirs"
        for root in self.roots:
            if clones:
                sandbox.git(template, "clone", "-q", str(template), str(root))
            else:
                shutil.copytree(template, root, symlinks=True)

    @property
    def roots(self) -> tuple[Path, Path]:
        return self.ours, self.theirs

    def vfs(self, root: Path, *args: str, code: int = 0) -> list[dict[str, Any]]:
        words = [*args, "--in-place"] if self.in_place and args[0] == "repro" else args
        done = self.sandbox.run([VFS, *words, "--json"], cwd=root, check=False)
        assert done.returncode == code, (args, done.stdout.decode(), done.stderr.decode())
        return [json.loads(line) for line in done.stdout.splitlines()]

    def dvc(
        self, root: Path, *args: str, check: bool = True
    ) -> "subprocess.CompletedProcess[bytes]":
        return self.sandbox.run([self.program, *args], cwd=root, check=check)

    def both(self, change: Callable[[Path], object]) -> None:
        for root in self.roots:
            change(root)

    def compare_status(self, root: Path, beside: Path | None = None) -> None:
        """`beside`: where dvc looks, if not there."""
        theirs = json.loads(self.dvc(beside or root, "status", "--json").stdout)
        theirs.pop("data.dvc", None)
        declared = bodies(yaml.safe_load((root / "dvc.yaml").read_text())["stages"])
        for name, stage in declared.items():
            if stage.get("frozen") and theirs.get(name) == ["always changed"]:
                del theirs[name]  # it says so, and runs it no more than we do
        found = {
            one["stage"]: one["reasons"]
            for one in self.vfs(root, "status")
            if one["type"] == "stage"
        }
        ours = {
            stage: _as_dvc(reasons, declared.get(stage, {}).get("wdir", ""))
            for stage, reasons in found.items()
        }
        assert ours == {stage: _plain(parts) for stage, parts in theirs.items()}

    def compare_plan(self, root: Path, *args: str) -> None:
        said = self.dvc(root, "repro", "--dry", *args, check=False)
        lines = said.stdout.decode().splitlines()
        theirs = [line.split("'")[1] for line in lines if line.startswith("Running")]
        ours = [
            one["stage"]
            for one in self.vfs(root, "repro", "--dry-run", *args)
            if one.get("outcome") == "would-run"
        ]
        if said.returncode:  # it stops where a dep is not there yet
            ours = ours[: len(theirs)]
        if args:  # of a small part of a graph dvc's order is that of a set
            ours, theirs = sorted(ours), sorted(theirs)
        assert ours == theirs, said

    def repro(self, *args: str) -> list[dict[str, Any]]:
        """Each in its own copy; the records must be the same bytes."""
        done = self.vfs(self.ours, "repro", *args)
        self.dvc(self.theirs, "repro", *args)
        self.compare_records()
        return done

    def compare_records(self, *, part: bool = False) -> None:
        """`part`: only that is here of ours, so that nobody knows some sizes."""
        for name in ("dvc.lock", "dvc.yaml", ".gitignore", "data.dvc"):
            found = [
                (root / name).read_bytes() if (root / name).exists() else b"" for root in self.roots
            ]
            if part:
                found = [re.sub(rb"\n *size: \d+", b"", text) for text in found]
            assert found[0].decode() == found[1].decode(), name
        if part:
            return
        names = [
            sorted(
                str(path.relative_to(root))
                for path in root.rglob("*")
                if path.is_file() and ".git" not in path.parts and ".dvc" not in path.parts
            )
            for root in self.roots
        ]
        assert names[0] == names[1]


def _as_dvc(reasons: list[dict[str, str]], wdir: str) -> dict[str, Any]:
    """Reasons of ours in the form that `dvc status --json` has, where paths are those of the repository."""
    found: dict[str, Any] = {}
    for reason in reasons:
        kind, change = reason["kind"], reason.get("change", "")
        path = os.path.normpath(os.path.join(wdir, reason.get("path", "")))
        if kind in ("always", "command"):
            found["always changed" if kind == "always" else "changed command"] = True
        elif kind == "param" and "key" in reason:
            deps = found.setdefault("changed deps", {})
            deps.setdefault(path, {})[reason["key"]] = change
        elif kind == "param":
            found.setdefault("changed deps", {})[path] = change
        else:
            told = "modified" if change == "new" else change  # DVC has no hash to compare with
            found.setdefault(f"changed {kind}s", {})[path] = told
    return _without_keys(found)


def _without_keys(found: dict[str, Any]) -> dict[str, Any]:
    """Where a lock has nothing of a file of parameters, DVC names no key."""
    deps = found.get("changed deps", {})
    for path, keys in deps.items():
        if isinstance(keys, dict) and set(keys.values()) == {"new"}:
            deps[path] = "new"
    return found


def _plain(parts: list[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in parts:
        found.update({part: True} if isinstance(part, str) else part)
    return _without_keys(found)
