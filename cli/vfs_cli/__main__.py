"""`python -m vfs_cli`."""

from vfs_cli.main import main

main()
