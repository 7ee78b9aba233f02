"""The chunk store: segments of payload and their LMDB index, shared by all mounts of a machine."""
