"""What is said while something takes long."""

import pytest

from vfs_cli.progress import Progress


@pytest.mark.parametrize("terminal", [True, False])
def test_who_waits_is_told_once_what_can_be_done(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal, raising=False)
    with Progress() as progress:
        progress.step("sizes", 1, 2)
        for attempt in (6, 12):
            progress.step(
                "waiting for remote a, b (refused) for 9 s at most, attempt", attempt, None
            )
    said = capsys.readouterr().err
    told = "waiting for remote a, b (refused) for 9 s at most; the setting `transfer.deadline`"
    assert said.count(told) == 1
    before = said.partition(told)[0]
    assert before.endswith("warning: ") or "\r\x1b[K\x1b[33m" in before
