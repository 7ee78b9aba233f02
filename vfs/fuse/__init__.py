"""How requests of the kernel reach `vfs.fs`: transports, and which of them serves a mount.

Rule: the transports know `vfs.fs`, and nothing above this package knows which of them it has (`vfs.fuse.transport`).
"""
