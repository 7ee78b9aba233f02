"""The variables of a `dvc.yaml`.

Rules (source: DVC's `parsing/context.py`): they come from `params.yaml` beside `dvc.yaml` if it exists, then from `vars`: files,
`file:key1,key2`, or mappings. Mappings merge deeply, a value may not be redefined; a file may come again as a whole, not in
part; `item` and `key` of generated stages are reserved. Keys that are no strings are left out.

Invariant: raises nothing but `FormatError`. What is in a `Scope` never changes once others read it: `with_items` copies.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from vfs.core.paths import resolve_relative, show
from vfs.errors import FormatError
from vfs.formats.documents import parse_document
from vfs.formats.fields import clip
from vfs.formats.templating import Variables

DEFAULT_FILE = "params.yaml"
MAX_DEPTH = 100


class Scope:
    """Variables, and which files they came from.

    Attributes:
        values: by name.
    """

    __slots__ = ("_file", "_files", "_loaded", "values")

    def __init__(self, files: Mapping[bytes, bytes], file: str) -> None:
        """Without any.

        Args:
            files: contents of variable files by repository path.
            file: the `dvc.yaml`, for messages.
        """
        self.values: Variables = {}
        self._files = files
        self._file = file
        self._loaded: dict[bytes, set[str] | None] = {}

    def with_items(
        self, items: list[Any], directory: bytes, reserved: Collection[str] = ()
    ) -> "Scope":
        """These variables and those of a `vars:` list.

        Args:
            items: of the list.
            directory: repository directory that file names are relative to.
            reserved: names that they may not have.

        Raises:
            FormatError: a file is missing, malformed, loaded in part twice, or a variable is redefined.
        """
        new = Scope(self._files, self._file)
        new.values = merged(self.values, self._file)
        new._loaded = {
            path: keys if keys is None else set(keys) for path, keys in self._loaded.items()
        }
        for item in items:
            if isinstance(item, dict):
                update: Mapping[Any, Any] = item
            elif isinstance(item, str):
                update = new._load(item, directory)
            else:
                raise FormatError(
                    f"vars: expected a file or a mapping, found {clip(item)}", file=self._file
                )
            for name in reserved:
                if name in update:
                    raise FormatError(
                        f"redefines the reserved variable {clip(name)}", file=self._file
                    )
            merge(new.values, update, self._file)
        return new

    def overlaid(self, values: Variables) -> "Scope":
        """These variables, where `values` come before those of the same name."""
        new = Scope(self._files, self._file)
        new.values = {**self.values, **values}
        new._loaded = self._loaded
        return new

    def _load(self, item: str, directory: bytes) -> Mapping[Any, Any]:
        path = variable_file(item, directory)
        keys = [key for key in item.partition(":")[2].split(",") if key]
        if path in self._loaded:
            before = self._loaded[path]
            if before is None and not keys:
                return {}
            if before is None or not keys or before & set(keys):
                raise FormatError(f"vars: loads {clip(item)} a second time", file=self._file)
        if path not in self._files:
            raise FormatError(
                f"the variable file {show(path)} is missing",
                file=self._file,
                hint="put it into Git, or let a pointer record it: `vfs add`",
            )
        values = parse_document(self._files[path], path)
        if not isinstance(values, dict):
            raise FormatError(
                f"expected a mapping of variables, found {clip(values)}", file=show(path)[1:-1]
            )
        missing = [key for key in keys if key not in values]
        if missing:
            raise FormatError(f"{show(path)} has no variable {clip(missing[0])}", file=self._file)
        self._loaded[path] = (self._loaded.get(path) or set()) | set(keys) if keys else None
        return {key: values[key] for key in keys} if keys else values


def global_scope(
    items: list[Any], directory: bytes, files: Mapping[bytes, bytes], file: str
) -> Scope:
    """The variables of a whole `dvc.yaml`.

    Args:
        items: its `vars`.
        directory: repository directory it lies in.
        files: contents of variable files by repository path.
        file: its name for messages.

    Raises:
        FormatError: as for `Scope.with_items`.
    """
    first = [DEFAULT_FILE] if variable_file(DEFAULT_FILE, directory) in files else []
    return Scope(files, file).with_items([*first, *items], directory)


class OnDemand(Mapping[bytes, bytes]):
    """Variable files that are read when they are asked for: which ones are needed shows while a `dvc.yaml` is resolved."""

    def __init__(self, read: Callable[[bytes], bytes | None]) -> None:
        """Read by `read`, which gives None for what is no file."""
        self._read = read
        self.known: dict[bytes, bytes | None] = {}

    def _get(self, path: bytes) -> bytes | None:
        if path not in self.known:
            self.known[path] = self._read(path)
        return self.known[path]

    def __getitem__(self, path: bytes) -> bytes:
        data = self._get(path)
        if data is None:
            raise KeyError(path)
        return data

    def __contains__(self, path: object) -> bool:
        return isinstance(path, bytes) and self._get(path) is not None

    def __iter__(self) -> Iterator[bytes]:
        return (path for path, data in self.known.items() if data is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def variable_file(item: str, directory: bytes) -> bytes:
    """The repository path of the file that an item of `vars:` names.

    Raises:
        UnsafePath: it lies outside the repository.
    """
    return resolve_relative(directory, item.partition(":")[0])


def merge(into: Variables, update: Mapping[Any, Any], file: str, depth: int = 0) -> None:
    """Add variables; mappings merge, nothing is redefined.

    Raises:
        FormatError: a variable has a value already, is of an unknown kind, or the nesting is too deep.
    """
    if depth > MAX_DEPTH:
        raise FormatError(f"variables are nested deeper than {MAX_DEPTH} levels", file=file)
    for key, value in update.items():
        if not isinstance(key, str):
            continue  # DVC ignores such keys
        old = into.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            merge(old, value, file, depth + 1)
        elif key in into:
            raise FormatError(f"redefines the variable {clip(key)}", file=file)
        else:
            into[key] = _copied(value, file, depth)


def merged(values: Mapping[Any, Any], file: str) -> Variables:
    """A copy that `merge` may change. Raises FormatError as it does."""
    copy: Variables = {}
    merge(copy, values, file)
    return copy


def _copied(value: Any, file: str, depth: int) -> Any:
    """A copy that `merge` may change: mappings are copied, what is no variable is refused."""
    if isinstance(value, dict):
        copy: Variables = {}
        merge(copy, value, file, depth + 1)
        return copy
    if isinstance(value, list):
        if depth > MAX_DEPTH:
            raise FormatError(f"variables are nested deeper than {MAX_DEPTH} levels", file=file)
        return [_copied(item, file, depth + 1) for item in value]
    if isinstance(value, (tuple, set)):
        raise FormatError(f"a {type(value).__name__} can be no variable", file=file)
    return value
