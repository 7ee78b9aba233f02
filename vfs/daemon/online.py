"""Taking a mount off the network, and back.

Rules: offline, the connections of all remotes are closed, so what waits for one fails at once; what could not be had is looked for
anew after either change. A revision that would lack names or sizes because nobody may be asked is not shown.
"""

import logging
from collections.abc import Callable

from vfs.errors import Offline
from vfs.offline import go_offline, go_online, is_offline
from vfs.threads import Pool, run_in
from vfs.workspace import Snapshot, Workspace

log = logging.getLogger("vfs.daemon")


async def go(workspace: Workspace, places_changed: Callable[[], None], *, offline: bool) -> bool:
    """Go offline or online; whether that is a change."""
    if offline == is_offline():
        return False
    if offline:
        go_offline()
        await run_in(Pool.CONTROL, workspace.session.connections.disconnect)
    else:
        go_online()
    places_changed()
    log.info("%s", "offline: no remote is asked" if offline else "online again")
    return True


def complete(snapshot: Snapshot) -> Snapshot:
    """A snapshot that can be shown.

    Raises:
        Offline: names or sizes of it are only on remotes, which may not be asked.
    """
    lacking = [problem for problem in snapshot.problems if problem.code == Offline.code]
    if not lacking:
        return snapshot
    first = lacking[0]
    more = f" (and {len(lacking) - 1} more paths)" if len(lacking) > 1 else ""
    path = first.path.decode("utf-8", "backslashreplace")
    raise Offline(
        f"{snapshot.rev} was not shown here before: {path}{more}: {first.message}",
        hint="show it once while online; `vfs offline off` goes online",
    )
