"""What a training process pays for hints before it reads anything."""

import subprocess
import sys

from tests.unit.cli.test_startup import HEAVY


def test_hints_import_only_the_standard_library() -> None:
    script = "import sys; import vfs.hints, vfs.hints.torch; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    names = set(done.stdout.split())
    assert "vfs.hints.link" in names
    assert not names & {*HEAVY, "torch", "click"}
    top = {name.partition(".")[0] for name in names if not name.startswith("_")}
    assert top - set(sys.stdlib_module_names) <= {"vfs", "sitecustomize", "usercustomize"}
