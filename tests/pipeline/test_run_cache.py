"""Entries of the run cache that are not what they should be."""

from pathlib import Path

from tests.pipeline.conftest import Work


def _entry(work: Work) -> Path:
    work.pipeline("  one: {cmd: 'cat a > b', deps: [a], outs: [b]}\n")
    work.vfs("repro")
    (entry,) = (p for p in (work.root / ".dvc/cache/runs").rglob("*") if p.is_file())
    (work.root / "dvc.lock").unlink()
    return entry


def test_an_entry_of_the_run_cache_that_names_another_out_is_none(work: Work) -> None:
    entry = _entry(work)
    entry.write_text(entry.read_text().replace("path: b", "path: ../c"))
    assert work.outcomes() == {"one": "ran"}


def test_a_damaged_entry_of_the_run_cache_is_written_anew(work: Work) -> None:
    entry = _entry(work)
    before = entry.read_bytes()
    entry.write_bytes(b"\xff")
    assert work.outcomes() == {"one": "ran"}
    assert entry.read_bytes() == before
