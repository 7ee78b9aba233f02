"""`vfs cache`: the chunk store that all mounts of this user share."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vfs.config import Settings, load_settings
from vfs.config.edit import set_user_setting
from vfs.config.units import parse_size
from vfs.control.registry import repository_root
from vfs.errors import StoreError, UsageError
from vfs_cli.exits import CACHE
from vfs_cli.failure import FOUND_WRONG
from vfs_cli.group import VerbCommand
from vfs_cli.options import json_option
from vfs_cli.output import Output
from vfs_cli.parameters import NAME
from vfs_cli.progress import Progress
from vfs_cli.text import count, format_size

if TYPE_CHECKING:
    from vfs.catalog import Catalog
    from vfs.store import ChunkStore
    from vfs.store.statistics import StoreStatistics


@click.command(
    "cache",
    cls=VerbCommand,
    examples=(
        ("vfs cache", "how large it is, and where"),
        ("vfs cache limit 50GiB", "for this user, from now on"),
        (
            "vfs cache verify",
            "read every chunk and the catalog; what is bad is dropped and fetched again when needed",
        ),
        ("vfs cache clear", "empty it, also while mounts use it"),
        ("vfs cache clear --catalog", "and forget the file lists that no mount uses"),
        ("vfs cache pins", "what 'vfs prefetch --pin' keeps"),
        ("vfs cache unpin train", "let that go when room is needed"),
    ),
    exits=CACHE,
    wrong="'verify' found damage",
)
@click.argument(
    "action",
    type=click.Choice(["status", "clear", "verify", "limit", "pins", "unpin"]),
    default="status",
)
@click.argument("value", type=NAME, required=False, metavar="[SIZE|NAME]")
@click.option("--catalog", is_flag=True, help="With clear: also forget file lists not in use.")
@json_option
def command(action: str, value: str | None, catalog: bool, as_json: bool) -> None:
    """Look at the cache, empty it, check it, limit it, or see and remove its pins.

    The cache may be lost at any time without loss. 'verify' ends with 1 if it found damage. Pins outlive 'clear': what they
    name is kept again once it was read again.
    """
    _check(action, value, catalog)
    output = Output(as_json)
    settings = load_settings(repository_root(Path.cwd()))
    if action == "limit" and value is not None:
        settings = _limit(output, settings, value)
    with _store(settings) as store:
        if action == "clear":
            store.clear()
        elif action == "verify":
            _verify(output, store, settings)
            return
        elif action == "pins":
            _list_pins(output, store)
            return
        elif action == "unpin" and value is not None:
            _unpin(store, value)
        elif action == "limit" and value is not None:
            store.set_limit(settings.cache_limit)
        figures = store.statistics()
    lists = _catalog_figures(settings, clear=catalog)
    directory = str(settings.cache_dir)
    if output.json:
        output.document("cache", {"directory": directory, **_fields(figures), **lists})
    else:
        _show_status(output, directory, figures)
        _show_catalog(output, lists)


def _check(action: str, value: str | None, catalog: bool) -> None:
    if catalog and action != "clear":
        raise UsageError(
            f"'vfs cache {action}' takes no --catalog", hint="vfs cache clear --catalog"
        )
    if value is not None and action not in ("limit", "unpin"):
        raise UsageError(f"'vfs cache {action}' takes no argument", hint="vfs cache --help")
    if value is None and action == "unpin":
        raise UsageError("the name of a pin is missing", hint="vfs cache pins lists them")


@contextmanager
def _store(settings: Settings) -> "Iterator[ChunkStore]":
    from vfs.store import ChunkStore
    from vfs_cli.notices import noticed

    with noticed():
        store = ChunkStore.open(
            settings.cache_dir / "chunks", limit=settings.cache_limit, min_free=settings.min_free
        )
        try:
            yield store
        finally:
            store.close()


@contextmanager
def _catalog(settings: Settings) -> "Iterator[Catalog]":
    from vfs.catalog import Catalog

    catalog = Catalog.open(settings.cache_dir / "catalog")
    try:
        yield catalog
    finally:
        catalog.close()


def _catalog_figures(settings: Settings, *, clear: bool) -> dict[str, Any]:
    with _catalog(settings) as catalog:
        if clear:
            _clear_catalog(catalog)
        figures = catalog.statistics()
    return {
        "catalog_bytes": figures.bytes,
        "catalog_used_bytes": figures.used,
        "catalog_limit": settings.catalog_limit,
    }


def _clear_catalog(catalog: "Catalog") -> None:
    from vfs.workspace.upkeep import RULES

    if catalog.collect(RULES, 0, recent=0) is None:
        raise StoreError(
            "a process is storing file lists in the catalog, or keeps a part of it in memory",
            hint="try again, or unmount first",
        )


def _limit(output: Output, settings: Settings, size: str) -> Settings:
    """Write the limit into the user's configuration; mounts that run take it over when they start anew."""
    try:
        wanted = parse_size(size)
    except ValueError as error:
        raise UsageError(f"{size!r}: {error}") from error
    file = set_user_setting("cache.limit", size)
    output.note(
        f"cache.limit is {format_size(wanted)} in {file}; mounts that run keep theirs until they are mounted anew"
    )
    return dataclasses.replace(settings, cache_limit=wanted)


