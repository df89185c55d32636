"""What the commands share: common options, progress on stderr, logging."""

from __future__ import annotations

import logging
import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TextIO

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS_BETWEEN_LINES = 60.0


def default_threads() -> int:
    """Returns OMP_NUM_THREADS where it is set, else the number of cores this process may use."""
    given = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    return int(given) if given.isdigit() and int(given) > 0 else len(os.sched_getaffinity(0))


Threads = Annotated[
    int,
    typer.Option(
        "--threads",
        "-t",
        min=1,
        default_factory=default_threads,
        help="Threads to use; by default OMP_NUM_THREADS, or the cores of this process.",
        show_default=False,
    ),
]
Device = Annotated[
    Literal["auto", "cpu", "cuda"],
    typer.Option("--device", help="Where to run; auto takes a GPU where there is one."),
]
ModelDir = Annotated[Path | None, typer.Option("--model-dir", help="Directory with the weights of a public encoder.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show warnings and errors only.")]

Strict = Annotated[
    bool, typer.Option("--strict", help="Refuse a database with a record that cannot be used; else it is left out.")
]


def entries(directory: Path) -> list[Path]:
    """Returns what lies in a directory, by name.

    Raises:
        InputError: it is no directory.
    """
    from rhoma.errors import InputError

    if not directory.is_dir():
        raise InputError("no such directory", path=directory, remedy="give the directory that holds all of them")
    return sorted(directory.iterdir())


def use_threads(threads: int) -> None:
    """Limits OpenMP and BLAS to so many threads; call it before the libraries that read this are imported."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS"):
        os.environ[name] = str(threads)


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to what stderr is at the time of the message, not of the set-up."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


def set_up_logging(*, quiet: bool = False) -> None:
    """Sends the messages of this package to stderr."""
    handler = _Stderr()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S"))
    logger = logging.getLogger("rhoma")
    logger.handlers[:] = [handler]
    logger.setLevel(logging.WARNING if quiet else logging.INFO)


@contextmanager
def progress(label: str, *, quiet: bool = False) -> Iterator[Callable[[int, int], None]]:
    """Gives a function of (done, total): on stderr a bar where that is a terminal, else a line a minute."""
    if quiet:
        yield lambda done, total: None
    elif sys.stderr.isatty():
        with _bar(label) as tell:
            yield tell
    else:
        yield _Lines(label)


@contextmanager
def _bar(label: str) -> Iterator[Callable[[int, int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns: list[Any] = [
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    ]
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def new_app(**settings: Any) -> typer.Typer:
    """Returns a typer application with the settings that all commands share; `settings` adds to them."""
    return typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
        **settings,
    )


class _Lines:
    def __init__(self, label: str) -> None:
        self._label = label
        self._next = time.monotonic() + SECONDS_BETWEEN_LINES

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + SECONDS_BETWEEN_LINES
            share = 100 * done / total if total else 100.0
            print(f"{self._label}: {done} of {total} ({share:.0f} %)", file=sys.stderr, flush=True)
