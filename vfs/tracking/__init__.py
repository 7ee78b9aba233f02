"""The working tree of a repository against its pointers: add, commit, remove, move, status, checkout."""