def _verify(output: Output, store: "ChunkStore", settings: Settings) -> None:
    with _catalog(settings) as catalog:
        sound = catalog.verify()
    with Progress(quiet=output.json) as progress:
        report = _fields(store.verify(lambda done, total: progress.step("verify", done, total)))
    report["catalog"] = "sound" if sound else "damaged; started anew"
    if output.json:
        output.document("verify", report)
    else:
        output.line(f"{count(report['chunks'], 'chunk')} read, {report['bad']} damaged")
        output.line(f"the catalog is {report['catalog']}")
    if report.get("bad") or report.get("corrupt") or not sound:
        raise click.exceptions.Exit(FOUND_WRONG)


def _unpin(store: "ChunkStore", name: str) -> None:
    if not store.unpin(name):
        raise UsageError(f"there is no pin {name!r}", hint="vfs cache pins lists those there are")


def _list_pins(output: Output, store: "ChunkStore") -> None:
    pins = sorted(store.pins().items())
    for name, chunks in pins if output.json else ():
        output.document("pin", {"name": name, "chunks": chunks})
    if not output.json and pins:
        output.table(("PIN", "KEEPS"), [[name, count(chunks, "chunk")] for name, chunks in pins])
    elif not output.json:
        output.line("nothing is pinned: vfs prefetch --pin NAME PATH")


def _fields(value: Any) -> dict[str, Any]:
    if hasattr(value, "_asdict"):
        return dict(value._asdict())
    return dataclasses.asdict(value)


def _show_status(output: Output, directory: str, store: "StoreStatistics") -> None:
    output.line(directory)
    used, limit = format_size(store.bytes), format_size(store.limit)
    output.line(f"  holds       {used} of {limit} at most, in {count(store.chunks, 'chunk')}")
    output.line(f"  leaves free {format_size(store.min_free)} of the disk")
    if store.evicted:
        output.line(
            f"  evicted     {count(store.evicted, 'chunk')} so far, to keep within the limit"
        )
    if store.pins:
        output.line(f"  pinned      {count(store.pins, 'set')} of chunks: vfs cache pins")
    if store.suspended:
        output.line("  FULL: nothing is cached for the moment")
    elif not store.writable:
        output.line("  NOT WRITABLE: nothing is cached")


def _show_catalog(output: Output, lists: dict[str, Any]) -> None:
    used, size = format_size(lists["catalog_used_bytes"]), format_size(lists["catalog_bytes"])
    output.line(
        f"  file lists  {used} in a file of {size}; kept up to {format_size(lists['catalog_limit'])}"
    )
