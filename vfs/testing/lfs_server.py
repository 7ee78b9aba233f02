"""A real Git LFS server (Giftless, PyPI) that lets in who has a token.

Rule: as for the other servers: loopback only, files in one directory, ended by the id of the process.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from vfs.testing.cloud_servers import ROOT
from vfs.testing.git_servers import start_process
from vfs.testing.ports import free_port
from vfs.testing.processes import stop
from vfs.testing.s3_servers import ServerFailed

PYTHON = ROOT / ".tools/giftless/bin/python"
_KEY = "a key of the tests that is long enough"
_SERVE = "import sys, waitress; from giftless.wsgi_entrypoint import app; waitress.serve(app, host='127.0.0.1', port=int(sys.argv[1]))"
_TOKEN = "import jwt, sys; print(jwt.encode({'sub': 'ann', 'exp': 1 << 33, 'scopes': ['obj:*']}, sys.argv[1], 'HS256'))"


@dataclass
class LfsServer:
    """The server; `storage` holds its objects, `credentials` is a file for Git's helper `store`."""

    port: int
    storage: Path
    credentials: Path
    process: "subprocess.Popen[bytes]"

    @property
    def helper(self) -> str:
        """A value of `credential.helper` that knows the token."""
        return f"store --file={self.credentials}"

    def repository_url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/org/{name}.git"

    def stop(self) -> None:
        stop(self.process)


def start_giftless(directory: Path) -> LfsServer:
    """Start it.

    Raises:
        ServerFailed: it is not installed or did not come up.
    """
    if not PYTHON.exists():
        raise ServerFailed("no Giftless; `tests/setup/giftless.sh`, or leave out tests marked lfs")
    port, storage = free_port(), directory / "objects"
    config = directory / "giftless.yaml"
    config.write_text(_CONFIG.format(storage=storage, key=_KEY))
    token = subprocess.check_output([PYTHON, "-c", _TOKEN, _KEY], text=True).strip()
    credentials = directory / "credentials"
    credentials.write_text(f"http://_jwt:{token}@127.0.0.1:{port}\n")
    environment = {"GIFTLESS_CONFIG_FILE": str(config), "PYTHONWARNINGS": "ignore"}
    argv: list[str | Path] = [PYTHON, "-c", _SERVE, str(port)]
    process = start_process(argv, directory / "log", port, environment)
    return LfsServer(port, storage, credentials, process)


_CONFIG = """\
LEGACY_ENDPOINTS: false
AUTH_PROVIDERS:
  - factory: giftless.auth.jwt:factory
    options:
      algorithm: HS256
      private_key: {key}
TRANSFER_ADAPTERS:
  basic:
    factory: giftless.transfer.basic_streaming:factory
    options:
      storage_class: giftless.storage.local_storage:LocalStorage
      storage_options:
        path: {storage}
"""
