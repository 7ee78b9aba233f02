"""Azure Blob Storage by its REST API.

Source: Microsoft's reference of the Blob service. Rules:
  * `if_absent` is `If-None-Match: *`, decided by the server;
  * more than a part is sent as blocks, which show nothing before their list is stored; their ids are random, so that
    two who upload one blob never mix.
Options as dvc-azure; see `vfs.remotes.azure.accounts`.
"""

import base64
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import BinaryIO
from urllib.parse import quote, urlencode

from vfs.errors import (
    AccessDenied,
    ObjectMissing,
    RemoteError,
    RemoteUnavailable,
    UnsafePath,
)
from vfs.remotes import options
from vfs.remotes.azure.accounts import Authorization, find_account
from vfs.remotes.azure.listing import MAX_PAGE, BadListing, parse_page
from vfs.remotes.base import Ask, ObjectInfo, RemoteSpec, once
from vfs.remotes.bulk import in_threads
from vfs.remotes.client import HttpClient
from vfs.remotes.http import HttpResponse
from vfs.remotes.keys import check_key, join, strip_prefix
from vfs.remotes.uploads import PART, read_part
from vfs.remotes.web import WebRemote

_CONTAINER = re.compile(r"[a-z0-9$][a-z0-9-]{1,61}[a-z0-9]")
_CONTAINER_FORM = "names of containers have 3 to 63 of a-z, 0-9 and '-'"
_VERSION = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,20}Z")
_CONFLICTS = (409, 412)


