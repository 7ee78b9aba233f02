"""Fetching blobs from places into the chunk store."""
