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


def test_what_is_no_file_hides_no_entry_of_the_run_cache(work: Work) -> None:
    (_entry(work).parent / "zzz").mkdir()
    assert work.outcomes() == {"one": "restored"}


def test_an_out_beyond_a_symlink_is_not_moved_away_for_what_cannot_be_restored(work: Work) -> None:
    work.pipeline("  one: {cmd: 'mkdir -p d; cat a > d/b', deps: [a], outs: [d/b]}\n")
    work.vfs("repro")
    (work.root / "d").rename(work.root / "real")
    (work.root / "d").symlink_to("real")
    (work.root / "real/b").unlink()
    work.write("real/b", "the user's\n")
    (work.root / "dvc.lock").unlink()
    assert "d is a symlink; nothing is written through it" in work.vfs("repro", code=17)
    assert work.read("real/b") == "the user's\n"
