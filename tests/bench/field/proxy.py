"""nginx between the peers and the servers: it delays each request and counts what it hands out.

Rule: all peers go through it, also without a delay, so that all pay for it alike and all are counted. A request counts when it has
ended; `settled` waits until no more end.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vfs.testing.git_servers import require, start_process
from vfs.testing.ports import free_port
from vfs.testing.processes import stop
from vfs.testing.s3_servers import ServerFailed

_NGINX = Path("/usr/sbin/nginx")
_MODULES = Path("/usr/lib/nginx/modules")
_QUIET = 0.3  # seconds without an ended request
_PATIENCE = 10.0


@dataclass(frozen=True)
class Counted:
    """Requests that ended within a span of time, and the bytes of their bodies."""

    requests: int
    bytes: int


def counted(lines: Sequence[str]) -> Counted:
    """Sum up lines of the access log: method, status, bytes of the body."""
    sizes = [int(line.split()[2]) for line in lines]
    return Counted(len(sizes), sum(sizes))


class Proxy:
    """A running nginx; a context manager.

    Args:
        directory: for its files.
        upstreams: port of each server by name.
        latencies: delays in ms; anything but 0 needs nginx's Lua module.
    """

    def __init__(
        self, directory: Path, upstreams: Mapping[str, int], latencies: Sequence[int]
    ) -> None:
        self._directory = directory
        self._log = directory / "access"
        self._ports = {(name, ms): free_port() for name in upstreams for ms in latencies}
        require(_NGINX, "nginx")
        if any(latencies) and not (_MODULES / "ngx_http_lua_module.so").exists():
            raise ServerFailed("no Lua in nginx; `apt-get install libnginx-mod-http-lua`")
        text = configuration(directory, upstreams, self._ports, lua=any(latencies))
        (directory / "nginx.conf").write_text(text)
        argv: list[str | Path] = [_NGINX, "-p", directory, "-c", directory / "nginx.conf"]
        self._process = start_process(argv, directory / "log", next(iter(self._ports.values())))

    def endpoint(self, name: str, latency: int) -> str:
        """Where a server is reached with a delay."""
        return f"http://127.0.0.1:{self._ports[name, latency]}"

    def mark(self) -> int:
        """A moment to count from."""
        return self._log.stat().st_size

    def since(self, mark: int) -> Counted:
        """What ended since then, once nothing ends any more."""
        self._settled()
        with open(self._log, encoding="ascii") as log:
            log.seek(mark)
            return counted(log.read().splitlines())

    def _settled(self) -> None:
        size, until = self.mark(), time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            time.sleep(_QUIET)
            if self.mark() == size:
                return
            size = self.mark()

    def stop(self) -> None:
        """End it."""
        stop(self._process)


def configuration(
    directory: Path,
    upstreams: Mapping[str, int],
    ports: Mapping[tuple[str, int], int],
    *,
    lua: bool,
) -> str:
    """nginx's configuration."""
    modules = ("ndk_http_module.so", "ngx_http_lua_module.so") if lua else ()
    text = "".join(f"load_module {_MODULES / name};\n" for name in modules)
    servers = "".join(
        f"  upstream {name} {{ server 127.0.0.1:{port}; keepalive 128; }}\n"
        for name, port in upstreams.items()
    )
    for (name, latency), port in ports.items():
        delay = f"access_by_lua_block {{ ngx.sleep({latency / 1000}) }}" if latency else ""
        servers += _SERVER.format(port=port, delay=delay, name=name)
    return text + _CONFIG.format(dir=directory, servers=servers)


_CONFIG = """\
daemon off;
worker_processes 2;
user root;
pid {dir}/nginx.pid;
error_log {dir}/log warn;
events {{ worker_connections 1024; }}
http {{
  log_format counted "$request_method $status $body_bytes_sent";
  access_log {dir}/access counted;
  sendfile on;
  tcp_nodelay on;
  keepalive_requests 1000000;
  client_max_body_size 0;
  client_body_temp_path {dir}/body;
  proxy_temp_path {dir}/proxy;
  fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi;
  scgi_temp_path {dir}/scgi;
{servers}}}
"""
_SERVER = """\
  server {{
    listen 127.0.0.1:{port};
    location / {{
      {delay}
      proxy_pass http://{name};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_buffers 64 64k;
      proxy_max_temp_file_size 0;
      proxy_request_buffering off;
    }}
  }}
"""
