"""The pyfuse3 transport: translates requests for `vfs.fs`."""
