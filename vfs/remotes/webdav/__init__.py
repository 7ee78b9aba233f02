"""WebDAV remotes."""

from vfs.remotes.webdav.driver import WebdavRemote

__all__ = ["WebdavRemote"]
