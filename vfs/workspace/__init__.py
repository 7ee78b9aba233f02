"""One repository in use: its snapshots, and where the bytes of each entry come from."""
