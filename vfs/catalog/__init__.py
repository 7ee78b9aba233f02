"""What snapshots contain: pages of tracked directories and facts per digest, in LMDB."""
