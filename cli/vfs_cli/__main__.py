"""`python -m vfs_cli`."""

from vfs_cli.entry import main

main()
