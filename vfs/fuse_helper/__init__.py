"""Mounts made for daemons that may not mount: the helper that runs as root, and how a daemon asks it (`docs/containers.md`)."""
