"""Which files are DVC's own, by their names."""


def is_pointer(path: bytes) -> bool:
    """Whether a file is a `.dvc` file or `Dvcfile`; DVC takes `.dvc` itself for none: it is a suffix, not a name."""
    name = path.rpartition(b"/")[2]
    return name == b"Dvcfile" or (name[-4:] == b".dvc" and name != b".dvc")
