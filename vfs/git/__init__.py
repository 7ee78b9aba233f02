"""Git: revisions, trees, blobs, metadata-only clones. The home of pygit2."""
