"""Runs benchmarks and prints one markdown table.

    python -m tests.bench [--short] [--json FILE] [NAME…]

NAME is a part of a script's name (`switch` runs row_switch.py); without one, all run.
"""

import argparse
import importlib
import json
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from tests.bench.harness import Row, fresh_bench, processor

HERE = Path(__file__).parent
HEAD = ("what", "measured (range)", "yardstick", "target", "reached")


def scripts(wanted: list[str]) -> list[str]:
    """Names of the modules to run."""
    names = sorted(path.stem for path in HERE.glob("row_*.py"))
    return [name for name in names if not wanted or any(part in name for part in wanted)]


def table(rows: list[Row]) -> Iterator[str]:
    """The lines of the markdown table."""
    yield "| " + " | ".join(HEAD) + " |"
    yield "|" + "---|" * len(HEAD)
    for row in rows:
        yield "| " + " | ".join(row.cells()) + " |"


def measure(name: str, *, large: bool) -> list[Row]:
    """Run one script; what it had measured before a failure is kept."""
    rows: list[Row] = []
    module = importlib.import_module(f"tests.bench.{name}")
    with fresh_bench(large) as bench:
        for row in module.run(bench):
            rows.append(row)
            print(f"  {row.what}: {row.cells()[1]}  {row.yardstick}", file=sys.stderr, flush=True)
    return rows


def main() -> int:
    """Run what was asked for; 1 if a script failed (a target missed is not a failure)."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--short", action="store_true", help="without what takes minutes")
    parser.add_argument("--json", type=Path, default=Path(".cache/bench.json"))
    parser.add_argument("names", nargs="*")
    asked = parser.parse_args()
    rows: list[Row] = []
    failed = 0
    for name in scripts(asked.names):
        print(name, file=sys.stderr, flush=True)
        try:
            rows += measure(name, large=not asked.short)
        except Exception:  # noqa: BLE001 - one that fails must not hide the others
            failed += 1
            traceback.print_exc()
    print(f"\n{processor()}, {time.strftime('%Y-%m-%d')}\n")
    print("\n".join(table(rows)))
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    document = {"machine": processor(), "time": time.time(), "rows": [r.document() for r in rows]}
    asked.json.write_text(json.dumps(document, indent=1), encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
