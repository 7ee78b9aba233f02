"""Places that hold objects: one protocol, its drivers and its wrappers."""
