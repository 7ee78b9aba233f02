"""vfs itself, on a remote in its packed layout and on one in DVC's."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from tests.bench.field import stores
from tests.bench.field.peers.base import Kind, NoAnswer, Peer, Place, Running
from tests.bench.field.place import unmount
from tests.bench.field.readers import CLIENT, Files
from tests.bench.field.took import Took
from vfs import __version__
from vfs.testing.mounts import Mount


class Vfs(Peer):
    """One of the two; a fresh clone, and no cache."""

    kind = Kind.OURS

    def __init__(self, name: str, layout: str, reads: str) -> None:
        self.name, self.reads, self._layout = name, reads, layout

    def version(self) -> str:
        return __version__

    def prepare(self, place: Place) -> None:
        place.sandbox.git(place.directory, "clone", "-q", place.repository, "clone")
        place.sandbox.git(place.directory / "clone", "checkout", "-q", "v1")

    def forget(self, place: Place) -> None:
        shutil.rmtree(Path(place.sandbox.environ["XDG_CACHE_HOME"]) / "vfs", ignore_errors=True)

    def start(self, place: Place) -> Running:
        clone = place.directory / "clone"
        stores.add_remote(clone, self._layout, place.buckets[self._layout], place.s3)
        mount = Mount(place.sandbox, clone, place.directory / "m")
        try:
            mount.start("v1")
        except AssertionError as error:
            unmount(mount.path)
            raise NoAnswer(str(error)[-300:]) from None
        daemon = mount.daemon().pid

        def stop() -> None:
            mount.umount(check=False)
            unmount(mount.path)

        def switch() -> None:
            mount.switch("v2")

        reader = Files(directory=mount.path, environ=place.sandbox.environ)
        return Running(reader, lambda: [daemon], stop, switch)

    def traced_epoch(
        self, place: Place, names: list[str], workers: int, seconds: float, cool: Callable[[], None]
    ) -> Took:
        """The second run of a stage that reads these files; what the first one read is fetched ahead of it, the cache being empty both times."""
        clone = place.fresh("traced") / "clone"
        place.sandbox.git(place.directory, "clone", "-q", "--branch", "v1", place.repository, clone)
        stores.add_remote(clone, self._layout, place.buckets[self._layout], place.s3)
        job: dict[str, object] = {"job": "epoch", "reader": "posix", "options": {"root": "."}}
        job |= {"names": names, "workers": workers, "seconds": seconds}
        (clone / "job.json").write_text(json.dumps(job))
        shutil.copy(CLIENT, clone / "client.py")
        (clone / "dvc.yaml").write_text(_STAGE.format(python=sys.executable))
        for _ in range(2):
            self.forget(place)
            cool()
            stores.vfs(place.sandbox, clone, "repro", "-f", "--no-run-cache")
        answer = json.loads((clone / "answer.json").read_text())
        return Took(answer["seconds"], answer["bytes"], answer["count"])


_STAGE = """\
stages:
  read:
    cmd: {python} -I -S client.py < job.json > answer.json
    deps: [small, client.py, job.json]
    outs: [answer.json]
"""
