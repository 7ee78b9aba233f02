"""What the real DVC makes of a pipeline file, asked of one process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from vfs.testing.dvc_reader import DvcReader, dvc_reader
from vfs.testing.sandbox import Sandbox


@pytest.fixture(scope="session")
def reader(shared_sandbox: Sandbox, dvc3: Path) -> Iterator[DvcReader]:
    """DVC 3; whoever asks brings the files."""
    with dvc_reader(shared_sandbox, dvc3) as made:
        yield made
