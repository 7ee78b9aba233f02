"""Google Cloud Storage remotes; google-auth is imported at the first request."""

from vfs.remotes.gs.driver import GoogleRemote

__all__ = ["GoogleRemote"]
