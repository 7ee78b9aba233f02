"""Pure decisions: paths, streams, eviction, inode numbers. No I/O, no clock, no randomness."""
