"""LMDB environments: the one place that knows how LMDB behaves.

Rule: whatever lies in one may be lost; users of this package can build it again.
"""

from vfs.lmdb.environment import Damaged, Environment, Form
from vfs.lmdb.files import refused
from vfs.lmdb.orders import Busy, Closed

__all__ = ["Busy", "Closed", "Damaged", "Environment", "Form", "refused"]
