"""The page of the command line is the command line."""

from pathlib import Path

import click
import pytest

from vfs_cli.main import cli
from vfs_cli.reference import help_text, render
from vfs_cli.table import VERBS

PAGE = Path(__file__).parents[3] / "docs" / "cli.md"


def test_the_page_is_what_the_commands_say() -> None:
    assert PAGE.read_text() == render(), "run: python -m vfs_cli.reference > docs/cli.md"


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_has_examples_and_exit_status(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.name == name
    text = help_text(f"vfs {name}", command)
    assert "Examples:" in text
    assert "Exit status:" in text
    assert "--json" in text
    assert all(option.help for option in command.params if isinstance(option, click.Option))
