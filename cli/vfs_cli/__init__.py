"""The `vfs` command: parse, render, exit code."""
