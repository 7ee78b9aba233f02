"""The pure parts of the drivers: options, listings, signatures, walks; and whom credentials are told."""

import sys
from contextvars import ContextVar

import pytest

from vfs.errors import ConfigError, ObjectMissing, Unsupported, VfsError
from vfs.remotes import RemoteSpec, open_remote
from vfs.remotes.azure.accounts import find_account, string_to_sign
from vfs.remotes.gs.tokens import Tokens
from vfs.remotes.ssh.options import parse_options
from vfs.remotes.walk import Named, walk
from vfs.remotes.webdav.propfind import BadListing, parse_entries


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("ssh://host", {}),
        ("ssh:///path", {}),
        ("ssh://-oProxyCommand=x/path", {}),
        ("ssh://a b/path", {}),
        ("ssh://host:0/path", {}),
        ("ssh://host/path", {"port": "x"}),
        ("ssh://host/path", {"user": "-x"}),
        ("ssh://host/path", {"ask_password": "true"}),
        ("gs://", {}),
        ("gs://UPPER/x", {}),
        ("gs://bucket", {"endpointurl": "nonsense"}),
        ("azure://", {}),
        ("azure://container", {}),
        ("azure://container", {"account_name": "evil.example.org/"}),
        ("azure://container", {"account_name": "good", "account_key": "no base64"}),
        ("abfs://container@good.dfs.evil.org/x", {}),
        ("http://", {}),
        ("http://host", {"auth": "basic", "user": "u"}),
        ("http://host", {"method": "DELETE"}),
        ("https://host", {"read_timeout": "soon"}),
        ("webdav://host", {"user": "u", "ask_password": "true"}),
        ("webdavs://host", {"token": "a\nb: c"}),
    ],
)
def test_options_that_make_no_sense(url: str, options: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        open_remote(RemoteSpec("r", url, {**options, "password": options.get("password", "")}))
    assert "remote r" in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "ssh://u:SECRET@host/path",
        "http://u:SECRET@host/path",
        "webdavs://u:SECRET@host/path",
        "azure://container/path",
        "gs://bucket/path",
    ],
)
def test_secrets_are_not_shown(url: str) -> None:
    options = {"password": "SECRET", "account_name": "good", "account_key": "U0VDUkVU"}
    remote = open_remote(RemoteSpec("r", url, options))
    assert "SECRET" not in remote.url + repr(remote)
    assert remote.url.endswith("/path")


def test_addresses_of_ssh() -> None:
    found = parse_options(RemoteSpec("r", "ssh://me@[::1]:2222/a/b/"))
    assert (found.host, found.port, found.user, found.root) == ("::1", 2222, "me", "/a/b")
    plain = parse_options(RemoteSpec("r", "ssh://alias/"))
    assert (plain.host, plain.port, plain.user, plain.root) == ("alias", None, None, "/")


@pytest.mark.parametrize(
    ("scheme", "module", "extra"),
    [("ssh", "asyncssh", "ssh"), ("gs", "google.auth", "gs"), ("azure", "azure.identity", "azure")],
)
def test_a_missing_library_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, scheme: str, module: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    remote = open_remote(RemoteSpec("r", f"{scheme}://bucket/path", {"account_name": "good"}))
    remote.prepare()
    with pytest.raises(Unsupported) as caught:
        remote.head("k")
    assert caught.value.hint == f"pip install 'vfs[{extra}]'"
    remote.close()


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://storage.googleapis.com",
        "https://googleapis.com.evil.org",
        "https://evilgoogleapis.com",
        "http://127.0.0.1:4443",
    ],
)
def test_google_tokens_go_to_google_alone(endpoint: str) -> None:
    assert Tokens(endpoint, "/nowhere", anonymous=False, where="r").headers() == {}
    google = Tokens("https://storage.googleapis.com", "/nowhere", anonymous=False, where="r")
    with pytest.raises(VfsError):
        google.headers()


