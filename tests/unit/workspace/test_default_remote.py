"""Which remote is meant when there are both kinds."""

import pytest

from vfs.workspace.stores import DvcStore, RemoteRef

STORE, OTHER = RemoteRef("store", "s3://b/dvc"), RemoteRef("other", "s3://b/other")
TEAM, SPARE = RemoteRef("team", "s3://b/packed"), RemoteRef("spare", "s3://b/spare")


@pytest.mark.parametrize(
    ("store", "name", "found"),
    [
        (DvcStore(remotes=(STORE,), has_default=True, packed=(TEAM,)), "", STORE),
        (DvcStore(remotes=(STORE,), has_default=True, packed=(TEAM,)), "team", TEAM),
        (DvcStore(remotes=(STORE, OTHER), packed=(TEAM,)), "", TEAM),
        (DvcStore(packed=(TEAM,)), "", TEAM),
        (DvcStore(packed=(SPARE, TEAM)), "", None),
        (DvcStore(packed=(SPARE, TEAM)), "other", None),
        (DvcStore(remotes=(STORE, OTHER), packed=(TEAM,)), "other", OTHER),
        (DvcStore(remotes=(STORE,)), "", None),
    ],
)
def test_which_remote_is_meant(store: DvcStore, name: str, found: RemoteRef | None) -> None:
    assert store.target(name) == found
