"""Jobs of structure predictors (AlphaFold 3, Protenix) and the alignments of their RNA chains.

AlphaFold 3: https://github.com/google-deepmind/alphafold3/blob/main/docs/input.md; the alignment stands in the job.
Protenix: https://github.com/bytedance/Protenix/blob/main/docs/infer_json_format.md; the job names a file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from rhoma.errors import InputError
from rhoma.io.a3m import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

Kind = Literal["alphafold3", "protenix"]
Outcome = Literal["filled", "kept", "unmatched"]
_REMEDY = "give the input of AlphaFold 3 (dialect alphafold3) or of Protenix (a list of jobs)"
# By kind: the key of an RNA chain in an entry of "sequences".
_RNA = {"alphafold3": "rna", "protenix": "rnaSequence"}


@dataclass(frozen=True, slots=True)
class Given:
    """An alignment to fill in.

    Attributes:
        name: of its query.
        sequence: of its query.
        a3m: its text, whose first row is the query.
    """

    name: str
    sequence: str
    a3m: str


@dataclass(frozen=True, slots=True)
class Chain:
    """What became of an RNA chain.

    Attributes:
        job: name of the job.
        chain: its chain ids, or its place among the sequences where it has none.
        outcome: ``filled``; ``kept``, where it had an alignment; ``unmatched``, where none is of its sequence.
        query: name of the alignment's query, empty unless filled.
        thymine: whether T of its sequence was written as U.
    """

    job: str
    chain: str
    outcome: Outcome
    query: str = ""
    thymine: bool = False


def read_jobs(path: Path) -> tuple[Any, Kind]:
    """Returns the JSON document of a file and what it is the input of.

    Raises:
        InputError: the file is missing, or is the input of neither.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError("no such file", path=path, remedy="check the path") from None
    except (OSError, ValueError) as error:
        raise InputError(f"is no JSON ({error})", path=path, remedy=_REMEDY) from None
    kind: Kind = "protenix" if isinstance(document, list) else "alphafold3"
    jobs = document if isinstance(document, list) else [document]
    if any(isinstance(job, dict) and job.get("dialect") == "alphafoldserver" for job in jobs):
        raise InputError("is for AlphaFold Server, which takes no alignments", path=path, remedy=_REMEDY)
    if not jobs or not all(isinstance(job, dict) and _entries(job) is not None for job in jobs):
        raise InputError("holds no job with a list of 'sequences'", path=path, remedy=_REMEDY)
    for job in jobs:
        for number, rna in _chains(job, kind):
            if not isinstance(rna, dict) or not isinstance(rna.get("sequence"), str) or not rna["sequence"]:
                raise InputError(
                    f"the RNA of entry {number} of 'sequences' has no sequence",
                    path=path,
                    record=_name(job),
                    remedy="give every chain its sequence",
                )
    if not any(True for job in jobs for _ in _chains(job, kind)):
        raise InputError(f"holds no RNA chain (no {_RNA[kind]!r} among its sequences)", path=path, remedy=_REMEDY)
    return document, kind


def _entries(job: dict[str, Any]) -> list[dict[str, Any]] | None:
    entries = job.get("sequences")
    return entries if isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries) else None


def _chains(job: dict[str, Any], kind: Kind) -> Iterator[tuple[int, Any]]:
    """Yields (number from 1, RNA chain) of a job."""
    for number, entry in enumerate(_entries(job) or (), start=1):
        if _RNA[kind] in entry:
            yield number, entry[_RNA[kind]]


def _name(job: dict[str, Any]) -> str:
    return str(job.get("name", ""))


def _label(rna: dict[str, Any], number: int) -> str:
    ids = rna.get("id")
    if isinstance(ids, list):
        return ",".join(map(str, ids))
    return str(ids) if ids else f"sequence {number}"


def fill(
    document: Any,
    kind: Kind,
    alignments: Mapping[str, Given],
    write: Callable[[Given], str],
    *,
    overwrite: bool = False,
) -> list[Chain]:
    """Puts alignments into the RNA chains of a document, in place, and returns what became of each.

    A chain's sequence matches where the letters are the same, in either case, T as U, every other IUPAC code as N.
    An alignment that a chain has already stays, also an empty one, which asks for none.

    Args:
        document: of :func:`read_jobs`.
        kind: likewise.
        alignments: by the sequence of the query, as :func:`rhoma.io.a3m.plain` writes it.
        write: for Protenix: makes a file of an alignment and returns the path to name in the job.
        overwrite: whether an alignment that is there is replaced.
    """
    chains = []
    for job in document if isinstance(document, list) else [document]:
        for number, rna in _chains(job, kind):
            place = (_name(job), _label(rna, number))
            sequence = plain(rna["sequence"].upper())
            had = [key for key in ("unpairedMsa", "unpairedMsaPath") if rna.get(key) is not None]
            given = alignments.get(sequence)
            if given is None:
                chains.append(Chain(*place, "unmatched"))
            elif had and not overwrite:
                chains.append(Chain(*place, "kept"))
            else:
                # the first row of the alignment has to be the chain, letter by letter
                thymine = "T" in rna["sequence"].upper()
                rna["sequence"] = sequence
                for key in ("unpairedMsa", "unpairedMsaPath"):
                    rna.pop(key, None)
                if kind == "alphafold3":
                    rna["unpairedMsa"] = given.a3m
                else:
                    rna["unpairedMsaPath"] = write(given)
                chains.append(Chain(*place, "filled", given.name, thymine))
    return chains
