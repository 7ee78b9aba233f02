"""The screen of `vfs top`: one mount in full, and a line for each if there are several.

Rule: names of files come from strangers; they are shown as `vfs_cli.text.printable` has them, never as rich's markup.
"""

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from vfs_cli.measured import duration, rate_of
from vfs_cli.text import age, count, format_size, printable, readable
from vfs_cli.top.rates import Look, Rates
from vfs_cli.top.watching import Seen

_LABEL = 11
_BAR = 24


def screen(seen: Seen, chosen: int, now: float, height: int) -> RenderableType:
    """All that is shown."""
    if not seen:
        return Group(Text("nothing is mounted"), _keys(1))
    parts: list[RenderableType] = []
    if len(seen) > 1:
        parts.append(_overview(seen, chosen))
    look, rates = seen[chosen]
    parts.append(_title(look, now))
    if look.error is not None:
        parts.append(Text(printable(str(look.error)), style="red"))
    elif rates is None:
        parts.append(Text("looking …", style="dim"))
    else:
        parts += [_figures(rates), _hot(look, _room(height, seen, rates))]
    return Group(*parts, _keys(len(seen)))


def _room(height: int, seen: Seen, rates: Rates) -> int:
    """Lines that are left for files."""
    above = 18 + max(0, len(rates.remotes) - 1) + (len(seen) + 3 if len(seen) > 1 else 0)
    return max(1, height - above)


def _title(look: Look, now: float) -> Text:
    text = Text(printable(str(look.record.mountpoint)), style="bold")
    text.append(f" shows {printable(look.rev)}", style="not bold")
    text.append(f"   mounted {age(now - look.record.started)} ago", style="dim not bold")
    return text


def _overview(seen: Seen, chosen: int) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, expand=True)
    for heading in ("", "MOUNT POINT", "READ", "REQUESTS/S", "HITS", "FETCHED", "WAITED"):
        table.add_column(heading, justify="left" if heading in ("", "MOUNT POINT") else "right", no_wrap=True)  # fmt: skip
    for number, (look, rates) in enumerate(seen):
        style = "bold" if number == chosen else ""
        point = Text(printable(str(look.record.mountpoint)))
        if rates is None:
            cells = ["-", "-", "-", "-", "does not answer" if look.error is not None else "-"]
        else:
            cells = [
                rate_of(rates.read), f"{sum(rates.operations.values()):.0f}", _share(rates.hits),
                rate_of(rates.fetched), _stalled(rates),
            ]  # fmt: skip
        table.add_row(str(number + 1), point, *map(Text, cells), style=style)
    return table


def _figures(rates: Rates) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(width=_LABEL, style="dim")
    grid.add_column()
    busy = "  ".join(f"{op} {rate:.0f}" for op, rate in rates.operations.items())
    errors = f"   {rates.errors:.1f} failed" if rates.errors else ""
    grid.add_row("read", Text(f"{rate_of(rates.read)}   {_share(rates.hits)} of reads were hits"))
    grid.add_row("requests/s", Text(f"{sum(rates.operations.values()):.0f}   {busy}{errors}"))
    grid.add_row("waited", Text(_waits(rates), style=_alarm(rates)))
    for number, one in enumerate(rates.remotes):
        told = f"{rate_of(one.received)} in {one.requests:.1f} requests/s"
        failed = f", {one.errors:.1f} errors/s" if one.errors else ""
        grid.add_row("remotes" if not number else "", Text(f"{one.name}: {told}{failed}"))
    grid.add_row("in flight", _bar(rates.in_flight, rates.budget, _jobs(rates)))
    grid.add_row("cache", _bar(rates.cache, rates.cache_limit, ""))
    process = (
        f"{format_size(rates.resident)} resident, {100 * rates.processor:.0f} % of a processor, "
        f"{count(rates.descriptors, 'descriptor')}, {count(rates.inodes, 'inode')}"
    )
    grid.add_row("process", Text(process))
    return grid


def _jobs(rates: Rates) -> str:
    text = count(rates.running, "request") if rates.running else ""
    return f"{text}, {rates.queued} queued" if rates.queued else text


def _bar(used: int, limit: int, more: str) -> Table:
    row = Table.grid(padding=(0, 1))
    bar = ProgressBar(total=max(1, limit), completed=min(used, limit), width=_BAR)
    told = f"{format_size(used)} of {format_size(limit)}"
    row.add_row(bar, Text(f"{told}  {more}" if more else told))
    return row


def _waits(rates: Rates) -> str:
    text = f"{_stalled(rates)}, {count(rates.waiting, 'reader')} now"
    if rates.waits.number:
        half, most = (duration(rates.waits.percentile(percent)) for percent in (50, 99))
        text += f"; half up to {half}, 99 % up to {most}"
    return text


def _alarm(rates: Rates) -> str:
    return "yellow" if rates.stalled > 0.5 or rates.waiting else ""


def _stalled(rates: Rates) -> str:
    return f"{rates.stalled:.2f} s/s"


def _share(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"


def _hot(look: Look, room: int) -> RenderableType:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, expand=True)
    table.add_column("READ", justify="right", width=12, no_wrap=True)
    table.add_column("WAITED", justify="right", width=10, no_wrap=True)
    table.add_column("FILE", no_wrap=True, overflow="ellipsis", ratio=1)
    for one in look.hot[:room]:
        waited = f"{one.waited:.2f} s/s" if one.waited >= 0.005 else "-"
        table.add_row(rate_of(one.size), waited, Text(readable(one.path) or "(gone)"))
    return table


def _keys(mounts: int) -> Text:
    choose = f"1-{min(9, mounts)}, Tab: another mount   " if mounts > 1 else ""
    return Text(f"{choose}q: quit", style="dim")
