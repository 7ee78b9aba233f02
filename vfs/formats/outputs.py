"""The out entries of pointers and locks.

Purpose: one `outs[]` item -> `Out`, the same for `.dvc` files and `dvc.lock`.

Rules (source: DVC's `output.py`, checked against DVC 2.58 and 3.67):
  * `md5` with `hash: md5` is the MD5 of the bytes; `md5` without `hash` is DVC 2's
    md5-dos2unix. A trailing `.dir` means a listing. Letter case does not matter.
  * `cloud: {remote: {etag, version_id}}` (or these keys directly) says where a version-aware
    remote keeps the content; `files:` lists a directory's files in place of a `.dir`.
  * an out outside the repository (a URL, `remote://`, an absolute path) is known, but not
    served: `Unsupported` in words, as a `Problem`.
  * keys that no DVC ever wrote are refused, as DVC does.

Invariant: raises nothing but `FormatError` (including `UnsafePath`).
"""

import re
from collections.abc import Iterable
from itertools import pairwise
from operator import itemgetter

from vfs.core.paths import check_listed, check_path, resolve_relative, show
from vfs.errors import FormatError
from vfs.formats.fields import Fields, clip
from vfs.formats.values import FileEntry, Out, Place
from vfs.types import Algorithm, Digest, Problem

_CHECKSUMS = frozenset({"md5", "etag", "checksum"})
_META = _CHECKSUMS | {"size", "nfiles", "isexec", "version_id", "remote"}
FILE_KEYS = _META | {"relpath", "cloud", "hash", "isdir"}
OUT_KEYS = _META | {
    "path", "hash", "cloud", "files", "cache", "persist", "push", "desc", "type", "labels",
    "meta", "fs_config", "metric", "plot", "tags", "checkpoint", "live", "isdir",
}  # fmt: skip
# Under these keys YAML scalars are texts, whatever they look like (see `yaml12.load`).
TEXT_KEYS = frozenset(
    {"path", "relpath", "md5", "etag", "checksum", "version_id", "hash", "remote", "url"}
    | {"rev", "rev_lock", "wdir", "schema"}
)
_ALGORITHMS = {"md5": Algorithm.MD5, "md5-dos2unix": Algorithm.MD5_DOS2UNIX}
_HEX32 = re.compile(r"[0-9a-f]{32}\Z")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")
_WINDOWS = re.compile(r"[A-Za-z]:[\\/]")


def external(path: str) -> bool:
    """Whether an out's or dependency's path is a URL or absolute, i.e. outside the repository."""
    return path.startswith("/") or bool(_URL.match(path) or _WINDOWS.match(path))


def resolve_wdir(directory: bytes, wdir: str | None, fields: Fields) -> bytes:
    """The repository directory that paths of a stage are relative to.

    Raises:
        FormatError: it lies outside the repository.
    """
    try:
        return resolve_relative(directory, wdir or ".")
    except FormatError as error:
        raise _placed(error, fields, "wdir") from None


def covers(out: bytes, holder: bytes) -> bool:
    """Whether an out at a path would hide the file that names it; DVC makes none, and deletes the file if it meets one."""
    return holder == out or holder.startswith(out + b"/")


def parse_out(fields: Fields, wdir: bytes, holder: bytes) -> Out:
    """One out.

    Args:
        fields: its mapping.
        wdir: repository directory its path is relative to.
        holder: repository path of the file that names it.

    Raises:
        FormatError: anything about it that cannot be used.
    """
    fields.allow(OUT_KEYS)
    path = out_path(fields, wdir)
    if covers(path, holder):
        raise fields.error("path", f"the output {show(path)} would cover the file that names it")
    digest, is_tree = parse_hash(fields)
    files = parse_files(fields)
    nfiles = fields.count("nfiles")
    return Out(
        path=path,
        digest=digest,
        is_tree=files is not None or (bool(nfiles) if digest is None else is_tree),
        size=fields.count("size"),
        nfiles=nfiles,
        executable=fields.flag("isexec"),
        cached=fields.flag("cache", True),
        persist=fields.flag("persist"),
        remote=lowered(fields.text("remote")),
        push=fields.flag("push", True),
        files=files,
        place=parse_place(fields),
    )


def out_path(fields: Fields, wdir: bytes) -> bytes:
    """Where the out lies in the repository.

    Raises:
        FormatError: outside the repository, in a forbidden place, or no path at all.
    """
    written = fields.required_text("path")
    if external(written):
        raise fields.error(
            "path",
            f"{_without_user(written)} is an output outside the repository, which vfs does not serve",
        )
    try:
        return check_path(resolve_relative(wdir, written))
    except FormatError as error:
        raise _placed(error, fields, "path") from None


def _without_user(url: str) -> str:
    """A URL for a message: without the user and password it may hold."""
    scheme, mark, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return clip(scheme + mark + host.rpartition("@")[2] + slash + path)


def parse_hash(fields: Fields) -> tuple[Digest | None, bool]:
    """The digest an item names, and whether it ends in `.dir`.

    Raises:
        FormatError: the hash is malformed or of a kind that is not known.
    """
    algorithm = _algorithm(fields, Algorithm.MD5_DOS2UNIX)
    value = hex_digest(fields)
    if not value:
        return None, False
    plain = value.removesuffix(".dir")
    return Digest(algorithm, bytes.fromhex(plain)), plain != value


