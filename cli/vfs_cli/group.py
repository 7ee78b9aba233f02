"""The click side of the verb table: a group that loads verbs late, and the command class they share."""

from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from vfs.errors import VfsError
from vfs_cli.failure import FOUND_WRONG
from vfs_cli.table import SECTIONS, VERBS

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the order of the table."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a verb."""
        verb = VERBS.get(cmd_name)
        if verb is None:
            return None
        command = import_module(verb.module).command
        if not isinstance(command, click.Command):
            raise TypeError(f"{verb.module}.command is not a command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a suggestion for a misspelt verb."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in VERBS:
            import difflib

            near = difflib.get_close_matches(name, VERBS, n=1)
            hint = f"did you mean 'vfs {near[0]}'?" if near else "'vfs --help' lists the commands"
            raise click.UsageError(f"there is no command {name!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """Options, and the verbs of the table, without importing a single one."""
        from click.shell_completion import CompletionItem

        verbs = [
            CompletionItem(verb.name, help=verb.summary)
            for verb in VERBS.values()
            if verb.name.startswith(incomplete)
        ]
        return [*verbs, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table, without importing a single verb."""
        for title, verbs in SECTIONS:
            with formatter.section(title):
                formatter.write_dl([(verb.name, verb.summary) for verb in verbs])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write examples and exit status as every verb does."""
        _write_examples(
            formatter,
            (
                ("vfs mount /mnt/data", "HEAD of this repository, nothing downloaded"),
                ("vfs switch v1.2", "the same mount shows tag v1.2"),
                ("vfs umount /mnt/data", "take it down"),
            ),
        )
        _write_exit_status(formatter, _families())


class VerbCommand(click.Command):
    """A command whose help ends with examples and its exit status.

    Args:
        examples: (command line, what it does) each.
        exits: the errors it can end with.
        wrong: what it means if it ends with 1; empty if it never does.
    """

    def __init__(
        self,
        *args: Any,
        examples: Sequence[tuple[str, str]] = (),
        exits: Sequence[type[VfsError]] = (),
        wrong: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._examples = examples
        self.exit_codes = {0: "done", 2: "the command line is wrong"}
        self.exit_codes.update({FOUND_WRONG: wrong} if wrong else {})
        self.exit_codes.update((cls.exit_code, meaning(cls)) for cls in exits)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the two closing sections."""
        _write_examples(formatter, self._examples)
        _write_exit_status(formatter, sorted(self.exit_codes.items()))


def _write_examples(formatter: click.HelpFormatter, examples: Iterable[tuple[str, str]]) -> None:
    rows = [(command, text) for command, text in examples]
    if rows:
        with formatter.section("Examples"):
            formatter.write_dl(rows, col_max=44)


def _write_exit_status(
    formatter: click.HelpFormatter, codes: Iterable[tuple[int | str, str]]
) -> None:
    with formatter.section("Exit status"):
        formatter.write_dl([(str(code), text) for code, text in codes])
        formatter.write_text("All codes: docs/cli.md")


def meaning(cls: type[VfsError]) -> str:
    """The first sentence of an error's docstring, as a line of a list."""
    first = (cls.__doc__ or "").strip().splitlines()[0].rstrip(".")
    return first if first.startswith("Git ") else first[:1].lower() + first[1:]


def _families() -> list[tuple[int | str, str]]:
    return [
        (0, "done"),
        (1, "done, but something was found wrong (doctor, ls, status -q, …)"),
        ("2-23", "an error that names its cause; one code per cause"),
        (70, "a bug in vfs"),
        (74, "standard output cannot be written"),
        (130, "interrupted"),
    ]
