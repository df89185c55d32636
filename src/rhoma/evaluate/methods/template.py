"""Tools given by command-line templates in a YAML file, for what is in no package registry.

A file is a list of tools::

    - name: riboseek
      about: overlapping dinucleotide profiles
      version: riboseek version
      build: riboseek createdb {targets} {work}/db
      search: riboseek search {query} {work}/db {out} --threads {threads}
      columns: {target: 2, score: 12, evalue: 11, strand: 3}

``{targets}`` is the database's FASTA file, ``{query}`` one query's, ``{out}`` the table to write (if the
command does not name it, its standard output is read), ``{work}`` a directory of its own. Columns count from
1; ``evalue`` and ``strand`` may be left out, ``query`` is not needed. Lines that start with ``#`` are
skipped. No shell reads the commands.
"""

from __future__ import annotations

import math
import shlex
from typing import TYPE_CHECKING

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rhoma import tools
from rhoma.errors import InputError, ToolError
from rhoma.evaluate.methods.base import Entry
from rhoma.evaluate.ranking import Answer, RankedHit, measured
from rhoma.io.fasta import write_fasta

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rhoma.evaluate.methods.base import Task
    from rhoma.sequences import Record


class Columns(BaseModel):
    """Where the table has what; columns count from 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: int = Field(ge=1)
    score: int = Field(ge=1)
    evalue: int | None = Field(default=None, ge=1)
    strand: int | None = Field(default=None, ge=1)


class Template(BaseModel):
    """One tool of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    search: str
    columns: Columns
    about: str = "given by a command-line template"
    build: str | None = None
    version: str | None = None


class TemplateMethod:
    """A tool run as its template says, once a query."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._template = Template.model_validate(task.options["template"])

    def _command(self, template: str, **places: Path) -> list[str]:
        values = {"targets": self._task.targets, "work": self._task.work, **places}
        # Split first: a path with blanks stays one argument.
        parts = shlex.split(template)
        try:
            return [part.format(threads=self._task.threads, **values) for part in parts]
        except (KeyError, IndexError, ValueError) as error:
            problem = f"its template {template!r} has an unknown place: {error}"
            raise ToolError(self._template.name, problem) from None

    def build(self) -> list[Path]:
        """Returns the tool's own directory, or the FASTA file where nothing is built."""
        if self._template.build is None:
            return [self._task.targets]
        tools.run(self._command(self._template.build))
        return [self._task.work]

    def search(self, queries: Sequence[Record]) -> Iterator[Answer]:
        """Yields the hits of each query."""
        for query in queries:
            source, out = self._task.work / "query.fa", self._task.work / "hits.tsv"
            write_fasta(source, [query])
            out.unlink(missing_ok=True)
            with measured() as cost:
                done = tools.run(self._command(self._template.search, query=source, out=out))
            text = out.read_text(encoding="utf-8") if out.is_file() else done.stdout
            yield Answer(query.id, self._parse(text, query.id), cost)

    def _parse(self, text: str, query: str) -> list[RankedHit]:
        columns = self._template.columns
        hits = []
        for line in text.splitlines():
            if not line.strip() or line.startswith("#"):
                continue
            cells = line.split("\t") if "\t" in line else line.split()
            try:
                strand = cells[columns.strand - 1] if columns.strand else "+"
                evalue = float(cells[columns.evalue - 1]) if columns.evalue else math.nan
                score = float(cells[columns.score - 1])
                target = cells[columns.target - 1]
            except (IndexError, ValueError):
                raise ToolError(self._template.name, f"its table has an unexpected line: {line!r}") from None
            reverse = strand.lower() in ("-", "minus", "-1", "c", "rc")
            hits.append(RankedHit(query, target, "-" if reverse else "+", score, evalue))
        return hits

    def version(self) -> str:
        """Returns the first line that the template's version command writes."""
        if self._template.version is None:
            return self._template.name
        done = tools.run(shlex.split(self._template.version))
        return ((done.stdout or done.stderr).splitlines() or [self._template.name])[0]


def read_templates(path: Path) -> list[Entry]:
    """Returns the registry entries of a YAML file of tools.

    Raises:
        InputError: the file is missing or does not follow the form.
    """
    try:
        rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", path=path) from None
    except yaml.YAMLError as error:
        raise InputError(f"is no YAML: {' '.join(str(error).split())}", path=path) from None
    if not isinstance(rows, list):
        raise InputError("is no list of tools", path=path)
    entries = []
    for number, row in enumerate(rows, start=1):
        try:
            template = Template.model_validate(row)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise InputError(f"{place}: {first['msg']}", path=path, record=number) from None
        entries.append(
            Entry(
                template.name,
                "rhoma.evaluate.methods.template:TemplateMethod",
                template.about,
                evalues=template.columns.evalue is not None,
                options={"template": template.model_dump()},
            )
        )
    return entries
