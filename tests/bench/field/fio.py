"""fio's part: the jobs that mountpoint-s3, gcsfuse and JuiceFS publish, as parameters, and what fio answers.

Blocks of 256 KiB in sequence and at random (mountpoint-s3, gcsfuse), 4 KiB at random (JuiceFS); psync, one job, through the page cache, whose
pages of the file are dropped first unless the row is kernel-warm (gcsfuse's `invalidate=1`).
"""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.bench.field.took import NoAnswer, Took


@dataclass(frozen=True)
class Job:
    """One job.

    Attributes:
        block: bytes of a read.
        seconds: how long it lasts; a sequential one ends with the file or then.
        at_random: random offsets instead of one after the other.
        hot: whether pages that the kernel has may answer.
    """

    block: int
    seconds: float
    at_random: bool = False
    hot: bool = False

    def argv(self, path: Path) -> list[str]:
        """The command."""
        limits = ["--time_based"] if self.at_random else []
        return [
            "fio", "--name=field", f"--filename={path}", "--ioengine=psync", "--thread", "--readonly",
            "--allow_file_create=0", f"--rw={'randread' if self.at_random else 'read'}", f"--bs={self.block}",
            f"--invalidate={int(not self.hot)}", f"--runtime={self.seconds:g}", *limits, "--output-format=json",
        ]  # fmt: skip


def run(job: Job, path: Path) -> Took:
    """Run one.

    Raises:
        NoAnswer: it failed or did not end.
    """
    argv = job.argv(path)
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, check=False, timeout=job.seconds * 2 + 60, cwd="/"
        )
    except subprocess.TimeoutExpired as error:
        raise NoAnswer(f"fio did not end within {error.timeout:g} s") from None
    if done.returncode:
        raise NoAnswer(f"fio: {(done.stderr or done.stdout).strip()[-300:]}")
    return parse(done.stdout)


def parse(text: str) -> Took:
    """What fio printed as JSON; it may say things before."""
    read = json.loads(text[text.index("{") :])["jobs"][0]["read"]
    return Took(read["runtime"] / 1000, read["io_bytes"], read["total_ios"])
