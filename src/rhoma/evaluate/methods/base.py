"""What a method is to the benchmark."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from rhoma.evaluate.model import SHIPPED, Model

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from rhoma.evaluate.ranking import Answer
    from rhoma.sequences import Record


@dataclass(frozen=True, slots=True)
class Task:
    """What a method is run on.

    Attributes:
        targets: FASTA file of the database.
        work: an empty directory of the method's own.
        threads: it may use.
        index: index bundle of the database, for methods of rhoma.
        model: for methods of rhoma.
        seeds: directory with the families' reference alignments, for the oracle; None where there are none.
        families: query -> family, for the oracle.
        shared: keeps what depends on the query alone from one database to the next.
        options: of this method's entry in the registry.
        seed: for whatever the method draws.
    """

    targets: Path
    work: Path
    threads: int = 1
    index: Path | None = None
    model: Model = SHIPPED
    seeds: Path | None = None
    families: Mapping[str, str] = field(default_factory=dict)
    shared: dict[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 42


class Method(Protocol):
    """A search method under test, made from a :class:`Task`."""

    def build(self) -> list[Path]:
        """Returns the files and directories that the method searches, after making them."""

    def search(self, queries: Sequence[Record]) -> Iterator[Answer]:
        """Yields one answer a query, in order."""

    def version(self) -> str:
        """Returns the version of what is run."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A method's place in the registry.

    Attributes:
        name: as in the tables.
        factory: ``module:name`` of what makes the method from a task.
        about: one line for the report.
        kind: ``rhoma``, ``tool``, ``floor`` or ``oracle`` (shown apart: it knows what a searcher does not).
        presets: those that run it.
        evalues: whether its lists have E-values.
        options: handed to the method in its task.
    """

    name: str
    factory: str
    about: str
    kind: str = "tool"
    presets: tuple[str, ...] = ("quick", "standard", "full")
    evalues: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def needs_index(self) -> bool:
        """Returns whether the method searches an index bundle."""
        return self.factory.startswith("rhoma.evaluate.methods.rhoma_search:")
