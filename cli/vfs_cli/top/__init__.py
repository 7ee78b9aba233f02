"""`vfs top`: what mounts do, live."""

from vfs_cli.top.command import command

__all__ = ["command"]
