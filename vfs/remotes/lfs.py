"""A Git LFS server, for reading.

Source: the Git LFS API ("batch", "basic transfers", "authentication"). Rules:
  * keys are `OID/SIZE`, because the batch API asks for both;
  * a batch gives for each object where it can be had, for a while; that is kept, and asked for once more
    if it no longer works;
  * credentials (`git credential`) go to the server's own origin only; for other hosts the server says
    what to send.
"""

import json
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, BinaryIO, NamedTuple, Protocol
from urllib.parse import urlsplit

from vfs.errors import ObjectMissing, RemoteError, RemoteUnavailable, Unsupported, VfsError
from vfs.remotes.answers import translate_answer
from vfs.remotes.base import Answer, Ask, ObjectInfo, once
from vfs.remotes.client import HttpClient, checked_url
from vfs.remotes.http import HttpResponse
from vfs.remotes.keys import check_key
from vfs.remotes.web import WebRemote

_KEY = re.compile(r"([0-9a-f]{64})/([0-9]{1,15})")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,100}")
_OURS = frozenset({"host", "content-length", "range", "transfer-encoding", "connection"})
_MEDIA = "application/vnd.git-lfs+json"
_BATCH, _MAX_ANSWER = 100, 8 << 20
_KEPT = 10_000  # actions
_STALE = frozenset({401, 403, 404, 410})
_EARLY = 30.0  # seconds before its end that an action is no longer used
_DEFAULT_SECONDS = 300.0


class Credentials(Protocol):
    """Who we are to the server; asked by one thread at a time."""

    def headers(self) -> Mapping[str, str]:
        """What identifies us; nothing if we were not asked yet."""
        ...

    def refused(self) -> bool:
        """The server wants to know, or does not accept what it was told; whether there is another answer."""
        ...

    def accepted(self) -> None:
        """The server took them."""
        ...


class Action(NamedTuple):
    """Where an object can be had.

    Attributes:
        href: its URL.
        headers: what to send there.
        until: monotonic seconds.
        anonymous: nothing else is to be sent.
    """

    href: str
    headers: Mapping[str, str]
    until: float
    anonymous: bool


