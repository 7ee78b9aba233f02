"""How the rows read a peer: through a mount or directory, or through a library; the work itself is done by `client` and fio."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.field import fio
from tests.bench.field.took import NoAnswer, Took

CLIENT = Path(__file__).with_name("client.py")
_PATIENCE = 180.0


@dataclass
class Reader:
    """A library that is no mount.

    Attributes:
        name, options: of the client's reader.
        python: the interpreter that has the library.
        environ: the client's environment.
        pid: of the client while it works; it is the peer, so its memory counts.
    """

    name: str
    options: Mapping[str, str]
    python: Path
    environ: Mapping[str, str]
    parallel: bool = True
    pid: int = 0

    @property
    def root(self) -> Path | None:
        """The directory, if there is one."""
        return None

    def sequential(self, path: str, size: int) -> Took:
        """Read a large object from start to end."""
        return self._took("sequential", name=path, size=size, parallel=self.parallel)

    def again(self, path: str, size: int) -> Took:
        """The same, with what the kernel has left."""
        raise NoAnswer("a library: the kernel keeps nothing of it")

    def at_random(self, path: str, size: int, block: int, seconds: float) -> Took:
        """Read blocks at random offsets."""
        return self._took("random", name=path, size=size, block=block, seconds=seconds)

    def epoch(
        self, names: list[str], workers: int, seconds: float, *, hinted: bool = False
    ) -> Took:
        """Read all of these files, in this order."""
        return self._took("epoch", names=names, workers=workers, seconds=seconds, hinted=hinted)

    def first(self, names: list[str]) -> list[float]:
        """Milliseconds to the first byte of each."""
        return [float(delay) for delay in self._ask("first", names=names)["delays"]]

    def listing(self, name: str) -> Took:
        """List a directory and all below it."""
        raise NoAnswer("no directory to list")

    def stats(self, names: list[str]) -> Took:
        """`stat` of each of these."""
        raise NoAnswer("no directory to look into")

    def forget(self, names: list[str]) -> None:
        """Make the kernel forget the pages of files, not their names."""

    def _took(self, job: str, **arguments: Any) -> Took:
        answer = self._ask(job, **arguments)
        return Took(answer["seconds"], answer["bytes"], answer["count"])

    def _ask(self, job: str, **arguments: Any) -> dict[str, Any]:
        text = json.dumps(
            {"job": job, "reader": self.name, "options": dict(self.options), **arguments}
        )
        pipe = subprocess.PIPE
        argv = [self.python, CLIENT]
        with subprocess.Popen(
            argv, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=dict(self.environ), cwd="/"
        ) as client:
            self.pid = client.pid
            try:
                output, errors = client.communicate(text, timeout=_PATIENCE)
            except subprocess.TimeoutExpired:
                client.kill()
                raise NoAnswer(f"no end of {job} within {_PATIENCE:g} s") from None
        if client.returncode:
            raise NoAnswer(f"{job}: {errors.strip().splitlines()[-1:] or client.returncode}")
        answer: dict[str, Any] = json.loads(output)
        return answer


@dataclass
class Files(Reader):
    """A directory: a mount, or files that were copied there.

    Attributes:
        directory: it.
        bring: has whatever a peer must copy before a path can be read; its time counts.
    """

    name: str = "posix"
    options: Mapping[str, str] = field(default_factory=dict)
    python: Path = Path(sys.executable)
    environ: Mapping[str, str] = field(default_factory=dict)
    directory: Path = Path()
    bring: Callable[[list[str]], float] = lambda paths: 0.0

    def __post_init__(self) -> None:
        self.options = {"root": str(self.directory)}

    @property
    def root(self) -> Path | None:
        return self.directory

    def sequential(self, path: str, size: int) -> Took:
        return self._big(path, fio.Job(256 << 10, _PATIENCE))

    def again(self, path: str, size: int) -> Took:
        return self._big(path, fio.Job(256 << 10, _PATIENCE, hot=True))

    def at_random(self, path: str, size: int, block: int, seconds: float) -> Took:
        return self._big(path, fio.Job(block, seconds, at_random=True))

    def epoch(
        self, names: list[str], workers: int, seconds: float, *, hinted: bool = False
    ) -> Took:
        spent = self.bring(["small"])
        return _longer(super().epoch(names, workers, seconds, hinted=hinted), spent)

    def first(self, names: list[str]) -> list[float]:
        delays = []
        for name in names:
            spent = self.bring([name])
            delays += [spent * 1000 + delay for delay in super().first([name])]
        return delays

    def listing(self, name: str) -> Took:
        return self._took("listing", names=[name])

    def stats(self, names: list[str]) -> Took:
        return self._took("stats", names=names)

    def forget(self, names: list[str]) -> None:
        self._ask("forget", names=names)

    def _big(self, path: str, job: fio.Job) -> Took:
        spent = self.bring([path])
        return _longer(fio.run(job, self.directory / path), spent)


def _longer(took: Took, seconds: float) -> Took:
    return Took(took.seconds + seconds, took.bytes, took.count)
