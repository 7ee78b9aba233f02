"""From a configured remote to one that can be used: the driver by scheme, the wrappers around it.

The one place that knows the order: bandwidth(retry(limit(hedge(statistics(driver))))). Bandwidth lies around all:
waiting for it is no silence of the remote. Retry is next, so that no slot is held while it
waits; a race of two requests holds one slot, and the time that a request waits for
one is not its lateness; statistics are innermost, so that they see every attempt and the server's own
latency.
"""

import weakref
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING
from urllib.parse import unquote

from vfs.config.units import parse_rate
from vfs.errors import ConfigError, Unsupported
from vfs.remotes.backoff import Backoff
from vfs.remotes.bandwidth import Bandwidth, BandwidthRemote
from vfs.remotes.base import Remote, RemoteSpec
from vfs.remotes.hedge import HedgeRemote
from vfs.remotes.limit import LimitRemote
from vfs.remotes.local import LocalRemote
from vfs.remotes.racing import Hedges
from vfs.remotes.retry import RetryRemote
from vfs.remotes.statistics import Statistics, StatisticsRemote

if TYPE_CHECKING:
    from vfs.remotes.lfs import Credentials

OWN_BANDWIDTH = "max_bandwidth"
"""The option of a remote that says how many bytes a second it gets at most."""

_MIRROR = "mirror it to S3 or a local directory, or run `dvc fetch`: the DVC cache is read as well"
_UNKNOWN = {
    "hdfs": _MIRROR,
    "webhdfs": _MIRROR,
    "oss": "use the bucket's S3 endpoint: s3:// with endpointurl, or run `dvc fetch`",
    "gdrive": _MIRROR,
}
# Modules load their libraries at the first request; the modules themselves only when their scheme is used.
_DRIVERS = {
    "s3": "vfs.remotes.s3:S3Remote",
    "http": "vfs.remotes.plain:PlainRemote",
    "https": "vfs.remotes.plain:PlainRemote",
    "webdav": "vfs.remotes.webdav:WebdavRemote",
    "webdavs": "vfs.remotes.webdav:WebdavRemote",
    "ssh": "vfs.remotes.ssh:SshRemote",
    "sftp": "vfs.remotes.ssh:SshRemote",
    "gs": "vfs.remotes.gs:GoogleRemote",
    "gcs": "vfs.remotes.gs:GoogleRemote",
    "azure": "vfs.remotes.azure:AzureRemote",
    "abfs": "vfs.remotes.azure:AzureRemote",
    "abfss": "vfs.remotes.azure:AzureRemote",
}


def open_remote(
    config: RemoteSpec,
    *,
    jobs: int = 16,
    timeout: float = 60.0,
    backoff: Backoff | None = None,
    statistics: Statistics | None = None,
    hedge: float = 0.0,
    bandwidth: Bandwidth | None = None,
    unused: Callable[[Callable[[], None]], object] | None = None,
) -> Remote:
    """A remote, ready to use; touches neither network nor disk.

    Args:
        config: as configured; `jobs` in its options lowers ours.
        jobs: requests at the same time.
        timeout: seconds one request may take without progress.
        backoff: how to repeat failed requests.
        statistics: a collector to fill.
        hedge: of a hundred requests, how many may be sent a second time because they are late.
        bandwidth: that is shared with others; `max_bandwidth` in the options narrows it for this remote.
        unused: once nobody holds the remote or a body of it, given what closes it; in any thread, and must not wait.

    Raises:
        ConfigError: the URL or an option makes no sense.
        Unsupported: a scheme that vfs does not speak.
    """
    scheme = config.url.partition("://")[0].lower() if "://" in config.url else ""
    collector = statistics or Statistics()
    jobs = min(jobs, _jobs(config) or jobs)
    limit = _narrowed(config, bandwidth, jobs)
    if scheme in ("", "file"):
        local = LocalRemote(_local_path(config), name=config.name)
        return _watched(_limited(StatisticsRemote(local, collector, jobs=1), limit), local, unused)
    if scheme not in _DRIVERS:
        raise Unsupported(
            f"remote {config.name}: vfs has no driver for {scheme[:20]!a}://",
            hint=_UNKNOWN.get(scheme),
        )
    module, _, name = _DRIVERS[scheme].partition(":")
    driver: Remote = getattr(import_module(module), name)(config, jobs=jobs, timeout=timeout)
    stacked = _stacked(driver, jobs, backoff, collector, hedge)
    return _watched(_limited(stacked, limit), driver, unused)


def open_lfs(
    endpoint: str,
    credentials: "Credentials",
    *,
    jobs: int = 16,
    timeout: float = 60.0,
    statistics: Statistics | None = None,
    hedge: float = 0.0,
    bandwidth: Bandwidth | None = None,
) -> Remote:
    """The LFS server at a URL, ready to use; touches neither network nor disk.

    Raises:
        ConfigError: the URL makes no sense.
    """
    from vfs.remotes.lfs import LfsRemote

    driver = LfsRemote(endpoint, credentials, jobs=jobs, timeout=timeout)
    stacked = _stacked(driver, jobs, None, statistics or Statistics(), hedge)
    return _limited(stacked, bandwidth)


def _stacked(
    driver: Remote, jobs: int, backoff: Backoff | None, statistics: Statistics, hedge: float
) -> Remote:
    remote: Remote = StatisticsRemote(driver, statistics, jobs=jobs)
    if hedge:
        hedges = Hedges(hedge / 100, max(1, jobs // 4), statistics)
        remote = HedgeRemote(remote, hedges, jobs=jobs)
    return RetryRemote(LimitRemote(remote, jobs), backoff=backoff, jobs=jobs)


def _limited(remote: Remote, limit: Bandwidth | None) -> Remote:
    return remote if limit is None else BandwidthRemote(remote, limit)


def _narrowed(config: RemoteSpec, shared: Bandwidth | None, jobs: int) -> Bandwidth | None:
    """The limit of one remote."""
    text = config.options.get(OWN_BANDWIDTH, "")
    try:
        rate = parse_rate(text) if text else 0
    except ValueError as error:
        raise ConfigError(f"remote {config.name}: {OWN_BANDWIDTH}: {error}") from None
    return Bandwidth(rate, shared, jobs=jobs) if rate else shared


def _watched(
    remote: Remote, driver: Remote, unused: Callable[[Callable[[], None]], object] | None
) -> Remote:
    if unused is not None:
        weakref.finalize(remote, unused, driver.close).atexit = False
    return remote


def _local_path(config: RemoteSpec) -> str:
    """The directory of a local remote: a path as it is, or a `file://` URL decoded."""
    if "://" not in config.url:
        return config.url
    host, slash, path = config.url.partition("://")[2].partition("/")
    if host not in ("", "localhost") or not slash:
        raise ConfigError(
            f"remote {config.name}: file:// names a host", hint="file:///absolute/path"
        )
    return "/" + unquote(path)


def _jobs(config: RemoteSpec) -> int:
    """The remote's own `jobs`, 0 if it has none."""
    text = config.options.get("jobs", "")
    if not text:
        return 0
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= 1024:
        raise ConfigError(f"remote {config.name}: jobs must be a number from 1 to 1024")
    return int(text)