def _algorithm(fields: Fields, default: Algorithm) -> Algorithm:
    kind = fields.text("hash")
    if not kind:
        return default
    if kind not in _ALGORITHMS:
        raise fields.error("hash", f"unknown kind of hash {clip(kind)}, expected md5")
    return _ALGORITHMS[kind]


def hex_digest(fields: Fields) -> str:
    """The `md5` text in lower case, "" if absent; 32 digits and perhaps `.dir`."""
    raw = fields.raw("md5")
    if isinstance(raw, int) and not isinstance(raw, bool) and raw.bit_length() < 256:
        raw = str(raw)
    if raw is not None and not isinstance(raw, str):
        raise fields.error("md5", f"expected a string, found {clip(raw)}")
    value = (raw or "").lower()
    if value and not _HEX32.match(value.removesuffix(".dir")):
        raise fields.error(
            "md5", f"expected 32 hexadecimal digits, perhaps with .dir, found {clip(raw)}"
        )
    return value


def parse_place(fields: Fields) -> Place | None:
    """Version id and ETag of an item, if it has any.

    Raises:
        FormatError: `cloud` is malformed or names several remotes.
    """
    if "cloud" in fields:
        clouds = list(fields.child("cloud").children())
        if len(clouds) > 1:
            raise fields.error("cloud", f"expected one remote, found {len(clouds)}")
        for remote, value in clouds:
            inner = Fields(value, fields.file, fields.path(f"cloud.{clip(remote)}"))
            inner.allow(_META)
            return Place(remote.lower(), _etag(inner), inner.text("version_id", ""))
    etag, version = _etag(fields), fields.text("version_id", "")
    if not etag and not version:
        return None
    return Place(lowered(fields.text("remote")), etag, version)


def parse_files(fields: Fields) -> tuple[FileEntry, ...] | None:
    """The `files:` list of an item; None if it has none. Its MD5s are of the item's kind.

    Raises:
        FormatError: one of them is not usable (then none is: a directory that silently lacks
            files would be worse than one that is refused).
    """
    if not fields.has_key("files") or fields.raw("files") is None:
        return None
    algorithm = _algorithm(fields, Algorithm.MD5_DOS2UNIX)
    entries: list[FileEntry] = []
    for number, value in enumerate(fields.items("files")):
        item = Fields(value, fields.file, fields.path(f"files[{number}]"))
        entries.append(_file_entry(item, algorithm))
    entries.sort(key=lambda entry: entry.path + b"/")
    for before, after in pairwise(entries):
        if before.path == after.path:
            raise fields.error("files", f"{show(after.path)} is listed twice")
        if after.path.startswith(before.path + b"/"):
            raise fields.error(
                "files", f"{show(before.path)} is listed as a file and as a directory"
            )
    return tuple(sorted(entries, key=itemgetter(0)))


def _file_entry(item: Fields, algorithm: Algorithm) -> FileEntry:
    item.allow(FILE_KEYS)
    written = item.required_text("relpath")
    try:
        path = check_listed(written.encode())
    except UnicodeEncodeError:
        raise item.error("relpath", "cannot be written as UTF-8") from None
    except FormatError as error:
        raise _placed(error, item, "relpath") from None
    value = hex_digest(item)
    if value.endswith(".dir"):
        raise item.error("md5", "a listed file cannot be a directory")
    digest = Digest(_algorithm(item, algorithm), bytes.fromhex(value)) if value else None
    return FileEntry(path, digest, item.count("size"), item.flag("isexec"), parse_place(item))


def keep_apart(outs: Iterable[Out], file: str) -> tuple[tuple[Out, ...], tuple[Problem, ...]]:
    """Drop outs that claim a place another out already has, or one inside it.

    DVC forbids such overlaps; which one is meant cannot be known. The outermost wins, of equal
    ones the first; each other becomes a problem on its own path.

    Returns:
        The outs that are left, in their order, and the problems.
    """
    numbered = list(enumerate(outs))
    # With a slash at the end, everything inside a directory sorts right behind it.
    ordered = sorted(numbered, key=lambda pair: (pair[1].path + b"/", pair[0]))
    dropped: dict[int, Problem] = {}
    owner: bytes | None = None
    for number, out in ordered:
        inside = owner is not None and out.path.startswith(owner + b"/")
        if owner is None or not (inside or out.path == owner):
            owner = out.path
            continue
        clash = f"lies inside another output, {show(owner)}" if inside else "is claimed twice"
        message = f"{file}: the output {show(out.path)} {clash}"
        hint = "remove one of them with `dvc remove`, or move it"
        dropped[number] = Problem(out.path, "overlapping-output", message, hint, heals=False)
    kept = tuple(out for number, out in numbered if number not in dropped)
    return kept, tuple(dropped[number] for number in sorted(dropped))


def problem_of(error: FormatError, path: bytes) -> Problem:
    """The problem that stands for an out (or file) that could not be read."""
    return Problem(path, error.code, error.message, error.hint or "", heals=error.heals)


def _etag(fields: Fields) -> str:
    return fields.text("etag") or fields.text("checksum") or ""


def lowered(name: str | None) -> str | None:
    """A remote's name as the configuration spells it: lower case; None stays None."""
    return None if name is None else name.lower()


def _placed(error: FormatError, fields: Fields, key: str) -> FormatError:
    """The same error, told with file and key."""
    where = fields.path(key)
    return type(error)(f"{where}: {error.problem}", file=fields.file, hint=error.hint)
