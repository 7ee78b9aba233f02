"""Whether an environment is sound: another process walks through it.

LMDB checks what it reads, but not everything: a damaged page may end the process that meets it.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from vfs.lmdb.environment import Form

_TIMEOUT: Final = 120.0
_WALK: Final = """
import os, resource, sys, lmdb
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
directory, repeating, names = sys.argv[1], sys.argv[2].split(), sys.argv[3:]
path = os.path.join(directory, "data.mdb")
with lmdb.open(directory, readonly=True, lock=os.path.exists(os.path.join(directory, "lock.mdb")), create=False, max_dbs=16) as env:
    pages = (env.info()["last_pgno"] + 1 - 256) * env.stat()["psize"]
    if os.stat(path).st_size < pages:
        sys.exit(1)
    for name in names:
        try:
            table = env.open_db(name.encode(), create=False, dupsort=name in repeating)
        except lmdb.NotFoundError:
            continue
        with env.begin(table) as transaction:
            for _ in transaction.cursor():
                pass
"""


def is_sound(directory: Path, form: Form) -> bool:
    """Read every record of an environment, which other processes may be using."""
    command = [sys.executable, "-I", "-c", _WALK, os.fspath(directory)]
    try:
        walk = subprocess.run(
            [*command, " ".join(form.repeating), *form.tables],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    except OSError:
        return True  # nothing can be started here; that says nothing of the environment
    return walk.returncode == 0
