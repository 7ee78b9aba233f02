"""Many small requests at once: what one key is refused is its own answer, what concerns all ends the run."""

import pytest

from vfs.errors import AccessDenied, ObjectMissing, RemoteUnavailable
from vfs.remotes import ObjectInfo
from vfs.remotes.bulk import heads_in_threads

KEYS = [f"k{number}" for number in range(50)]


@pytest.mark.parametrize("jobs", [1, 4])
def test_one_refusal_spoils_no_other(jobs: int) -> None:
    def head(key: str) -> ObjectInfo:
        if key == "k7":
            raise AccessDenied(key)
        if key == "k8":
            raise ObjectMissing(key)
        return ObjectInfo(key, 1)

    found = dict(heads_in_threads(head, KEYS, jobs))
    assert isinstance(found.pop("k7"), AccessDenied)
    assert found.pop("k8") is None
    assert found == {key: ObjectInfo(key, 1) for key in KEYS if key not in ("k7", "k8")}


@pytest.mark.parametrize("jobs", [1, 4])
def test_a_remote_that_gives_no_answer_ends_the_run(jobs: int) -> None:
    asked: list[str] = []

    def head(key: str) -> ObjectInfo:
        asked.append(key)
        raise RemoteUnavailable(key)

    with pytest.raises(RemoteUnavailable):
        list(heads_in_threads(head, KEYS, jobs))
    assert len(asked) <= 2 * jobs + 1
