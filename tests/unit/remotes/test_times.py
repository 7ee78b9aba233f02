"""Times as remotes write them."""

import pytest

from vfs.remotes.times import seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Thu, 26 Nov 2026 21:00:00 GMT", 1795726800.0),
        ("2026-11-26T21:00:00.500Z", 1795726800.5),
        (" 2026-11-26T21:00:00 ", 1795726800.0),
        ("", 0.0),
        ("yesterday", 0.0),
        ("Thu, 26 Nov 2026 21:00:00 +2400", 0.0),
        (f"Thu, 26 Nov 2026 21:00:00 +{'9' * 20}", 0.0),
        (f"Thu, 26 Nov {'9' * 20} 21:00:00 GMT", 0.0),
    ],
)
def test_seconds(text: str, expected: float) -> None:
    """Whatever a server says, it is no error."""
    assert seconds(text) == expected
