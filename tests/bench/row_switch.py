"""Switching the version of 100,000 files of which 1,000 differ, while readers run; `dvc checkout` beside it."""

import json
import os
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.harness import (
    Bench,
    Readers,
    Row,
    commit_listing,
    drop_caches,
    flat_names,
    median,
    seconds,
    spread,
)
from vfs.testing.mounts import Mount

COUNT = 100_000
DIFFERENT = 1_000
RUNS = 6


def run(bench: Bench) -> Iterator[Row]:
    """1,000 and 50,000 names known to the kernel."""
    repo = bench.repository("switch")
    objects = [repo.put(b"%06d" % n) for n in range(2_000)]
    names = flat_names(COUNT)
    for tag in ("v1", "v2"):
        entries = [
            {"md5": objects[_content(n, tag)], "relpath": name} for n, name in enumerate(names)
        ]
        commit_listing(repo, entries, 6 * COUNT, tag)
    mount = bench.mounts(repo.root, "v1")
    mount.switch("v2")  # both catalogs are known from here on
    mount.switch("v1")
    yardstick = _dvc(bench, repo.root)
    picked = random.Random(1)
    for what, known, limit in (
        ("1,000 names known", picked.sample(names, 1_000), 0.150),
        ("50,000 names known", picked.sample(names, 50_000), 1.0),
        ("known and read: just the 1,000 that differ", names[:: COUNT // DIFFERENT], None),
    ):
        values, commands = _switches(mount, names, known)
        value = median(values)
        whole = f"with the command itself: {median(commands) * 1000:.0f} ms"
        yield Row(
            "switch",
            f"switch 100,000 files, 1,000 differ, {what}, 4 readers",
            value * 1000,
            "ms",
            "" if limit is None else f"<= {limit * 1000:g} ms",
            None if limit is None else value <= limit,
            f"{whole}; {yardstick}",
            spread([v * 1000 for v in values]),
        )


def _content(number: int, tag: str) -> int:
    changed = number % (COUNT // DIFFERENT) == 0
    return 1_000 + number % 1_000 if changed and tag == "v2" else number % 1_000


def _switches(mount: Mount, names: list[str], known: list[str]) -> tuple[list[float], list[float]]:
    """Seconds from the request to the daemon's answer, and of the whole command.

    The names are looked up before each switch; when it has returned, a changed name must show
    its new content.
    """
    root = mount.path / "data"
    values, commands = [], []

    def read(number: int) -> None:
        (root / known[number * 7_919 % len(known)]).read_bytes()

    with Readers(read, 4):
        for number in range(RUNS):
            for name in known:
                os.stat(root / name)
            tag = "v2" if number % 2 == 0 else "v1"
            started = time.perf_counter()
            done = mount.cli("switch", tag, "--mount", mount.path, "--json")
            commands.append(time.perf_counter() - started)
            said = json.loads(done.stdout)
            values.append(said["build_seconds"] + said["switch_seconds"])
            assert (root / names[0]).read_bytes() == b"%06d" % _content(0, tag)
    return values, commands


def _dvc(bench: Bench, root: Path) -> str:
    """`git checkout && dvc checkout` of the same two versions, everything local already."""
    dvc = Path(__file__).resolve().parents[2] / ".tools" / "dvc3" / "bin" / "dvc"
    dvc = Path(os.environ.get("VFS_TEST_DVC3") or dvc)
    if not bench.large:
        return "dvc checkout: not with --short"
    clone = bench.sandbox.root / "clone"
    bench.sandbox.git(bench.sandbox.root, "clone", "-q", root, clone)
    values = []
    for tag in ("v1", "v2"):
        bench.sandbox.git(clone, "checkout", "-q", tag)
        bench.sandbox.run([dvc, "pull", "-q"], cwd=clone, timeout=1_200)
    drop_caches()
    for tag in ("v1", "v2", "v1"):
        bench.sandbox.git(clone, "checkout", "-q", tag)
        values.append(
            seconds(lambda: bench.sandbox.run([dvc, "checkout", "-q"], cwd=clone, timeout=1_200))
        )
    shutil.rmtree(clone)
    return f"dvc checkout: {median(values):.1f} s"
