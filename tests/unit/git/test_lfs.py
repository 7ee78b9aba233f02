"""Where the LFS server of a repository is."""

import pytest

from vfs.git.lfs import endpoint, tracked_config


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://host/a/b", "https://host/a/b.git/info/lfs"),
        ("https://host/a/b.git", "https://host/a/b.git/info/lfs"),
        ("http://host:81/a/b/", "http://host:81/a/b.git/info/lfs"),
        ("git@host:a/b.git", "https://host/a/b.git/info/lfs"),
        ("ssh://git@host:2222/a/b", "https://host/a/b.git/info/lfs"),
        ("/srv/git/b.git", None),
        ("file:///srv/git/b.git", None),
        ("../b", None),
        ("git://host/b", None),
        ("", None),
    ],
)
def test_from_the_url_of_the_remote(url: str, expected: str | None) -> None:
    assert endpoint({"remote.origin.url": url}, {}) == expected


def test_what_was_configured_is_stronger() -> None:
    remote = {"remote.origin.url": "https://host/a"}
    tracked = tracked_config('[lfs]\n\turl = "https://tracked/x"\n[other]\nurl = no\n')
    assert endpoint(remote, tracked) == "https://tracked/x"
    own = {**remote, "remote.origin.lfsurl": "https://own/x"}
    assert endpoint(own, tracked) == "https://own/x"
    assert endpoint({**own, "lfs.url": "https://most/x"}, tracked) == "https://most/x"
    assert endpoint({"lfs.url": "ssh://git@host/a"}, {}) == "https://host/a"


def test_which_remote() -> None:
    two = {"remote.a.url": "https://a/x", "remote.b.url": "https://b/x"}
    assert endpoint({"remote.a.url": "https://a/x"}, {}) == "https://a/x.git/info/lfs"
    assert endpoint(two, {}) is None
    assert endpoint({**two, "remote.lfsdefault": "b"}, {}) == "https://b/x.git/info/lfs"
    tracked = tracked_config('[remote "b"]\nlfsurl = https://c/x\n')
    assert endpoint({**two, "remote.lfsdefault": "b"}, tracked) == "https://c/x"
