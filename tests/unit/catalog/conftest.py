"""A catalog in a temporary directory."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from vfs.catalog import Catalog


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    opened = Catalog.open(tmp_path / "catalog")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def shared_catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """For Hypothesis: content-addressed, so examples cannot disturb each other."""
    opened = Catalog.open(tmp_path_factory.mktemp("catalog"))
    yield opened
    opened.close()
