"""Makes this checkout and its Python reachable for every user in a mount namespace of its own, and runs a command there.

    python opened.py DEVICE PATH… -- COMMAND…

They may lie below a directory that is closed to others, such as root's home. That is covered by an empty one, and what is needed is bound
back into it. /dev/fuse is covered by DEVICE. Run as root, in a namespace that sends nothing out.
"""

import os
import sys

from vfs.sandbox import kernel


def main() -> None:
    device, words = os.fsencode(sys.argv[1]), sys.argv[2:]
    paths, command = words[: words.index("--")], words[words.index("--") + 1 :]
    kernel.unshare(kernel.NEW_NAMESPACE)
    kernel.mount(device, b"/dev/fuse", None, kernel.BIND, b"")
    needed = [(path, os.open(path, os.O_PATH)) for path in paths if _closed_above(path)]
    for top in sorted({_closed_above(path) for path, _ in needed}):
        kernel.mount(b"none", os.fsencode(top), b"tmpfs", 0, b"mode=755")
    for path, number in needed:
        os.makedirs(path, exist_ok=True)
        source = b"/proc/self/fd/%d" % number
        kernel.mount(source, os.fsencode(path), None, kernel.BIND | kernel.RECURSIVE, b"")
        os.close(number)
    os.chdir("/")
    os.execvp(command[0], command)


def _closed_above(path: str) -> str:
    """The highest directory above a path that others may not pass; empty for none."""
    parts = path.split("/")
    for count in range(2, len(parts) + 1):
        above = "/".join(parts[:count])
        if not os.stat(above).st_mode & 0o001:
            return above
    return ""


main()
