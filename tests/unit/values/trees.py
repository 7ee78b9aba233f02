"""Revisions whose files are in memory."""

from collections.abc import Mapping, Sequence

from vfs.errors import FormatError, UnknownPath
from vfs.formats.file_names import is_pointer
from vfs.formats.stage_values import Definition


class Memory:
    """A revision of some texts."""

    def __init__(self, name: str, files: Mapping[str, str | bytes]) -> None:
        self.name = name
        self._files = {
            path.encode(): text.encode() if isinstance(text, str) else text
            for path, text in files.items()
        }

    def pipelines(self) -> Sequence[bytes]:
        return sorted(p for p in self._files if p.endswith(b"dvc.yaml") or is_pointer(p))

    def relative(self, definition: Definition) -> Definition:
        return definition

    def read(self, path: bytes, limit: int) -> bytes:
        if path not in self._files:
            raise UnknownPath(f"{path.decode()} is not in {self.name}")
        if len(self._files[path]) > limit:
            raise FormatError("is too large", file=path.decode())
        return self._files[path]

    def files(self, path: bytes) -> list[bytes] | None:
        top = path + b"/" if path else b""
        return sorted(p for p in self._files if p.startswith(top) and p != path) or None
