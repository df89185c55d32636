"""What the report shows: the outputs of all batches, read and put in the order of the input."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rhoma.errors import InputError
from rhoma.io.failed import FAILED, read_failed
from rhoma.io.families import FAMILIES, read_families
from rhoma.io.fasta import read_fasta
from rhoma.io.hits import read_hits_tsv
from rhoma.io.rounds import ROUNDS, Rounds, read_rounds
from rhoma.io.skipped import read_skipped
from rhoma.io.stockholm import read_stockholm
from rhoma.msa.quality import Quality, read_quality
from rhoma.sequences import safe_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rhoma.alignment import Alignment
    from rhoma.hits import Hit
    from rhoma.io.families import FamilyCall
    from rhoma.io.fasta import Skipped

_FULL = (
    "the shortlist ended full while its tail still held homologs, there may be more: search with a larger --shortlist"
)
_LOST = "its task was lost; pipeline_info/execution_trace_run.txt tells its exit status"


@dataclass(frozen=True, slots=True)
class QueryResult:
    """One query of the run.

    Attributes:
        name: its id.
        directory: its directory name among the outputs.
        length: nucleotides; 0 where no alignment step told.
        hits: all reported hits, best first.
        verdict: known family of the query in words; empty where it was not asked for.
        rounds: rounds of its search; 0 without one.
        full: whether a shortlist ended full, so that there may be more homologs.
        quality: the row of msa.tsv, None without an alignment step.
        msa: the directory with its alignment files, None likewise.
    """

    name: str
    directory: str
    length: int
    hits: tuple[Hit, ...]
    verdict: str
    rounds: int
    full: bool
    quality: Quality | None
    msa: Path | None

    def alignment(self) -> Alignment | None:
        """Returns the alignment of the query, read anew; None without an alignment step."""
        return None if self.msa is None else read_stockholm(self.msa / "msa.sto")

    def warnings(self) -> tuple[str, ...]:
        """Returns what the user should mind, in words."""
        said = [part for part in (self.quality.warnings if self.quality else "").split("; ") if part]
        return (_FULL, *said) if self.full else tuple(said)

    def passing(self, evalue: float) -> tuple[Hit, ...]:
        """Returns the hits at or under an E-value."""
        return tuple(hit for hit in self.hits if hit.evalue <= evalue)


@dataclass(frozen=True, slots=True)
class Run:
    """All that is known of a run.

    Attributes:
        queries: in the order of the input.
        skipped: queries that were not searched.
        failed: (query, reason) of queries or families that failed.
        families: what models of known families say of queries and their best hits.
        left_out: records of the database that were left out; None where that is not known.
        comparisons: Z of the E-values (:mod:`rhoma.evalue`), one number for each database; none without a search.
        parameters: name and value, as text, sorted by name.
        versions: program and version, sorted by name.
    """

    queries: tuple[QueryResult, ...]
    skipped: tuple[Skipped, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    families: tuple[FamilyCall, ...] = ()
    left_out: tuple[Skipped, ...] | None = None
    comparisons: tuple[float, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    versions: tuple[tuple[str, str], ...] = field(default=())


def _text(value: Any) -> str:
    """Returns a parameter as the user would write it."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)


