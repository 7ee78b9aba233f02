"""The parameters of stages, as their files have them now."""

import os
from collections.abc import Mapping
from typing import Any

from vfs.errors import FormatError
from vfs.formats.documents import parse_document
from vfs.formats.params import selected
from vfs.formats.stage_values import DeclaredParams, Definition
from vfs.objects import Fingerprint, fingerprint
from vfs.pipeline.measure import place_of
from vfs.tracking import writes
from vfs.tracking.project import Project


class Parameters:
    """Reads files of parameters; each once, as long as it does not change."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._files: dict[bytes, tuple[Fingerprint, Any]] = {}

    def values(self, definition: Definition, params: DeclaredParams) -> Mapping[str, Any] | None:
        """The values of the keys that are there (or of the whole file); None if there is no such file.

        Raises:
            FormatError: the file cannot be read as what it is.
        """
        place = place_of(self._project, definition.wdir, params.written, params.path)
        name = params.path if params.path is not None else os.fsencode(params.written)
        try:
            found = fingerprint(os.stat(place.absolute))
        except OSError:
            return None
        known = self._files.get(place.absolute)
        if known is None or known[0] != found:
            data = writes.read(place.absolute)
            if data is None:
                return None
            known = found, parse_document(data, name)
            self._files[place.absolute] = known
        return selected(known[1], name, params.keys)


def missing(params: DeclaredParams, values: Mapping[str, Any]) -> FormatError | None:
    """The error of parameters that a stage needs and its file does not have."""
    lacking = [key for key in params.keys if key not in values]
    if not lacking:
        return None
    return FormatError(f"has no {', '.join(lacking)}", file=params.written)
