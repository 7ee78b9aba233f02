"""vfs: mount any commit of a Git repository, with its large data, as a directory."""

__version__ = "0.1.0"
