"""The file system without FUSE: views, inodes, reader, switch."""
