"""The packed layout over any remote: pushing files as packs and manifests, reading them back (`docs/packed.md`).

Blocking and thread-safe, but for `Pusher`, which belongs to one thread. Nothing here knows of working trees, caches or
pointers' files.
"""