def read_parameters(path: Path) -> list[tuple[str, str]]:
    """Returns the parameters of a JSON object, sorted by name.

    Raises:
        InputError: the file is missing or is no JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError("no such file", path=path, remedy="give the run's parameters as JSON") from None
    except ValueError as error:
        raise InputError(f"is no JSON ({error})", path=path) from error
    if not isinstance(content, dict):
        raise InputError("is no JSON object", path=path, remedy='write it as {"name": value, ...}')
    return sorted((str(key), _text(value)) for key, value in content.items())


def read_versions(path: Path) -> list[tuple[str, str]]:
    """Returns (program, version) of a versions file of nf-core: YAML of process to program to version.

    Programs that several processes name are listed once, with every version that was seen.

    Raises:
        InputError: the file is missing or of another form.
    """
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        raise InputError("no such file", path=path, remedy="give the run's versions as YAML") from None
    except yaml.YAMLError as error:
        raise InputError("is no YAML", path=path) from error
    if not isinstance(content, dict):
        raise InputError("is no YAML mapping", path=path)
    seen: dict[str, set[str]] = {}
    for key, value in content.items():
        entries = value if isinstance(value, dict) else {key: value}
        for program, version in entries.items():
            seen.setdefault(str(program), set()).add(str(version))
    return sorted((program, ", ".join(sorted(versions))) for program, versions in seen.items())


def _by_query(directories: Sequence[Path]) -> dict[str, list[Hit]]:
    """Returns the hits of all search directories by query; a query in two directories is refused."""
    hits: dict[str, list[Hit]] = {}
    for directory in directories:
        batch: dict[str, list[Hit]] = {}
        for hit in read_hits_tsv(directory / "hits.tsv"):
            batch.setdefault(hit.query, []).append(hit)
        for query in batch.keys() & hits.keys():
            raise InputError(
                "has hits in an earlier directory too",
                path=directory,
                record=query,
                remedy="name each batch once",
            )
        hits |= batch
    return hits


def collect(
    search: Sequence[Path],
    msa: Sequence[Path] = (),
    *,
    fasta: Sequence[Path] = (),
    skipped: Sequence[Path] = (),
    left_out: Path | None = None,
    parameters: Path | None = None,
    versions: Path | None = None,
    families: bool = False,
) -> Run:
    """Returns what the report shows.

    The queries come in the order of ``fasta``; without it in that of the ``msa`` directories and their
    tables, and those known by their hits alone come last, by name.

    Args:
        search: output directories of searches.
        msa: output directories of alignment steps.
        fasta: the queries, for their order and length.
        skipped: tables of queries that were not searched.
        left_out: table of the database's records that were left out.
        parameters: JSON object.
        versions: YAML of program versions.
        families: what was aligned are families; ``families`` of the parameters names all, in their order. One of
            which nothing is known has failed.

    Raises:
        InputError: an input is missing or not what it should be.
    """
    hits = _by_query(search)
    rounds = {name: seen for path in search for name, seen in read_rounds(path / ROUNDS).items()}
    calls = [call for path in search if (path / FAMILIES).is_file() for call in read_families(path / FAMILIES)]
    verdicts = {call.query: call.verdict for call in calls if not call.target}
    quality: dict[str, tuple[Quality, Path]] = {}
    for directory in msa:
        for row in read_quality(directory / "msa.tsv"):
            quality.setdefault(row.query, (row, directory))
    lengths: dict[str, int] = {}
    for path in fasta:
        lengths |= {record.id: len(record.sequence) for record in read_fasta(path, skip="short")[0]}
    failed = [row for path in (*search, *msa) for row in read_failed(path / FAILED)]
    settings = read_parameters(parameters) if parameters is not None else []
    if families:
        names = [name for key, text in settings if key == "families" for name in json.loads(text)]
        settings = [(key, text) for key, text in settings if key != "families"]
        known = {*quality, *(name for name, _ in failed)}
        failed += [(name, _LOST) for name in names if name not in known]
        quality = {name: quality[name] for name in (*(n for n in names if n in quality), *quality)}
        places = {name: place for place, name in enumerate(names)}
        failed.sort(key=lambda row: places.get(row[0], len(places)))
    order = [*lengths, *quality, *sorted(hits)]
    queries = []
    for name in dict.fromkeys(order):
        entry = quality.get(name)
        measured = entry[0] if entry else None
        searched = rounds.get(name, Rounds())
        safe = safe_name(name)
        queries.append(
            QueryResult(
                name=name,
                directory=safe,
                length=measured.length if measured is not None else lengths.get(name, 0),
                hits=tuple(hits.get(name, ())),
                verdict=verdicts.get(name, ""),
                rounds=searched.most,
                full=searched.full,
                quality=measured,
                msa=entry[1] / safe if entry else None,
            )
        )
    return Run(
        tuple(queries),
        tuple(row for path in skipped for row in read_skipped(path)),
        tuple(failed),
        tuple(calls),
        tuple(read_skipped(left_out)) if left_out is not None else None,
        tuple(sorted({seen.comparisons for seen in rounds.values()})),
        tuple(settings),
        tuple(read_versions(versions)) if versions is not None else (),
    )


def depth(alignment: Alignment | None) -> list[int]:
    """Returns the number of rows (the query counted) with a letter at each position of the query."""
    if alignment is None:
        return []
    return [len(letters) - letters.count("-") for letters in zip(*alignment.rows, strict=True) if letters[0] != "-"]
