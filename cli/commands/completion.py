"""`btt-chain completion`: a shell script that completes our commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from cli.common.options import examples


@examples(
    'bash:  eval "$(btt-chain completion bash)"          in ~/.bashrc',
    'zsh:   eval "$(btt-chain completion zsh)"           in ~/.zshrc',
    "fish:  btt-chain completion fish | source           in ~/.config/fish/config.fish",
)
@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of SHELL."""
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"there is no completion for {shell}")
    script = kind(ctx.find_root().command, {}, "btt-chain", "_BTT_CHAIN_COMPLETE")
    # `source` of bash would ask the installed bash for its version; the script is the same.
    click.echo(script.source_template % script.source_vars())
