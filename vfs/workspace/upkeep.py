"""Which notes of a workspace the catalog may forget."""

import logging
from typing import Final

from vfs.catalog import Catalog, Rules
from vfs.errors import VfsError
from vfs.workspace.listings import LISTING_KEY, MISSING_KEY
from vfs.workspace.summary import CONTENTS_KEY, NAMES_KEY, TIME_SIZE
from vfs.workspace.urls import ETAGS_KEY

log = logging.getLogger("vfs.workspace")

RULES: Final = Rules(
    summaries={NAMES_KEY: 0, CONTENTS_KEY: TIME_SIZE},
    bound=(LISTING_KEY, MISSING_KEY, ETAGS_KEY),
)


def tidy(catalog: Catalog, limit: int) -> None:
    """Let a catalog write down which trees are used and forget what is not needed; what fails is logged."""
    try:
        forgotten = catalog.tidy(RULES, limit)
    except VfsError as error:
        log.warning("the catalog was not tidied: %s", error)
        return
    if forgotten is not None and any(forgotten):
        log.info("the catalog forgot %d trees, %d pages, %d notes", *forgotten)
