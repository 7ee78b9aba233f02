"""What `vfs status MOUNTPOINT` tells a person.

Rule: the daemon's document is read with defaults: its daemon may be of another version than this command.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from vfs_cli.output import Output
from vfs_cli.text import age, count, date, format_size

_WARNINGS = 5
_PROBLEMS = 20
_SHOWN = ("mountpoint", "repo", "rev", "commit", "started", "shown_since", "log", "files", "size")

Data = Mapping[str, Any]


def describe(output: Output, status: Data, now: float, *, verbose: bool = False) -> None:
    """Print a mount's status; `now` in seconds since the epoch."""
    commit = str(status.get("commit") or "")[:12]
    shown = f"{status.get('rev')} ({commit})" if commit else str(status.get("rev"))
    output.line(f"{status.get('mountpoint')} shows {shown}")
    for label, text in _lines(status, now):
        output.line(f"  {label:<12}{text}")
    for notice in status.get("notices") or []:
        output.line(f"  note: {notice}")
    _list_warnings(output, status)
    _list_problems(output, status, verbose)
    if verbose:
        output.line("counters:")
        for name, value in _flat({name: status[name] for name in status if name not in _SHOWN}):
            output.line(f"  {name}: {'-' if value is None else value}")


def _lines(status: Data, now: float) -> Iterator[tuple[str, str]]:
    """(label, text) of everything that fits a line, in the order of interest."""
    transfer, requests = _group(status, "transfer"), _group(status, "requests")
    yield "repository", str(status.get("repo"))
    if "shown_since" in status:
        since, mounted = float(status["shown_since"]), float(status.get("started", now))
        yield (
            "shown since",
            f"{date(since)} ({age(now - since)} ago); mounted {age(now - mounted)} ago",
        )
    if "files" in status:
        yield "holds", f"{count(status['files'], 'file')}, {format_size(status.get('size', 0))}"
    if status.get("transport"):
        yield "transport", str(status["transport"])
    if status.get("offline"):
        yield "offline", "no remote is asked: `vfs offline off` goes online"
    yield "read", _read(requests, transfer)
    yield "fetched", _fetched(transfer)
    if hedged := _hedged(_group(status, "remotes")):
        yield "hedged", hedged
    yield "in flight", _in_flight(transfer)
    yield "errors", _errors(requests, transfer)
    if status.get("memory") is not None:
        names = count(status.get("inodes", 0), "name")
        yield "memory", f"{format_size(status['memory'])}, {names} held by the kernel"
    store = _group(status, "store")
    if store.get("limit"):
        yield "cache", _cache(store)
    if status.get("metrics"):
        yield "metrics", str(status["metrics"])
    if status.get("log"):
        yield "log", str(status["log"])


def _read(requests: Data, transfer: Data) -> str:
    """What programs read, and how much of that did not have to be fetched (by this mount, since it was made)."""
    given = int(requests.get("read_bytes", 0) + requests.get("pushed_bytes", 0))
    if not given:
        return "nothing"
    fetched = transfer.get("bytes_received", 0) - transfer.get("bytes_warm_up", 0)
    percent = 100 * max(0, given - fetched) // given
    size, reads = format_size(given), count(requests.get("reads", 0), "request")
    pushed = requests.get("pushed", 0)
    small = f" and {count(pushed, 'small file')} at open" if pushed else ""
    return f"{size} in {reads}{small}; {percent} % of it was here already"


def _fetched(transfer: Data) -> str:
    """How much came, and from where, the largest share first."""
    places = sorted(_group(transfer, "places").items(), key=lambda item: -item[1])
    shares = ", ".join(f"{format_size(size)} from {label}" for label, size in places)
    total = count(transfer.get("requests", 0), "request")
    return f"{shares} in {total}" if shares else "nothing"


def _hedged(remotes: Data) -> str:
    """Requests that were sent a second time because they were late."""
    asked = [remote for remote in remotes.values() if remote.get("hedges")]
    sent, won, wasted = (
        sum(int(remote.get(name, 0)) for remote in asked)
        for name in ("hedges", "hedges_won", "wasted")
    )
    if not sent:
        return ""
    return f"{count(sent, 'late request')} asked twice, {won} answered sooner; {format_size(wasted)} came twice"


def _in_flight(transfer: Data) -> str:
    running, queued = transfer.get("in_flight_requests", 0), transfer.get("queued", 0)
    if not running and not queued:
        return "nothing"
    size, waiting = format_size(transfer.get("in_flight_bytes", 0)), transfer.get("waiting_readers")
    text = f"{count(running, 'request')} ({size}), {queued} queued"
    return text + (f", {count(waiting, 'reader')} waiting" if waiting else "")


def _errors(requests: Data, transfer: Data) -> str:
    found = (
        (requests.get("errors", 0), "read or look-up failed", "reads or look-ups failed"),
        (
            transfer.get("failed_requests", 0),
            "request to a place failed",
            "requests to places failed",
        ),
        (transfer.get("timeouts", 0), "read gave up waiting", "reads gave up waiting"),
        (transfer.get("corrupt", 0), "damaged chunk", "damaged chunks"),
    )
    said = [f"{number} {one if number == 1 else many}" for number, one, many in found if number]
    return ", ".join(said) or "none"


def _cache(store: Data) -> str:
    used, limit = format_size(store.get("bytes", 0)), format_size(store["limit"])
    text = f"{used} of {limit}, shared by all mounts"
    if store.get("suspended"):
        text += "; FULL: nothing is cached for the moment"
    elif not store.get("writable", True):
        text += "; NOT WRITABLE: nothing is cached"
    return text


def _list_warnings(output: Output, status: Data) -> None:
    warnings = status.get("warnings") or []
    if warnings:
        output.line("last warnings:")
    for warning in warnings[-_WARNINGS:]:
        times = f" ({warning['times']} times)" if warning.get("times", 1) > 1 else ""
        output.line(f"  {date(warning.get('time', 0))} {warning.get('message')}{times}")


def _list_problems(output: Output, status: Data, verbose: bool) -> None:
    problems = status.get("problem_list") or []
    broken = [problem for problem in problems if problem.get("severity") != "note"]
    total = max(len(broken), status.get("problems") or 0)
    shown = broken if verbose else broken[:_PROBLEMS]
    if broken:
        output.line(f"{count(total, 'path')} of {status.get('rev')} cannot be served:")
    for problem in shown:
        output.line(f"  {problem.get('path')}: {problem.get('message')}")
    if total > len(shown):
        how = "vfs doctor -v --mount" if verbose else "vfs status -v"
        output.line(f"  and {total - len(shown)} more: {how} MOUNTPOINT")
    for problem in problems if verbose else ():
        if problem.get("severity") == "note":
            output.line(f"note: {problem.get('path')}: {problem.get('message')}")


def _group(status: Data, name: str) -> Data:
    found = status.get(name)
    return found if isinstance(found, Mapping) else {}


def _flat(status: Data, before: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is no list, nested groups as `group.name`."""
    for name, value in status.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        elif not isinstance(value, list):
            yield before + name, value
