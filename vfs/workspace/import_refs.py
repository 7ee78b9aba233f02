"""References to the sources of `dvc import`: what a pointer says, made absolute, bounded and checked.

Bounds: `MAX_DEPTH` repositories deep; a repository that leads back to itself at the same commit
and path is refused. Trust: a repository that was cloned from a URL may not import from local paths
(it could read any repository of the user's into the mount).
"""

import os
import re
from pathlib import Path
from typing import NamedTuple

from vfs.errors import Unsupported
from vfs.formats.values import ImportSource
from vfs.workspace.origins import ImportRef

MAX_DEPTH = 8
_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|[^/@:]+@[^/:]+:|[^/@:.]+:(?!/?$)")


def is_remote(url: str) -> bool:
    """Whether a pointer's URL of a repository is one, and no path of this machine."""
    return _REMOTE.match(url) is not None


class Trail(NamedTuple):
    """The imports that led here, outermost first."""

    steps: tuple[ImportRef, ...] = ()

    def further(self, ref: ImportRef) -> "Trail":
        """One step more.

        Raises:
            Unsupported: it is too deep, or leads in a circle.
        """
        if any(
            (s.url, s.revision, s.path) == (ref.url, ref.revision, ref.path) for s in self.steps
        ):
            raise Unsupported(f"the import of {ref_text(ref)} leads back to itself")
        if len(self.steps) >= MAX_DEPTH:
            raise Unsupported(f"imports are nested more than {MAX_DEPTH} repositories deep")
        return Trail((*self.steps, ref))


class Base(NamedTuple):
    """The importing repository.

    Attributes:
        git_dir: its Git directory.
        root: where relative URLs start; None if local sources may not be used.
    """

    git_dir: str
    root: Path | None

    def reference(self, source: ImportSource) -> ImportRef:
        """The source as a value.

        Raises:
            Unsupported: it may not be used from here.
        """
        url = source.url
        if not is_remote(url):
            if self.root is None:
                raise Unsupported(
                    "a repository that was cloned from a URL may not import from a local path",
                    hint="clone the repository yourself and mount the clone",
                )
            url = os.path.normpath(self.root / url)
        elif url.lower().startswith("file:") and self.root is None:
            raise Unsupported("a repository that was cloned from a URL may not import from file://")
        config = source.config if isinstance(source.config, dict) else {}
        remote = source.remote
        if isinstance(remote, dict):
            config = {**config, "remote": {**_section(config, "remote"), _ADHOC: remote}}
            remote = _ADHOC
        return ImportRef(
            self.git_dir,
            url,
            source.rev_lock or source.rev or "",
            source.path.strip("/").encode("utf-8", "surrogateescape"),
            tuple(sorted(_flat(config))),
            remote.lower() if remote else None,
        )


_ADHOC = "import"


def _section(config: dict[str, object], name: str) -> dict[str, object]:
    value = config.get(name)
    return dict(value) if isinstance(value, dict) else {}


def _flat(config: dict[str, object]) -> list[tuple[str, str, str, str]]:
    """Nested configuration entries as (section, name, option, value); others are left out."""
    found = []
    for section, values in config.items():
        for key, value in values.items() if isinstance(values, dict) else ():
            if isinstance(value, dict):
                found += [
                    (section, str(key), str(option), str(item)) for option, item in value.items()
                ]
            else:
                found.append((section, "", str(key), str(value)))
    return found


def nested(flat: tuple[tuple[str, str, str, str], ...]) -> dict[str, dict[str, object]]:
    """Inverse of flattening: a configuration layer."""
    config: dict[str, dict[str, object]] = {}
    for section, name, option, value in flat:
        target = config.setdefault(section, {})
        if name:
            below = target.setdefault(name, {})
            assert isinstance(below, dict)
            below[option] = value
        else:
            target[option] = value
    return config


def ref_text(ref: ImportRef) -> str:
    """A reference in words, without credentials."""
    from vfs.workspace.urls import shown_url

    path = ref.path.decode("utf-8", "backslashreplace")
    return f"{path or '/'} of {shown_url(ref.url)} at {ref.revision[:12] or 'HEAD'}"
