"""Git hooks, and the merge driver of `.dvc` files.

Rule: nothing of anybody else's is overwritten; what is in the way is named, with what to add to it.
"""

from pathlib import Path
from typing import Final, NamedTuple

from vfs.config.writing import read_file, write_file
from vfs.git.here import git_directories
from vfs.git.staging import get_config, hooks_path, set_config

HOOKS: Final = ("post-checkout", "pre-commit", "pre-push")
DRIVER: Final = "vfs git-hook merge-driver %O %A %B %P"
ATTRIBUTE: Final = "*.dvc merge=dvc"
_MARK: Final = "# made by vfs install"
_HOOK: Final = """\
#!/bin/sh
{mark}
command -v vfs >/dev/null || { echo "vfs is not on the PATH: {name} is skipped" >&2; exit 0; }
{line}
"""


class Installed(NamedTuple):
    """One thing.

    Attributes:
        what: the hook, `merge driver` or `.gitattributes`.
        where: its file, or the key of Git's configuration.
        add: what its owner is to add by hand; "" if it is in place.
    """

    what: str
    where: str
    add: str


def install(root: Path) -> list[Installed]:
    """Install all of it in the working tree whose top is `root`; may be repeated.

    Raises:
        NotARepository: it is none.
        ConfigError, StoreError: a file cannot be written.
    """
    _, shared = git_directories(root)
    chosen = hooks_path(root)
    directory = shared / "hooks" if chosen is None else root / Path(chosen).expanduser()
    done = [_hook(directory, name, ours=chosen is None) for name in HOOKS]
    return [*done, _driver(root), _attributes(root)]


def _hook(directory: Path, name: str, *, ours: bool) -> Installed:
    """A hook; in a directory that the user chose for all hooks, nothing is made."""
    file, line = directory / name, f'exec vfs git-hook {name} "$@"'
    old = read_file(file)
    if (old and _MARK.encode() not in old) or not ours:
        there = f"vfs git-hook {name}".encode() in old
        return Installed(name, str(file), "" if there else line.removeprefix("exec "))
    text = _HOOK.replace("{mark}", _MARK).replace("{name}", name).replace("{line}", line)
    write_file(file, text.encode())
    file.chmod(0o755)
    return Installed(name, str(file), "")


def _driver(root: Path) -> Installed:
    key = "merge.dvc.driver"
    old = get_config(root, key)
    if old not in (None, DRIVER):
        return Installed("merge driver", key, f"git config {key} '{DRIVER}'")
    set_config(root, "merge.dvc.name", "directories tracked by DVC")
    set_config(root, key, DRIVER)
    return Installed("merge driver", key, "")


def _attributes(root: Path) -> Installed:
    file = root / ".gitattributes"
    old = read_file(file)
    if b"merge=dvc" not in old:
        end = b"" if not old or old.endswith(b"\n") else b"\n"
        write_file(file, old + end + ATTRIBUTE.encode() + b"\n", inside=root)
    return Installed(".gitattributes", str(file), "")
