"""What a daemon answers stays within what one answer may hold."""

from vfs.control.protocol import REPLY_LIMIT, Result, encode_reply
from vfs.daemon.status import MOST_LISTED, problems
from vfs.types import Problem, Severity


def test_a_pointer_full_of_bad_outs_fits_into_an_answer() -> None:
    note = Problem(b"note", "overlapping-output", "a note", severity=Severity.NOTE)
    bad = [Problem(b"d/%d" % number, "data-unavailable", "m" * 150) for number in range(300_000)]
    listed = problems([note, *bad])
    assert len(listed) == MOST_LISTED
    assert listed[0]["path"] == "d/0"
    assert len(encode_reply(Result({"problem_list": listed}))) < REPLY_LIMIT / 2
    assert [one["path"] for one in problems([note])] == ["note"]
