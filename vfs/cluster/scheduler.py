"""The scheduler: connecting, handing out a task, waiting for its result.

Rules:

* A worker that dies has its task done by another one (Dask does that), up to Dask's `distributed.scheduler.allowed-failures`.
* A signal cancels what is waited for; whatever ends this process does so too, since the scheduler forgets what nobody waits for.
"""

import logging
import secrets
import threading
import warnings
from concurrent.futures import CancelledError
from types import TracebackType
from typing import Any, Final, Self

from vfs import __version__
from vfs.cluster.wire import START, Result, Task, encoded, result_of
from vfs.errors import RemoteUnavailable, StageFailed, Unsupported, UsageError
from vfs.pipeline.attending import Attending
from vfs.remotes.extras import load

_SCHEME: Final = "dask://"
_ANSWER: Final = 5.0  # seconds for a scheduler
_LOOK: Final = 0.2  # seconds between two looks for a signal


class Scheduler:
    """A connection to one; thread-safe."""

    def __init__(self, url: str) -> None:
        """`url`: `dask://HOST:PORT`. Raises UsageError: it is something else."""
        place = url.removeprefix(_SCHEME).rstrip("/")
        host, _, port = place.rpartition(":")
        if not url.startswith(_SCHEME) or not host or not port.isdecimal() or "/" in place:
            raise UsageError(
                f"{url!r} is no executor", hint="dask://HOST:PORT names a Dask scheduler"
            )
        self.place = place
        self._client: Any = None

    def __enter__(self) -> Self:
        """Connect.

        Raises:
            Unsupported: the library is not installed.
            RemoteUnavailable: nobody answers.
        """
        distributed = load("distributed", "dask", f"{_SCHEME}{self.place}")
        for name in ("distributed", "distributed.client", "tornado"):  # we say what it means
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        warnings.filterwarnings("ignore", "Sending large graph")  # a parcel
        secure = distributed.Security().require_encryption
        address = f"{'tls' if secure else 'tcp'}://{self.place}"
        try:
            self._client = distributed.Client(
                address, timeout=_ANSWER, set_as_default=False, name="vfs"
            )
        except (OSError, ValueError, TypeError) as error:  # so it says of missing certificates
            raise RemoteUnavailable(
                f"no Dask scheduler answers at {self.place}: {error}",
                hint="start one with `dask scheduler`, or correct the address; TLS is set in Dask's own configuration",
            ) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close(timeout=_ANSWER)

    @property
    def threads(self) -> int:
        """How many commands the workers can run at a time; 0: there are no workers now. Raises RemoteUnavailable."""
        try:
            info = self._client.scheduler_info(n_workers=0)
            return int(info["total_threads"])
        except (OSError, LookupError) as error:
            raise self._gone("") from error

    def result(self, task: Task, attending: Attending) -> Result | None:
        """Let a task be done; None if a signal came first.

        Raises:
            StageFailed: the workers died of it.
            RemoteUnavailable: the scheduler went away.
            Unsupported: a worker has no vfs, or another one.
        """
        over = threading.Event()
        key = f"vfs-{task.address}-{secrets.token_hex(6)}"
        values = {"version": __version__, "task": encoded(task)}
        with attending.held():
            if self._client.status != "running":
                raise self._gone("")
            future = self._client.submit(eval, START, values, key=key, pure=False)
            future.add_done_callback(lambda _: over.set())
            while not over.wait(_LOOK):
                if attending.came:
                    future.cancel(reason="interrupted", msg="vfs was interrupted")
                    return None
            if future.status != "finished":
                raise self._failed(task, future)
            try:
                answer = future.result()
            except (OSError, RuntimeError, CancelledError) as error:  # what has it is gone as well
                raise self._gone(f" while stage {task.address!r} ended") from error
        if answer["version"] != __version__:
            raise Unsupported(
                f"a worker of {self.place} has vfs {answer['version']}, and here is {__version__}",
                hint="install the same version on both",
            )
        return result_of(answer["result"])

    def _gone(self, when: str) -> RemoteUnavailable:
        return RemoteUnavailable(
            f"the Dask scheduler at {self.place} went away{when}",
            hint="vfs repro goes on where it was, when there is one again",
        )

    def _failed(self, task: Task, future: Any) -> Exception:
        """What became of a task that has no result."""
        from distributed.scheduler import KilledWorker

        if future.status == "cancelled":
            return self._gone(f" while stage {task.address!r} ran; nothing was recorded")
        error = future.exception()
        if isinstance(error, KilledWorker):
            return StageFailed(
                f"stage {task.address!r}: every worker that ran it died",
                hint="its memory may not suffice: the logs of the workers say more",
            )
        if isinstance(error, ModuleNotFoundError):
            return Unsupported(
                f"a worker of {self.place} cannot run stages: {error}",
                hint=f"install vfs {__version__} there, in the Python that runs the worker",
            )
        return StageFailed(
            f"stage {task.address!r}: a worker failed: {type(error).__name__}: {error}"
        )
