"""Stands in for a training: reads every file below a directory in shuffled order, and says what it read and how fast.

Standard library only; it knows nothing of vfs.
"""

import hashlib
import os
import random
import sys
import time
from pathlib import Path


def main(directory: Path, epochs: int) -> None:
    paths = sorted(path for path in directory.rglob("*") if path.is_file())
    if not paths:
        sys.exit(f"{directory} is empty: the mount does not reach this container")
    for epoch in range(epochs):
        order = random.Random(epoch).sample(paths, len(paths))
        started = time.perf_counter()
        contents = {path: path.read_bytes() for path in order}
        seconds = time.perf_counter() - started
        size = sum(map(len, contents.values()))
        digest = hashlib.sha256(b"".join(contents[path] for path in paths)).hexdigest()[:16]
        rate = size / seconds / 1e6
        print(
            f"epoch {epoch}: {len(paths)} files, {size} bytes, {rate:.1f} MB/s, {digest}",
            flush=True,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(os.environ.get("EPOCHS", "2")))
