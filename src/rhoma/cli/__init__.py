"""The command line: one program, ``rhoma``, with a sub-command for each entrypoint.

A sub-command's module is imported when the sub-command is used, so that ``rhoma --help`` answers at once and
no command pays for the libraries of another.
"""

from __future__ import annotations

import errno
import importlib
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import typer
from typer.core import TyperGroup

from rhoma import __version__
from rhoma.cli.common import new_app
from rhoma.errors import RhomaError

if TYPE_CHECKING:
    from collections.abc import Sequence

# name: (module with the typer application ``app``, one line of help)
COMMANDS = {
    "search": ("rhoma.cli.search", "Search a database or an index with queries: hits, alignments, report."),
    "download": ("rhoma.cli.download", "Download a public database to search: Rfam or RNAcentral."),
    "embed": ("rhoma.cli.embed", "Turn sequences into window vectors: an embedding store."),
    "train": ("rhoma.cli.train", "Train an encoder and its homology head: a model bundle."),
    "index": ("rhoma.cli.index", "Build an index of a database, change it, check it."),
    "query": ("rhoma.cli.query", "The steps of a search, one by one."),
    "align": ("rhoma.cli.family", "Align families of homologs, each with its structure and model."),
    "fill": ("rhoma.cli.fill", "Put alignments into the input of AlphaFold 3 or Protenix."),
    "evaluate": ("rhoma.cli.evaluate", "Measure search methods on a benchmark."),
}
# What the machine, not the program, is to blame for.
_ENVIRONMENT = (errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EROFS, errno.EDQUOT)


class LazyGroup(TyperGroup):
    """A group of commands whose modules are imported when they are used."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Returns the names of the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Returns a command, importing its module, or None where there is no such command."""
        if cmd_name not in COMMANDS:
            return None
        return typer.main.get_command(importlib.import_module(COMMANDS[cmd_name][0]).app)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Writes the commands and their lines of help, without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


app = new_app(cls=LazyGroup, no_args_is_help=True)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"rhoma {__version__}")
        raise typer.Exit


@app.callback(help="Find the homologs of an RNA in a large database, and align them with their structure.")
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    del version


def run(argv: Sequence[str] | None = None) -> int:
    """Returns the exit status of a command line; errors are told on stderr.

    Args:
        argv: the arguments without the program's name; those of this process, where it is None.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        typer.main.get_command(app).main(args=arguments, prog_name="rhoma", standalone_mode=True)
    except RhomaError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        if error.errno not in _ENVIRONMENT:
            raise
        print(f"error: {error.filename or 'writing'}: {error.strerror}", file=sys.stderr)
        return 1
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Runs a command line and ends the process: status 0, 1 (errors), 2 (usage) or 75 (GPU memory)."""
    raise SystemExit(run(argv))
