"""One SSH connection with an SFTP session, on an event loop of its own.

Rules:
  * callers block in their own threads; coroutines run on the loop's thread, many at once over the one connection;
  * a connection that broke or stalled is dropped, and the next request makes a new one;
  * the host's key must be known (`known_hosts`); nobody is ever asked.
"""

import asyncio
import concurrent.futures
import logging
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from vfs.errors import (
    AccessDenied,
    ObjectMissing,
    RemoteError,
    RemoteUnavailable,
    Unsupported,
    VfsError,
)
from vfs.remotes.answers import printable
from vfs.remotes.cancel import CURRENT
from vfs.remotes.extras import load
from vfs.remotes.ssh.options import SshOptions

if TYPE_CHECKING:
    from asyncssh import SFTPClient, SSHClientConnection

T = TypeVar("T")
Future = concurrent.futures.Future
_KEEPALIVE = 30.0  # seconds


class Link:
    """The connection of one remote; thread-safe.

    Args:
        options: the remote's.
        label: for messages.
        timeout: seconds a request may take without progress.
    """

    def __init__(self, options: SshOptions, label: str, timeout: float) -> None:
        self._options = options
        self.label = label
        self._timeout = timeout
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False
        self._connecting: asyncio.Lock | None = None
        self._current: tuple[SSHClientConnection, SFTPClient] | None = None

    def load(self) -> Any:
        """Asyncssh.

        Raises:
            Unsupported: it is not installed.
        """
        return load("asyncssh", "ssh", self.label)

    def run(
        self,
        work: "Callable[[SFTPClient], Coroutine[Any, Any, T]]",
        where: str,
        started: "Callable[[Future[T]], object] | None" = None,
    ) -> T:
        """Do something with the SFTP session and wait for it.

        Args:
            work: what to do.
            where: for messages.
            started: is given the future, which may be cancelled from another thread.

        Raises:
            RemoteUnavailable: no connection, no answer in time, or it was cancelled.
            VfsError: whatever the server refused, translated.
        """
        loop, cancel = self._running(), CURRENT.get()
        future = asyncio.run_coroutine_threadsafe(self._within(work, where), loop)
        if started is not None:
            started(future)
        if cancel is not None:
            cancel.waits(future.cancel)
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise RemoteUnavailable(f"{where}: it was closed") from None
        except BaseException:
            future.cancel()
            raise
        finally:
            if cancel is not None:
                cancel.waits(None)
            # Else it, its error, and this frame keep each other, and the reader's buffer, alive.
            del future, started

    def later(self, work: Coroutine[Any, Any, object]) -> None:
        """Do something on the loop; nobody waits for it, and its failure means nothing."""

        async def quiet() -> None:
            with suppress(Exception):  # asyncssh's are many
                await work

        try:
            asyncio.run_coroutine_threadsafe(quiet(), self._running())
        except RemoteUnavailable:
            work.close()

    def close(self) -> None:
        """End everything; callers that wait get `RemoteUnavailable`."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._end(), loop)
        if thread is not threading.current_thread():
            thread.join(5)

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._closed:
                raise RemoteUnavailable(f"{self.label}: the remote was closed")
            if self._loop is None:
                self.load()
                logging.getLogger("asyncssh").setLevel(logging.WARNING)
                self._loop = asyncio.new_event_loop()
                self._connecting = asyncio.Lock()
                self._thread = threading.Thread(
                    target=self._serve, args=(self._loop,), name="vfs-ssh", daemon=True
                )
                self._thread.start()
            return self._loop

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            loop.run_forever()
        finally:
            loop.close()

    async def _end(self) -> None:
        loop = asyncio.get_running_loop()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        self._drop()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0)  # what `abort` put on the loop
        loop.stop()

    async def _within(
        self, work: "Callable[[SFTPClient], Coroutine[Any, Any, T]]", where: str
    ) -> T:
        ssh = self.load()
        foreign = OSError, ValueError, ssh.Error, ssh.KeyImportError, ssh.ConfigParseError
        try:
            client = await self._session()
            async with asyncio.timeout(self._timeout):
                return await work(client)
        except foreign as error:
            failure = self._translated(error, where)
        try:
            # Not `from error`, which leads to the task, and so to itself and to the reader's buffer.
            raise failure
        finally:
            del failure

    async def _session(self) -> "SFTPClient":
        assert self._connecting is not None
        async with self._connecting:
            if self._current is not None and self._current[0].is_closed():
                self._drop()
            if self._current is None:
                async with asyncio.timeout(2 * self._options.timeout):
                    connection = await self.load().connect(**self._arguments())
                    try:
                        session = await connection.start_sftp_client(path_errors="surrogateescape")
                    except BaseException:
                        connection.abort()
                        raise
                self._current = connection, session
            return self._current[1]

    def _arguments(self) -> dict[str, Any]:
        options = self._options
        given = {
            "port": options.port,
            "username": options.user,
            "password": options.password,
            "passphrase": options.passphrase,
            "client_keys": [str(Path(options.keyfile).expanduser())] if options.keyfile else None,
        }
        arguments: dict[str, Any] = {k: v for k, v in given.items() if v is not None}
        arguments |= {
            "host": options.host,
            "connect_timeout": options.timeout,
            "login_timeout": options.timeout,
            "keepalive_interval": _KEEPALIVE,
            "compression_algs": None,
            "gss_kex": options.gss,
            "gss_auth": options.gss,
        }
        if not options.allow_agent:
            arguments["agent_path"] = None
        return arguments

    def _drop(self) -> None:
        """Forget the connection; whatever waits for it fails."""
        current, self._current = self._current, None
        if current is not None:
            current[0].abort()

    def _translated(self, error: Exception, where: str) -> VfsError:
        ssh = self.load()
        said = printable(str(error)) or type(error).__name__
        if isinstance(error, ssh.HostKeyNotVerifiable):
            return AccessDenied(
                f"{where}: the host's key is not the one that is known, or none is ({said})",
                hint=f"compare its fingerprint, then `ssh {self._options.host}` once: it adds the key to known_hosts",
            )
        if isinstance(error, ssh.PermissionDenied):
            return AccessDenied(
                f"{where}: the host let nobody in ({said})",
                hint="does `ssh -o BatchMode=yes HOST` get in? else check user, keyfile, password, agent",
            )
        if isinstance(error, ssh.SFTPError):
            return self._of_sftp(error, f"{where}: {said}")
        if isinstance(error, ssh.KeyImportError | ssh.ConfigParseError | ValueError):
            return RemoteError(
                f"{where}: {said}", hint="check keyfile, passphrase and ~/.ssh/config"
            )
        self._drop()
        if isinstance(error, FileNotFoundError) and error.filename:
            return AccessDenied(
                f"{where}: there is no file {error.filename}", hint="does ~/.ssh/config name it?"
            )
        if isinstance(error, TimeoutError):
            return RemoteUnavailable(f"{where}: no answer in time")
        return RemoteUnavailable(f"{where}: {said}")

    def _of_sftp(self, error: Any, text: str) -> VfsError:
        ssh = self.load()
        if isinstance(error, ssh.SFTPNoConnection | ssh.SFTPConnectionLost):
            self._drop()
            return RemoteUnavailable(text)
        missing = ssh.SFTPNoSuchFile, ssh.SFTPNoSuchPath, ssh.SFTPNotADirectory, ssh.SFTPLinkLoop
        if isinstance(error, missing):
            return ObjectMissing(text)
        if isinstance(error, ssh.SFTPPermissionDenied | ssh.SFTPWriteProtect):
            return AccessDenied(text, hint="may this user read or write there?")
        if isinstance(error, ssh.SFTPOpUnsupported):
            return Unsupported(text)
        return RemoteError(text)
