"""Putting and deleting objects through boto3."""

import contextvars
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import chain, islice
from typing import Any, BinaryIO

from vfs.errors import ObjectMissing, RemoteError, RemoteUnavailable
from vfs.remotes.keys import check_key, join
from vfs.remotes.s3.calls import Calls, Refused
from vfs.remotes.s3.errors import Refusal, translate
from vfs.remotes.uploads import PART, read_part

_AT_ONCE = 4  # parts of one upload
DELETE_BATCH = 1000  # S3's limit for one DeleteObjects
# What servers may answer to a request they do not know; AWS documents 501 for `If-None-Match`.
_PERHAPS_UNKNOWN = (400, 405, 501)


class Writes:
    """Writes of one remote.

    Args:
        calls: how to reach the server.
        bucket: its name.
        prefix: of all keys.
        arguments: of every upload (encryption, ACL).
        jobs: parts held in memory, of all uploads together.
    """

    def __init__(
        self, calls: Calls, bucket: str, prefix: str, arguments: Mapping[str, str], jobs: int
    ) -> None:
        self._room = threading.BoundedSemaphore(jobs)
        self._calls = calls
        self._bucket = bucket
        self._prefix = prefix
        self._arguments = dict(arguments)

    def put(self, key: str, body: bytes | BinaryIO) -> None:
        """Store an object, whatever was there."""
        self._upload(key, body, {})

    def put_if_absent(self, key: str, body: bytes | BinaryIO) -> bool | None:
        """Store an object unless there is one.

        Returns:
            True if it was stored, False if there was one, None if the server cannot tell.
        """
        try:
            self._upload(key, body, {"IfNoneMatch": "*"}, expected=(412, *_PERHAPS_UNKNOWN))
        except Refused as refused:
            refusal = refused.refusal
            if refusal.status == 412:
                return False
            if refusal.status == 501 or refusal.code == "NotImplemented":
                return None
            raise translate(refusal, self._calls.where(key)) from None
        return True

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects, a thousand per request."""
        waiting = iter(keys)
        while batch := [check_key(key) for key in islice(waiting, DELETE_BATCH)]:
            try:
                self._delete_batch(batch)
            except Refused:
                # Some servers insist on a Content-MD5 that boto3 no longer sends (Swift).
                for key in batch:
                    self._delete_one(key)

    def _upload(
        self,
        key: str,
        body: bytes | BinaryIO,
        condition: Mapping[str, str],
        expected: tuple[int, ...] = (),
    ) -> None:
        where = {"Bucket": self._bucket, "Key": join(self._prefix, check_key(key))}
        start = None if isinstance(body, bytes) or not body.seekable() else body.tell()
        begun = False

        def work(client: Any) -> None:
            nonlocal begun
            if isinstance(body, bytes):
                client.put_object(**where, **self._arguments, **condition, Body=body)
                return
            if begun:  # refused midway, and asked again in another way
                _rewind(body, start, self._calls.where(key))
            begun = True
            parts = self._parts(body)
            first = next(parts)
            if len(first) == PART:
                self._upload_parts(client, where, condition, chain([first], parts))
                return
            try:
                client.put_object(**where, **self._arguments, **condition, Body=first)
            finally:
                self._room.release()

        self._calls.client(work, key=key, expected=expected)

    def _parts(self, body: BinaryIO) -> Iterator[bytes]:
        """The first part, and those behind it that have anything; whoever sent one gives its room back."""
        count = 0
        while True:
            self._room.acquire()
            try:
                data = read_part(body, PART)
            except BaseException:
                self._room.release()
                raise
            if count and not data:
                self._room.release()
                return
            count += 1
            yield data

    def _upload_parts(
        self,
        client: Any,
        where: Mapping[str, str],
        condition: Mapping[str, str],
        parts: Iterator[bytes],
    ) -> None:
        """Send parts, some at a time while the next one is read."""
        try:
            upload = client.create_multipart_upload(**where, **self._arguments)["UploadId"]
        except BaseException:
            self._room.release()  # of the first part
            raise
        customer = {k: v for k, v in self._arguments.items() if k.startswith("SSECustomer")}

        def send(number: int, data: bytes) -> dict[str, Any]:
            try:
                done = client.upload_part(
                    **where, **customer, UploadId=upload, PartNumber=number, Body=data
                )
            finally:
                self._room.release()
            return {"PartNumber": number, "ETag": done["ETag"]}

        sent: list[dict[str, Any]] = []
        waiting: deque[_Sending] = deque()
        try:
            try:
                for number, data in enumerate(parts, 1):
                    waiting.append(_Sending(partial(send, number, data)))
                    while len(waiting) == _AT_ONCE or (waiting and not waiting[0].is_alive()):
                        sent.append(waiting.popleft().result())
            finally:
                for part in waiting:
                    part.join()
            sent += [part.result() for part in waiting]
            client.complete_multipart_upload(
                **where,
                **customer,
                **condition,
                UploadId=upload,
                MultipartUpload={"Parts": sent},
            )
        except BaseException:
            # Parts of an upload that never ends are stored, and paid for, for ever.
            client.abort_multipart_upload(**where, UploadId=upload)
            raise

    def _delete_batch(self, keys: list[str]) -> None:
        objects = [{"Key": join(self._prefix, key)} for key in keys]
        answer = self._calls.client(
            lambda client: client.delete_objects(
                Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True}
            ),
            expected=_PERHAPS_UNKNOWN,
        )
        failed = [error for error in answer.get("Errors", ()) if error.get("Code") != "NoSuchKey"]
        if failed:
            code, message = str(failed[0].get("Code", "")), str(failed[0].get("Message", ""))
            where = f"{self._calls.label}: {len(failed)} objects were not deleted"
            error = translate(Refusal(400, code, message), where)
            # A refusal of some objects is not the absence of any.
            raise RemoteError(error.message) if isinstance(error, ObjectMissing) else error

    def _delete_one(self, key: str) -> None:
        full = join(self._prefix, key)
        with suppress(ObjectMissing):
            self._calls.client(
                lambda client: client.delete_object(Bucket=self._bucket, Key=full), key=key
            )


class _Sending(threading.Thread):
    """A part under way; no end of the process waits for it."""

    def __init__(self, send: Callable[[], dict[str, Any]]) -> None:
        super().__init__(name="vfs-part", daemon=True)
        self._send: Callable[[], dict[str, Any]] | None = send
        self._answer: dict[str, Any] | BaseException = {}
        self._context = contextvars.copy_context()
        self.start()

    def run(self) -> None:
        """Send it."""
        assert self._send is not None
        try:
            self._answer = self._context.run(self._send)
        except BaseException as error:  # noqa: BLE001 - raised by `result`
            self._answer = error
        self._send = None  # it holds the bytes

    def result(self) -> dict[str, Any]:
        """The server's answer; raises what went wrong."""
        self.join()
        if isinstance(self._answer, BaseException):
            raise self._answer
        return self._answer


def _rewind(body: BinaryIO, start: int | None, where: str) -> None:
    """Back to where an upload began. Raises RemoteUnavailable: that cannot be."""
    if start is None:
        raise RemoteUnavailable(f"{where}: the upload was refused midway", hint="try it again")
    body.seek(start)
