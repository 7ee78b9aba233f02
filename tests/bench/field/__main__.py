"""Measures vfs beside its peers and prints the tables; `make bench-field`.

    python -m tests.bench.field [--quick] [--latency MS]… [--rounds N] [--peer NAME]… [--row NAME]… [--json FILE]

NAME is the beginning of a peer's or a metric's name; vfs itself always takes part. Root only: caches of the kernel are dropped.
"""

import argparse
import json
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import FrameType

from tests.bench.field import table, tour
from tests.bench.field.data import FULL, MIB, QUICK
from tests.bench.field.found import METRICS, Found
from tests.bench.field.peers import all_peers
from tests.bench.field.verdicts import OURS, keys
from tests.bench.harness import processor


def parsed(words: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make bench-field", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="128 MiB and 1,000 files, one round")
    parser.add_argument("--latency", type=int, action="append", metavar="MS", help="0 and 20")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--large", type=int, metavar="MIB", help="of the large file")
    parser.add_argument("--files", type=int, help="how many small ones")
    parser.add_argument("--seconds", type=float, help="of a random read")
    parser.add_argument("--mock", action="store_true", help="MiniStack instead of Ceph")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME")
    parser.add_argument("--row", action="append", default=[], metavar="NAME")
    parser.add_argument("--json", type=Path, default=Path(".cache/bench-field.json"))
    parser.add_argument("--list", action="store_true", help="name peers and rows, measure nothing")
    return parser.parse_args(words)


def plan_of(asked: argparse.Namespace) -> tour.Plan:
    """What to measure."""
    size = QUICK if asked.quick else FULL
    size = replace(
        size,
        large=asked.large * MIB if asked.large else size.large,
        files=asked.files or size.files,
        seconds=asked.seconds or size.seconds,
    )
    peers = [
        peer
        for peer in all_peers()
        if not asked.peer or peer.name == OURS or any(map(peer.name.startswith, asked.peer))
    ]
    rounds = asked.rounds or (1 if asked.quick else 3)
    return tour.Plan(peers, asked.latency or [0, 20], rounds, size, keys(asked.row), asked.mock)


def main(words: list[str]) -> int:
    """Run; 1 if it was interrupted (a peer that fails is told in the tables)."""
    asked = parsed(words)
    plan = plan_of(asked)
    if asked.list:
        print(
            "\n".join(
                [peer.name for peer in plan.peers] + [f"  {m.key}: {m.title}" for m in METRICS]
            )
        )
        return 0
    if os.geteuid() != 0:
        print(
            "error: only root may drop the kernel's caches, without which nothing is cold",
            file=sys.stderr,
        )
        return 2
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    found, began, before = Found(), time.time(), os.getloadavg()
    ended = True
    try:
        tour.run(plan, found)
    except KeyboardInterrupt:
        ended = False
        print("interrupted; what was measured:", file=sys.stderr)
    head = {
        "machine": processor(), "began": began, "seconds": time.time() - began, "complete": ended,
        "load": [before, os.getloadavg()], "large": plan.size.large, "files": plan.size.files, "rounds": plan.rounds,
    }  # fmt: skip
    print(f"\n{processor()}, {time.strftime('%Y-%m-%d')}; {plan.size.large // MIB:,} MiB, {plan.size.files:,} files, {plan.rounds} round(s); load {before[0]:.1f} to {os.getloadavg()[0]:.1f}\n")  # fmt: skip
    print("\n".join(table.report(found, list(plan.latencies))))
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    asked.json.write_text(json.dumps(head | found.document(), indent=1), encoding="utf-8")
    return 0 if ended else 1


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # what was started is being taken down
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
