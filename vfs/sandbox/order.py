"""What a caller tells the program that makes a view; only types, which that program does not import."""

from typing import Literal, TypedDict


class Layout(TypedDict):
    """What lies where; absolute paths, but for `hide` and `through`, which are relative to the tree.

    Attributes:
        tree: the working tree, a real path.
        upper: where writes go.
        work: an empty directory on the same file system.
        mask: an empty directory, for the mask to be mounted on.
        below: directories below the working tree, the uppermost first.
        hide: what they do not show.
        through: what of the working tree is not overlaid.
    """

    tree: bytes
    upper: bytes
    work: bytes
    mask: bytes
    below: list[bytes]
    hide: list[bytes]
    through: list[bytes]


class Watching(TypedDict):
    """What the commands touched is wanted (`vfs.sandbox.watch`).

    Attributes:
        result: a descriptor to write it to.
        shadow: an empty directory, for the lowest layer to be mounted on.
        ignored: names of directories that are not watched, wherever they are.
    """

    result: int
    shadow: bytes
    ignored: list[bytes]


class Order(TypedDict):
    """What to run.

    Attributes:
        layout: the view.
        watching: whether what they touch is wanted.
        commands: argument vectors, run one after the other until one fails; the program is an absolute path or looked up in PATH.
        cwd: where they start.
        environment: theirs, whole.
        ignored: signals that they ignore from the start.
        blocked: signals that they block from the start.
    """

    layout: Layout
    watching: Watching | None
    commands: list[list[bytes]]
    cwd: bytes
    environment: dict[bytes, bytes]
    ignored: list[int]
    blocked: list[int]


Report = (
    tuple[Literal["failed"], str, int, bytes]
    | tuple[Literal["ready"]]
    | tuple[Literal["ended"], int, int, int]
)
"""What the program says: the step that failed, its errno and path; that the view is made; the last command that ran, how it ended, and how many bytes all that ran
had read (-1: not known)."""
