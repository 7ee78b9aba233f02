"""The daemon of one mount: composition root, supervisor, signals."""
