"""Runs lines in a private view and writes what became of them: python -m tests.sandbox.driver ORDER.json RESULT.json."""

import json
import os
import signal
import sys
from pathlib import Path

from vfs.errors import VfsError
from vfs.sandbox.trace import save
from vfs.sandbox.view import View


def main(order: Path, result: Path) -> None:
    asked = json.loads(order.read_text())
    environment = dict(os.environ)
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)  # as a runner that waits for its command
    said: dict[str, object] = {}
    try:
        view = View(
            asked["tree"],
            asked["scratch"],
            below=asked["below"],
            hide=asked["hide"],
            through=asked["through"],
            unwatched=asked["unwatched"],
        )
        try:
            status = view.run(
                [[environment["SHELL"], "-c", line] for line in asked["lines"]],
                asked["cwd"],
                environment,
                ignored=asked["ignored"],
            )
            said |= {"code": status.code, "last": status.last, "read": status.read}
            if view.trace is not None:
                with result.with_name("trace").open("wb") as file:
                    save(view.trace, file)
            said["changes"] = [
                [
                    os.fsdecode(c.path),
                    c.what.value,
                    c.kind.value,
                    c.mode,
                    c.size,
                    c.links,
                    c.replaced,
                ]
                for c in view.changes()
            ]
        finally:
            view.close(keep=asked["keep"])
    except VfsError as error:
        said |= {"error": error.message, "hint": error.hint}
    result.write_text(json.dumps(said))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
