"""What a stage read the last time is fetched while its command starts."""

import os
import shutil
from collections.abc import Callable
from hashlib import md5
from pathlib import Path

from tests.pipeline.clones import clone_of, nothing_is_left
from tests.pipeline.conftest import Work
from vfs.testing.faulty_proxy import FaultyProxy, Request, stall
from vfs.testing.mounts import wait_until
from vfs.testing.web_servers import StoreServer

SIZES = {"first": 1000, "second": 2000, "piece": 9 << 20, "unread": 3000}
MIB = 1 << 20


def test_the_next_run_does_not_wait_for_what_the_last_one_read(
    work: Work, put_server: StoreServer, waiting: Callable[[Path], None]
) -> None:
    contents = {name: os.urandom(size) for name, size in SIZES.items()}
    (work.root / "data").mkdir()
    for name, data in contents.items():
        (work.root / "data" / name).write_bytes(data)
    directory = put_server.new_directory(work.root.parent.name)
    work.vfs("remote", "add", "-d", "store", str(directory))
    work.vfs("add", "data")
    on = work.signs / "on"
    work.pipeline(
        f"  one: {{cmd: 'cat data/first > {work.signs}/go; while [ ! -e {on} ]; do :; done; cat data/second > b;"
        " head -c 10 data/piece >> b', deps: [data], outs: [b]}\n"
    )
    work.vfs("push")
    work.git("add", "-A")
    work.git("commit", "-q", "-m", "published")
    clone = clone_of(work, "clone")
    with FaultyProxy(put_server.port) as proxy:
        url = f"{proxy.endpoint}/{directory.name}"
        clone.vfs("remote", "modify", "--local", "store", "url", url)
        on.touch()
        clone.outcomes()

        hashed = {md5(data).hexdigest(): name for name, data in contents.items()}

        def meant(request: Request) -> str | None:
            return hashed.get("".join(request.target.split("/")[-2:]))

        def asked() -> set[str | None]:
            return {meant(r) for r in proxy.requests if r.method == "GET"} - {None}

        assert asked() == {"first", "second", "piece"}

        def again() -> None:
            shutil.rmtree(work.sandbox.root / "cache" / "vfs")
            proxy.requests.clear()
            for sign in (on, work.signs / "go"):
                sign.unlink()

        again()
        process = clone.start("repro", "-f", "--no-run-cache")
        waiting(work.signs / "go")
        wait_until(lambda: "second" in asked(), "what the command has not opened yet")
        assert "piece" not in asked(), "of which the last run read a little"
        on.touch()
        said = process.communicate()[0]
        assert process.returncode == 0, said
        assert asked() == {"first", "second", "piece"}
        run = clone.documents("log", "one")[0]
        assert run["fetched"] < 9 * MIB
        assert run["streamed"] >= 3000
        assert (clone.root / "b").read_bytes() == contents["second"] + contents["piece"][:10]

        again()
        on.touch()
        hang = stall(0)  # nothing of them comes, and the command wants nothing of it
        proxy.always(lambda request, then: hang(request, then) if meant(request) else then())
        text = clone.read("dvc.yaml").removeprefix("stages:\n")
        clone.pipeline(text[: text.index("cmd:")] + "cmd: touch b, deps: [data], outs: [b]}\n")
        clone.vfs("repro")
    nothing_is_left(work)
