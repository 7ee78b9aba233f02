"""Pure: bytes of DVC, Git LFS and our own files <-> values. No I/O."""