class AzureRemote(WebRemote):
    """One container and prefix.

    Args:
        spec: `azure://container/prefix` or `abfs://container@account.dfs.core.windows.net/prefix`; options in
            DVC's spelling.
        jobs: parallel requests of bulk calls.
        timeout: seconds a connection may be silent.

    Raises:
        ConfigError: options that make no sense.
    """

    version_header = "x-ms-version-id"
    sign_in = "may these credentials use the container (Storage Blob Data Contributor)?"
    codes: Mapping[str, type[RemoteError]] = {
        "ContainerNotFound": RemoteError,
        "ContainerBeingDeleted": RemoteError,
        "BlobArchived": RemoteError,
        "InvalidAuthenticationInfo": AccessDenied,
        "AuthenticationFailed": AccessDenied,
    }

    def __init__(self, spec: RemoteSpec, *, jobs: int = 16, timeout: float = 60.0) -> None:
        place, _, prefix = spec.url.partition("://")[2].partition("/")
        container, _, host = place.partition("@")
        options.check_name(spec, "container", container, _CONTAINER, _CONTAINER_FORM)
        self._prefix = prefix.strip("/")
        client = HttpClient(
            connect_timeout=options.seconds(spec, "connection_timeout"),
            read_timeout=options.seconds(spec, "read_timeout") or timeout,
            keep=jobs,
        )
        url = f"azure://{join(container, self._prefix)}".rstrip("/")
        super().__init__(spec.name, url, client, jobs)
        account = find_account(spec, host)
        self._container = f"{account.endpoint}/{container}"
        self._authorization = Authorization(spec, account, self._label)

    def send(self, method: str, key: str, version: str, headers: dict[str, str]) -> HttpResponse:
        """As `RangedReads.send`."""
        query = {}
        if version:
            if not _VERSION.fullmatch(version):
                raise ObjectMissing(f"{self.where(key)}: no version is called {version[:40]!a}")
            query["versionid"] = version
        return self.call(method, self._blob(key, **query), key=key, headers=headers)

    def list(self, prefix: str = "", *, after: str = "", ask: Ask = once) -> Iterator[ObjectInfo]:
        """As `Remote.list`; to continue, Azure lists from the start again."""
        below = f"{self._prefix}/" if self._prefix else ""
        query = {"restype": "container", "comp": "list", "prefix": below + prefix}
        while True:
            objects, marker = ask(partial(self._page, self._with(self._container, query)))
            for found in objects:
                key = strip_prefix(found.key, self._prefix)
                if key is not None and key.startswith(prefix) and (not after or key > after):
                    yield found._replace(key=key)
            if not marker or marker == query.get("marker"):
                return
            query["marker"] = marker

    def _page(self, url: str) -> tuple[Sequence[ObjectInfo], str]:
        """Objects, and what the next page is asked for with."""
        data = self.text("GET", url, MAX_PAGE)
        try:
            return parse_page(data)
        except BadListing as error:
            raise RemoteUnavailable(f"{self._label}: the listing cannot be used: {error}") from None

    def put(self, key: str, body: bytes | BinaryIO, *, if_absent: bool = False) -> bool:
        """As `Remote.put`."""
        check_key(key)
        condition = {"If-None-Match": "*"} if if_absent else {}
        first = body if isinstance(body, bytes) else read_part(body)
        if isinstance(body, bytes) or len(first) < PART:
            headers = {"x-ms-blob-type": "BlockBlob", **condition}
            return self._store(self._blob(key), key, first, headers, if_absent)
        if if_absent and self.exists(key):
            return False
        blocks = self._send_blocks(key, first, body)
        listed = "".join(f"<Latest>{block}</Latest>" for block in blocks)
        data = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{listed}</BlockList>'.encode()
        headers = {"x-ms-blob-content-type": "application/octet-stream", **condition}
        return self._store(self._blob(key, comp="blocklist"), key, data, headers, if_absent)

    def delete(self, keys: Iterable[str]) -> None:
        """As `Remote.delete`: a request for each."""

        def one(key: str) -> None:
            with suppress(ObjectMissing):
                self.done("DELETE", self._blob(key), key=key)

        for _ in in_threads(one, [check_key(key) for key in keys], self.jobs):
            pass

    def signed(
        self, method: str, url: str, headers: Mapping[str, str], size: int
    ) -> Mapping[str, str]:
        """As `WebRemote.signed`."""
        return self._authorization.headers(method, url, headers)

    def renew(self, refused: HttpResponse) -> bool:
        """As `WebRemote.renew`."""
        return self._authorization.renew()

    def _send_blocks(self, key: str, data: bytes, rest: BinaryIO) -> Sequence[str]:
        upload = secrets.token_hex(8)
        blocks: list[str] = []
        while data:
            block = base64.b64encode(f"{upload}{len(blocks):08d}".encode()).decode()
            url = self._blob(key, comp="block", blockid=block)
            self.done("PUT", url, key=key, headers=_octets(), body=data, size=len(data))
            blocks.append(block)
            data = read_part(rest) if len(data) == PART else b""
        return blocks

    def _store(
        self, url: str, key: str, data: bytes, headers: dict[str, str], if_absent: bool
    ) -> bool:
        expected = _CONFLICTS if if_absent else ()
        response = self.call(
            "PUT",
            url,
            key=key,
            headers={**_octets(), **headers},
            body=data,
            size=len(data),
            expected=expected,
        )
        text = response.text().decode("utf-8", "replace")
        if response.status not in _CONFLICTS:
            return True
        if response.headers.get("x-ms-error-code") in ("BlobAlreadyExists", "ConditionNotMet"):
            return False
        raise self.refusal(response, text, key)

    def _blob(self, key: str, **query: str) -> str:
        if "\\" in check_key(key):
            raise UnsafePath(f"{self.where(key)}: Azure takes a backslash for a slash")
        name = quote(join(self._prefix, key), safe="/~")
        return self._with(f"{self._container}/{name}", query)

    def _with(self, url: str, query: Mapping[str, str]) -> str:
        parts = [urlencode(query, quote_via=quote), self._authorization.sas]
        text = "&".join(filter(None, parts))
        return f"{url}?{text}" if text else url


def _octets() -> dict[str, str]:
    return {"Content-Type": "application/octet-stream"}
