"""Writing `dvc.lock` in the form of DVC 3.

Rule: edited in place; an item whose old hash has no new one known keeps its form, which DVC 3 reads beside the new one.
"""

import io
from collections.abc import Callable
from typing import Any

from vfs.errors import FormatError

NewHash = Callable[[str, str], str | None]
"""(path as written, old `md5` value) -> the `md5` value of DVC 3; None if it is not known."""


def modern_lock(old: bytes, file: str, new_hash: NewHash) -> bytes:
    """A lock whose items have hashes of DVC 3, in schema 2.0; the bytes it had if nothing changed.

    Args:
        old: the bytes it has.
        file: its name in messages.
        new_hash: what becomes of an item.

    Raises:
        FormatError: it is no lock.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    yaml = YAML()
    yaml.default_flow_style = False
    try:
        document = yaml.load(old.decode())
        changed = False
        if not isinstance(document.get("schema"), str):  # DVC 1; a stage may be called `schema`
            document, changed = {"schema": "2.0", "stages": document}, True
        for stage in (document.get("stages") or {}).values():
            for item in (*(stage.get("deps") or ()), *(stage.get("outs") or ())):
                changed |= _renew(item, new_hash)
    except (YAMLError, UnicodeDecodeError, AttributeError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise FormatError(f"is no lock: {reason}", file=file) from None
    if not changed:
        return old
    stream = io.BytesIO()
    yaml.dump(document, stream)
    return stream.getvalue()


def _renew(item: Any, new_hash: NewHash) -> bool:
    if "hash" in item or "md5" not in item:
        return False
    new = new_hash(str(item["path"]), str(item["md5"]))
    if new is None:
        return False
    item.insert(1, "hash", "md5")
    item["md5"] = new
    return True
