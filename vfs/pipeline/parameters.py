"""The parameters of stages, as their files have them now; what is recorded and not here has them as it was recorded, if commands find it."""

import os
from collections.abc import Mapping
from typing import Any

from vfs.errors import FormatError
from vfs.formats.documents import parse_document
from vfs.formats.params import selected
from vfs.formats.stage_values import DeclaredParams, Definition
from vfs.objects import Fingerprint, fingerprint
from vfs.pipeline.measure import Measure, Place, place_of
from vfs.tracking import writes
from vfs.tracking.project import Project
from vfs.types import Digest


class Parameters:
    """Reads files of parameters; each once, as long as it does not change."""

    def __init__(self, project: Project, measure: Measure) -> None:
        """`measure`: knows what is not here."""
        self._project = project
        self._measure = measure
        self._files: dict[bytes, tuple[Fingerprint | Digest, Any]] = {}

    def values(self, definition: Definition, params: DeclaredParams) -> Mapping[str, Any] | None:
        """The values of the keys that are there (or of the whole file); None if there is no such file.

        Raises:
            DataUnavailable: it is not here, and no place has it.
            FormatError: the file cannot be read as what it is.
        """
        place = place_of(self._project, definition.wdir, params.written, params.path)
        name = params.path if params.path is not None else os.fsencode(params.written)
        place = self._measure.led(place)
        found = self._found(place)
        if found is None:
            return None
        known = self._files.get(place.absolute)
        if known is None or known[0] != found:
            data = self._read(place, found)
            if data is None:
                return None
            known = found, parse_document(data, name)
            self._files[place.absolute] = known
        return selected(known[1], name, params.keys)

    def _found(self, place: Place) -> Fingerprint | Digest | None:
        """Which content the file has; None if there is no such file."""
        try:
            return fingerprint(os.stat(place.absolute))
        except OSError:
            recorded = self._measure.recorded(place)
        return None if recorded is None or recorded.is_tree else recorded.digest

    def _read(self, place: Place, found: Fingerprint | Digest) -> bytes | None:
        absent = self._measure.absent
        if isinstance(found, Digest) and absent is not None and place.path is not None:
            return absent.read(place.path, found, writes.LIMIT)
        return writes.read(place.absolute)


def missing(params: DeclaredParams, values: Mapping[str, Any]) -> FormatError | None:
    """The error of parameters that a stage needs and its file does not have."""
    lacking = [key for key in params.keys if key not in values]
    if not lacking:
        return None
    return FormatError(f"has no {', '.join(lacking)}", file=params.written)
