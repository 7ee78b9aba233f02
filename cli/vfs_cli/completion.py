"""`vfs completion`: the script that teaches a shell to complete vfs."""

from importlib import import_module

import click

from vfs_cli.group import VerbCommand


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
def command(shell: str) -> None:
    """Print the completion script of SHELL."""
    main = import_module("vfs_cli.main")  # it imports the table that names us
    from click.shell_completion import get_completion_class

    completion = get_completion_class(shell)
    if completion is None:
        raise click.UsageError(f"click does not know the shell {shell!r}")
    script = completion(main.cli, {}, "vfs", "_VFS_COMPLETE").source()
    click.echo(script)
