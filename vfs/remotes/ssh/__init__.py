"""SSH remotes; asyncssh is imported at the first request."""

from vfs.remotes.ssh.driver import SshRemote

__all__ = ["SshRemote"]
