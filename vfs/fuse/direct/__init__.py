"""The direct transport: speaks the kernel's own protocol on `/dev/fuse` (`linux/fuse.h`, `docs/concurrency.md`)."""
