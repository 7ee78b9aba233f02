"""One more entry in a long `dvc.lock` without reading all of it again, which takes longer than most stages.

Rule: only for text that `vfs.formats.locked.with_entries` just made; the bytes are those that it would make. Entries begin with their key at two
blanks, and whatever belongs to one is indented deeper.
"""

import re

from vfs.formats.locked import entry
from vfs.formats.pointer_text import dump_yaml
from vfs.formats.stage_values import Locked

_BEGIN = b"schema: '2.0'\nstages:\n"
_ENTRY = re.compile(rb"^  (?! )", re.MULTILINE)
_TOP = re.compile(rb"^\S", re.MULTILINE)


def spliced(old: bytes, name: str, run: Locked) -> bytes | None:
    """The lock with another entry for a stage; None: it takes the long way."""
    if not old.startswith(_BEGIN) or b"#" in old or b"\n  ? " in old:
        return None
    if _TOP.search(old, len(_BEGIN)):
        return None  # something follows the stages
    made = dump_yaml({"stages": {name: entry(run)}}).removeprefix(b"stages:\n")
    key = made.partition(b"\n")[0] + b"\n"
    if b"#" in made or not key.endswith(b":\n") or key.startswith(b"  ? "):
        return None
    start = old.find(b"\n" + key, len(_BEGIN) - 1)
    if start < 0:
        return old + made
    following = _ENTRY.search(old, start + 1 + len(key))
    end = following.start() if following else len(old)
    return old[: start + 1] + made + old[end:]
