"""Which notes of a workspace the catalog may forget."""

from typing import Final

from vfs.catalog import Rules
from vfs.workspace.listings import LISTING_KEY, MISSING_KEY
from vfs.workspace.summary import CONTENTS_KEY, NAMES_KEY, TIME_SIZE
from vfs.workspace.urls import ETAGS_KEY

RULES: Final = Rules(
    summaries={NAMES_KEY: 0, CONTENTS_KEY: TIME_SIZE},
    bound=(LISTING_KEY, MISSING_KEY, ETAGS_KEY),
)
