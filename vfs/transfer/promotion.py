"""`promote`: a content of which readers have had most is fetched to its end, in whatever order they read.

Rule: once, when three quarters of the blocks were had and the rest fits what may lie ahead; so at least three quarters of what is fetched
of a content were wanted. Whoever reads all of it at random, as several processes that map one file do, waits no more from then on.
Loop only; no awaits.
"""

from vfs.transfer.blocks import here
from vfs.transfer.engine import Engine
from vfs.transfer.state import BlobState, Level
from vfs.types import BLOCK_SIZE


def promote(engine: Engine, state: BlobState, ceiling: int) -> None:
    """Ask for what is left of a blob, if that is due; `ceiling` is how many bytes may lie ahead of a reader."""
    left = state.blocks - state.handed.blocks
    if state.promoted or 4 * left > state.blocks or left * BLOCK_SIZE > ceiling:
        return
    state.promoted = True
    lacking = state.handed.lacking(state.blocks)
    wanted = [b for b in lacking if not state.comes(b) and engine.at_hand(state, b) is None]
    stored = here(engine.store, state.keys, wanted)
    engine.request(
        state, [b for b, is_here in zip(wanted, stored, strict=True) if not is_here], Level.AHEAD
    )
