"""Whether an environment is sound: another process walks through it.

LMDB checks what it reads, but not everything: a damaged page may end the process that meets it.

Rule: damage is what the walk says is damage, or a crash of it by a signal that a damaged page raises. A walk that cannot
be started, cannot import LMDB, is killed or takes too long says nothing of the environment, which then passes for sound.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

from vfs.lmdb.environment import DAMAGE, Form

_TIMEOUT: Final = 120.0
_DAMAGED: Final = 83  # exit status of the walk; no shell, no interpreter and no signal gives it
_CRASHES: Final = tuple(
    -number
    for number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL)
)
_WALK: Final = """
import json, sys
directory, repeating, names, damage, damaged, sys.path[:] = json.loads(sys.argv[1])
import os, resource, lmdb
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
path = os.path.join(directory, "data.mdb")
try:
    with lmdb.open(directory, readonly=True, lock=os.path.exists(os.path.join(directory, "lock.mdb")), create=False, max_dbs=16) as env:
        pages = (env.info()["last_pgno"] + 1 - 256) * env.stat()["psize"]
        if os.stat(path).st_size < pages:
            sys.exit(damaged)
        for name in names:
            try:
                table = env.open_db(name.encode(), create=False, dupsort=name in repeating)
            except lmdb.NotFoundError:
                continue
            with env.begin(table) as transaction:
                for _ in transaction.cursor():
                    pass
except (SystemError, *(getattr(lmdb, name) for name in damage)):  # a length below zero is a SystemError
    sys.exit(damaged)
"""


def is_sound(directory: Path, form: Form) -> bool:
    """Read every record of an environment, which other processes may be using."""
    damage = [kind.__name__ for kind in DAMAGE]
    where = [entry for entry in sys.path if os.path.isabs(entry)]  # LMDB may be the user's own
    told = (os.fspath(directory), form.repeating, form.tables, damage, _DAMAGED, where)
    try:
        walk = subprocess.run(
            [sys.executable, "-I", "-c", _WALK, json.dumps(told)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return True
    return walk.returncode != _DAMAGED and walk.returncode not in _CRASHES
