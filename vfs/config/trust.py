"""Whether `.vfs/local.yaml` is really private to this machine.

`.vfs/local.yaml` may name directories of this machine because Git ignores it. A hostile repository can nevertheless
*track* a file of that name, and a clone would bring it along; such a file is treated like `.vfs/config.yaml`.
"""

import subprocess
from pathlib import Path

from vfs.config.environment import git_environment


def is_tracked(root: Path, relative: str) -> bool:
    """Whether Git tracks `relative` in the working tree `root`; True if Git cannot tell.

    Outside any repository nothing is tracked. Takes one short Git process, only called when the file exists.
    """
    if not (root / ".git").exists():
        return False
    command = ["git", "-c", "core.fsmonitor=false", "-C", str(root)]
    command += ["ls-files", "--error-unmatch", "--", relative]
    try:
        done = subprocess.run(
            command,
            env=git_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return True
    return done.returncode != 1