def test_accounts_of_azure(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = RemoteSpec("r", "", {"account_name": "mine", "sas_token": "?sv=1&sig=x"})
    assert find_account(spec, "")[:2] == ("mine", "https://mine.blob.core.windows.net")
    assert find_account(spec, "").sas == "sv=1&sig=x"
    china = find_account(RemoteSpec("r", ""), "mine.dfs.core.chinacloudapi.cn")
    assert china.endpoint == "https://mine.blob.core.chinacloudapi.cn"
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", "theirs")
    monkeypatch.setenv("AZURE_STORAGE_KEY", "U0VDUkVU")
    assert find_account(RemoteSpec("r", ""), "").key == b"SECRET"


def test_what_a_shared_key_signs() -> None:
    """As in Microsoft's "Authorize with Shared Key"."""
    headers = {
        "x-ms-version": "2021-08-06",
        "x-ms-date": "D",
        "Content-Length": "0",
        "Range": "bytes=0-1",
    }
    url = "https://a.blob.core.windows.net/c/%C3%B6?restype=container&comp=list&prefix=a%2Fb"
    text = string_to_sign("a", "GET", url, headers)
    assert text.split("\n") == [
        *["GET", "", "", "", "", "", "", "", "", "", "", "bytes=0-1"],
        *["x-ms-date:D", "x-ms-version:2021-08-06", "/a/c/%C3%B6"],
        *["comp:list", "prefix:a/b", "restype:container"],
    ]


RESPONSE = (
    "<D:response><D:href>{}</D:href><D:propstat><D:prop><D:resourcetype>{}</D:resourcetype>"
    "<D:getcontentlength>{}</D:getcontentlength></D:prop></D:propstat></D:response>"
)


def propfind(*responses: tuple[str, str, str]) -> bytes:
    items = "".join(RESPONSE.format(*each) for each in responses)
    return f'<D:multistatus xmlns:D="DAV:">{items}</D:multistatus>'.encode()


def test_webdav_entries_lie_where_they_were_asked_for() -> None:
    collection = "<D:collection/>"
    data = propfind(
        ("/a%20b/", collection, ""),
        ("http://host/a%20b/x", "", "5"),
        ("/a%20b/d/", collection, ""),
        ("/a%20b/d/deeper", "", "5"),
        ("/elsewhere", "", "5"),
        ("/a%20b/../up", "", "5"),
        ("/a%20b/%FF", "", "5"),
    )
    found = {(entry.name, entry.is_directory) for entry in parse_entries(data, "/a b/")}
    assert found == {("", True), ("x", False), ("d", True)}


@pytest.mark.parametrize(
    "data",
    [
        b"<html>",
        b"<html/>",
        b'<!DOCTYPE x [<!ENTITY a "b">]><D:multistatus xmlns:D="DAV:">&a;</D:multistatus>',
        propfind(("/a/x", "", "-1")),
    ],
)
def test_bad_answers_to_propfind(data: bytes) -> None:
    with pytest.raises(BadListing):
        parse_entries(data, "/a")


def test_walking_a_tree_that_changes() -> None:
    tree = {"": ["z", "gone/", "a/", "a!", ".vfs-put-1"], "a": ["2", "1"]}

    def read(directory: str) -> list[Named]:
        if directory not in tree:
            raise ObjectMissing(directory)
        return [Named(name.rstrip("/"), name.endswith("/"), 1) for name in tree[directory]]

    assert [info.key for info in walk(read)] == ["a!", "a/1", "a/2", "z"]
    assert [info.key for info in walk(read, after="a/1")] == ["a/2", "z"]
    assert [info.key for info in walk(read, "a/")] == ["a/1", "a/2"]
    assert list(walk(read, "nowhere/")) == []


def test_directories_are_read_in_the_callers_context() -> None:
    """So who waits for the listing hears of its failed attempts, and a limit of bandwidth is kept to."""
    seen, mine = list[str](), ContextVar("mine", default="")

    def read(directory: str) -> list[Named]:
        seen.append(mine.get())
        return [] if directory else [Named(name, True) for name in "abc"]

    mine.set("x")
    assert list(walk(read)) == []
    assert seen == ["x"] * 4
