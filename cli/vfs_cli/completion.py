"""`vfs completion`: the script that teaches a shell to complete vfs."""

from importlib import import_module

import click

from vfs_cli.group import VerbCommand
from vfs_cli.options import json_option
from vfs_cli.output import Output


@click.command(
    "completion",
    cls=VerbCommand,
    examples=(
        ("vfs completion bash >> ~/.bashrc", "for bash 4.4 or newer"),
        ("vfs completion zsh >> ~/.zshrc", "for zsh, after compinit"),
        ("vfs completion fish > ~/.config/fish/completions/vfs.fish", "for fish"),
    ),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@json_option
def command(shell: str, as_json: bool) -> None:
    """Print the completion script of SHELL."""
    main = import_module("vfs_cli.main")  # it imports the table that names us
    from click.shell_completion import get_completion_class

    completion = get_completion_class(shell)
    if completion is None:
        raise click.UsageError(f"click does not know the shell {shell!r}")
    script = completion(main.cli, {}, "vfs", "_VFS_COMPLETE").source()
    output = Output(as_json)
    if output.json:
        output.document("completion", {"shell": shell, "script": script})
    else:
        click.echo(script)
