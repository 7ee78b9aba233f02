"""How a build waits for what a remote was asked."""

import pytest

from vfs.workspace.patience import Patience


def test_an_error_of_time_of_the_request_itself_is_raised() -> None:
    """It must not be taken for an answer that has not come yet."""

    def work() -> None:
        raise TimeoutError("of the connection")

    with pytest.raises(TimeoutError, match="of the connection"):
        Patience(30.0).ask("place", work, lambda error: None)
