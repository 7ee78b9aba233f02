"""Values of options that several kinds of remotes have. Invariant: pure."""

import math
import re

from vfs.errors import ConfigError
from vfs.remotes.base import RemoteSpec


def check_name(spec: RemoteSpec, kind: str, name: str, pattern: re.Pattern[str], form: str) -> None:
    """Refuse what cannot be the name of a bucket (or container: `kind`); `form` says what such names look like.

    Raises:
        ConfigError: there is none, or no place has such a name.
    """
    if not name:
        hint = f"{spec.url.partition('://')[0]}://{kind}/path"
        raise ConfigError(f"remote {spec.name}: its URL names no {kind}", hint=hint)
    if not pattern.fullmatch(name):
        raise ConfigError(f"remote {spec.name}: no {kind} can be called {name[:80]!r}", hint=form)


def truth(spec: RemoteSpec, name: str, *, default: bool) -> bool:
    """A flag.

    Raises:
        ConfigError: it is neither true nor false.
    """
    value = spec.options.get(name)
    if value is None or value == "":
        return default
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise ConfigError(f"remote {spec.name}: {name} must be true or false")


def verify(value: str | None) -> bool | str | None:
    """`ssl_verify`: True, False, the path of a CA bundle, or None if it is not set."""
    if not value:
        return None
    lowered = value.lower()
    return lowered == "true" if lowered in ("true", "false") else value


def seconds(spec: RemoteSpec, name: str) -> float | None:
    """A timeout; None if it is not set.

    Raises:
        ConfigError: it is no number, or none that makes sense.
    """
    value = spec.options.get(name)
    if not value:
        return None
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not 0 < number < 86400:
        raise ConfigError(f"remote {spec.name}: {name} must be a number of seconds")
    return number
