"""Files of real repositories."""

from collections.abc import Callable
from pathlib import Path

import pytest

CORPUS = Path(__file__).parents[2] / "data" / "corpus"


@pytest.fixture
def corpus() -> Callable[[str], bytes]:
    """Read a file of the corpus by its relative path."""

    def read(path: str) -> bytes:
        return (CORPUS / path).read_bytes()

    return read