class LfsRemote(WebRemote):
    """The objects of one LFS endpoint.

    Args:
        endpoint: `https://host/path`, without credentials.
        credentials: who we are.
        jobs: parallel requests of bulk calls.
        timeout: seconds a connection may be silent.

    Raises:
        ConfigError: the endpoint is no URL of that kind.
    """

    sign_in = "`git lfs fetch` in the repository asks; store the answer with `git config credential.helper`"

    def __init__(
        self, endpoint: str, credentials: Credentials, *, jobs: int = 16, timeout: float = 60.0
    ) -> None:
        self._endpoint = checked_url(endpoint, "git-lfs")
        super().__init__(
            "git-lfs", self._endpoint, HttpClient(read_timeout=timeout, keep=jobs), jobs
        )
        self._credentials = credentials
        self._lock = threading.Lock()
        self._actions: OrderedDict[str, Action] = OrderedDict()

    def send(self, method: str, key: str, version: str, headers: dict[str, str]) -> HttpResponse:
        """As `RangedReads.send`; only GET, which is all that actions are for."""
        if version:
            raise ObjectMissing(f"{self.where(key)}: Git LFS knows no versions")
        kept = self._kept(key)
        if kept is not None:
            response = self._follow(kept, key, headers, expected=_STALE)
            if response.status not in _STALE:
                return response
            response.text()
        return self._follow(self._action(key), key, headers)

    def head(self, key: str, *, version: str = "") -> ObjectInfo:
        """As `Remote.head`."""
        if version:
            raise ObjectMissing(f"{self.where(key)}: Git LFS knows no versions")
        self._action(key)
        return ObjectInfo(key, _parts(key)[1])

    def heads(self, keys: Sequence[str]) -> Iterator[tuple[str, Answer]]:
        """As `Remote.heads`: a batch for a hundred."""
        for start in range(0, len(keys), _BATCH):
            some = keys[start : start + _BATCH]
            found = self._batch(some)
            for key in some:
                error = found[key]
                if isinstance(error, ObjectMissing):
                    yield key, None
                elif error is None:
                    yield key, ObjectInfo(key, _parts(key)[1])
                elif isinstance(error, RemoteError) and not error.retryable:
                    yield key, error
                else:
                    raise error

    def list(self, prefix: str = "", *, after: str = "", ask: Ask = once) -> Iterator[ObjectInfo]:
        """Never: the API has no words for it.

        Raises:
            Unsupported: always.
        """
        raise Unsupported(f"{self._label}: an LFS server cannot be listed")

    def put(self, key: str, body: bytes | BinaryIO, *, if_absent: bool = False) -> bool:
        """Never.

        Raises:
            Unsupported: always.
        """
        check_key(key)
        raise Unsupported(f"{self._label}: LFS servers are only read", hint="`git lfs push`")

    def delete(self, keys: Iterable[str]) -> None:
        """Never, but for an empty list of keys.

        Raises:
            Unsupported: there is a key.
        """
        for key in keys:
            check_key(key)
            raise Unsupported(f"{self._label}: LFS servers are only read")

    def signed(
        self, method: str, url: str, headers: Mapping[str, str], size: int
    ) -> Mapping[str, str]:
        """As `WebRemote.signed`."""
        named = any(name.lower() == "authorization" for name in headers)
        if named or urlsplit(url)[:2] != urlsplit(self._endpoint)[:2]:
            return headers
        with self._lock:
            return {**headers, **self._credentials.headers()}

    def renew(self, refused: HttpResponse) -> bool:
        """As `WebRemote.renew`."""
        with self._lock:
            return self._credentials.refused()

    def refusal(self, response: HttpResponse, text: str, key: str) -> VfsError:
        """As `WebRemote.refusal`: errors are JSON."""
        said = ""
        with suppress(ValueError, KeyError, TypeError):
            said = str(json.loads(text)["message"])
        return translate_answer(
            response.status,
            self.where(key),
            said=said,
            retry_after=response.headers.get("Retry-After"),
            sign_in=self.sign_in,
        )

    def _follow(
        self, action: Action, key: str, headers: Mapping[str, str], expected: Iterable[int] = ()
    ) -> HttpResponse:
        sent = {**action.headers, **headers}
        return self.call(
            "GET",
            action.href,
            key=key,
            headers=sent,
            expected=frozenset(expected),
            anonymous=action.anonymous,
        )

    def _kept(self, key: str) -> Action | None:
        check_key(key)
        with self._lock:
            found = self._actions.get(key)
        return found if found is not None and time.monotonic() < found.until else None

    def _action(self, key: str) -> Action:
        check_key(key)
        error = self._batch([key])[key]
        with self._lock:
            found = self._actions.get(key)
        if error is not None:
            raise error
        if found is None:
            raise RemoteUnavailable(f"{self.where(key)}: the server forgot the object")
        return found

    def _batch(self, keys: Sequence[str]) -> dict[str, VfsError | None]:
        """Ask for objects and keep where they are; what is wrong with each."""
        result: dict[str, VfsError | None] = {}
        asked: dict[str, str] = {}
        for key in keys:
            oid, _ = _parts(check_key(key))
            result[key] = ObjectMissing(f"{self.where(key)}: there is no such object")
            if oid:
                asked[oid] = key
        if not asked:
            return result
        try:
            items = self._ask(asked)
        except ObjectMissing as error:
            # No such repository, or (Giftless) none of the objects.
            hint = "if others have it: is lfs.url right, and may you see the repository?"
            return {key: ObjectMissing(error.message, hint=hint) for key in keys}
        for item in items:
            key = asked.get(str(item.get("oid", "")), "")
            if key:
                result[key] = self._learn(key, item)
        return result

    def _ask(self, asked: Mapping[str, str]) -> Sequence[dict[str, Any]]:
        objects = [{"oid": oid, "size": _parts(key)[1]} for oid, key in asked.items()]
        request = {"operation": "download", "transfers": ["basic"], "objects": objects}
        body = json.dumps({**request, "hash_algo": "sha256"}).encode()
        headers = {"Accept": _MEDIA, "Content-Type": _MEDIA}
        url = f"{self._endpoint}/objects/batch"
        data = self.text("POST", url, _MAX_ANSWER, headers=headers, body=body, size=len(body))
        with self._lock:
            self._credentials.accepted()
        try:
            items = json.loads(data)["objects"]
        except (ValueError, KeyError, TypeError):
            items = None
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise RemoteUnavailable(f"{self._label}: the answer to a batch is none")
        return items

    def _learn(self, key: str, item: Mapping[str, Any]) -> VfsError | None:
        where = self.where(key)
        if "error" in item:
            error = item["error"] if isinstance(item["error"], dict) else {}
            code = error.get("code")
            status = code if isinstance(code, int) else 500
            return translate_answer(
                404 if status == 410 else status, where, said=str(error.get("message", ""))
            )
        action = self._parsed(item)
        if action is None:
            return RemoteError(f"{where}: the server does not say where the object is")
        with self._lock:
            self._actions[key] = action
            self._actions.move_to_end(key)
            if len(self._actions) > _KEPT:
                self._actions.popitem(last=False)
        return None

    def _parsed(self, item: Mapping[str, Any]) -> Action | None:
        """The `download` action, if it is one that may be followed."""
        try:
            found = item["actions"]["download"]
            href, given = str(found["href"]), dict(found.get("header") or {})
            seconds = float(found.get("expires_in") or _DEFAULT_SECONDS)
            schemes = ("https",) if self._endpoint.startswith("https:") else ("http", "https")
            parts = urlsplit(href)
            good = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
        except (KeyError, TypeError, ValueError):
            return None
        headers = {str(name): str(value) for name, value in given.items()}
        clean = all(
            _HEADER.fullmatch(name) and value.isascii() and value.isprintable()
            for name, value in headers.items()
        )
        if not good or not clean or not href.isascii() or not href.isprintable() or " " in href:
            return None
        kept = {name: value for name, value in headers.items() if name.lower() not in _OURS}
        until = time.monotonic() + max(seconds - _EARLY, 0.0)
        return Action(href, kept, until, item.get("authenticated") is True)


def lfs_key(oid: str, size: int) -> str:
    """The key of an object."""
    return f"{oid}/{size}"


def _parts(key: str) -> tuple[str, int]:
    """Id and size; ("", 0) for what is no key of an LFS server."""
    match = _KEY.fullmatch(key)
    return (match[1], int(match[2])) if match else ("", 0)
