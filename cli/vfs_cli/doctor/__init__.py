"""`vfs doctor`: what limits vfs on this machine and in this repository, and the command that mends it."""

from vfs_cli.doctor.command import command

__all__ = ["command"]
