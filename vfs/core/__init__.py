"""Pure decisions: paths, streams, windows, eviction, inode numbers. No I/O, no clock, no randomness."""
