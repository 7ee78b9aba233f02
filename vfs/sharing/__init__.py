"""A repository and the rest of the world: push, fetch, pull, import, get, gc, fsck."""
