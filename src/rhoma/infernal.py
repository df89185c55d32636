"""Infernal: covariance models are built, searched, aligned to and calibrated here and nowhere else.

A model is a text, as ``cmbuild`` writes it but without date and command line, so that the same alignment gives the
same bytes. Every program runs inside a directory of its own with plain relative names: neither a blank in a path
(Debian's wrapper script splits there) nor the name of a sequence in memory (``#`` and ``//`` mean something in
Stockholm) reaches it.

``cmsearch`` wants a calibrated model, and calibration takes longer than the search. Bit scores need none, so
:func:`search` gives a model that has none the parameters of another one; :mod:`rhoma.evalue` knows what a bit score
is worth.
"""

from __future__ import annotations

import gzip
import re
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rhoma import tools
from rhoma.alignment import Alignment, ungapped
from rhoma.errors import InputError
from rhoma.io.fasta import format_fasta
from rhoma.io.stockholm import format_stockholm, parse_stockholm

if TYPE_CHECKING:
    from collections.abc import Sequence

# Those of Infernal's example model of tRNA; they only make cmsearch run.
_CALIBRATION = """\
ECMLC    0.79302    -4.21089     2.90112     1600000      337752  0.003553
ECMGC    0.38490   -15.21245    -3.62397     1600000       34609  0.011558
ECMLI    0.64537    -4.35897     4.09652     1600000      281252  0.004267
ECMGI    0.41538   -11.77572    -1.10020     1600000       33721  0.011862
"""
_VOLATILE = re.compile(r"^(DATE|COM)\b.*\n", re.MULTILINE)
# The library of models in a directory of :func:`press`.
PRESSED = "models.cm"
# Probability that the bands of cmalign leave out: with 1e-7, its own, all but 0.2 % of the letters have the same column
# and the alignments take two to five times as long (docs/decisions.md).
_TAU = "1e-4"
_MODEL, _TARGETS, _TABLE, _ALIGNED = "model.cm", "targets.fa", "hits.tbl", "hits.sto"


@dataclass(frozen=True, slots=True)
class CmHit:
    """One hit of a covariance model.

    Attributes:
        name: Name of the sequence.
        strand: ``+`` or ``-``.
        start: First position on the + strand, 0-based.
        end: End on the + strand, exclusive.
        bits: Bit score.
        evalue: As Infernal computes it; means something for a calibrated model alone.
        line: The line of Infernal's table.
    """

    name: str
    strand: str
    start: int
    end: int
    bits: float
    evalue: float
    line: str


def build(
    alignment: Alignment, *, name: str, hand: bool = True, options: Sequence[str] = (), timeout: float | None = None
) -> str:
    """Returns the covariance model of an alignment with its structure; it is not calibrated.

    Args:
        alignment: With ``ss_cons``, which may hold no pair.
        name: Name of the model, one word.
        hand: The model's columns are those that the reference line marks; otherwise those that half of the rows
            fill.
        options: More of ``cmbuild``.
        timeout: Limit in seconds.

    Raises:
        ToolError: cmbuild is missing, has failed or has run past the limit.
    """
    rows = tuple(f"s{number}" for number in range(len(alignment.rows)))
    with tempfile.TemporaryDirectory(prefix="rhoma-cm-") as place:
        work = Path(place)
        text = format_stockholm(Alignment(rows, alignment.rows, alignment.ss_cons, alignment.rf if hand else ""))
        (work / "rows.sto").write_text(text, encoding="utf-8")
        columns = ["--hand"] if hand else []
        tools.run(["cmbuild", "-F", *columns, *options, "-n", name, _MODEL, "rows.sto"], cwd=work, timeout=timeout)
        return _VOLATILE.sub("", (work / _MODEL).read_text(encoding="utf-8"))


def calibrate(model: str, *, megabases: float = 1.6, threads: int = 1, timeout: float | None = None) -> str:
    """Returns the model with its own E-value parameters (``cmcalibrate``).

    Args:
        model: A model.
        megabases: Random sequence to search, in Mb; Infernal's default is 1.6.
        threads: For ``--cpu``.
        timeout: Limit in seconds.

    Raises:
        ToolError: cmcalibrate is missing, has failed or has run past the limit.
    """
    with tempfile.TemporaryDirectory(prefix="rhoma-cm-") as place:
        path = Path(place) / _MODEL
        path.write_text(model, encoding="utf-8")
        options = ["--cpu", str(threads), "-L", f"{megabases:g}"]
        tools.run(["cmcalibrate", *options, _MODEL], cwd=path.parent, timeout=timeout)
        return _VOLATILE.sub("", path.read_text(encoding="utf-8"))


def emit(model: str, count: int, *, seed: int, aligned: bool = False) -> str:
    """Returns so many sequences that a model makes up (``cmemit``), as FASTA or aligned to it as Stockholm.

    Raises:
        ToolError: cmemit is missing or has failed.
    """
    with tempfile.TemporaryDirectory(prefix="rhoma-cm-") as place:
        work = Path(place)
        (work / _MODEL).write_text(model, encoding="utf-8")
        options = ["-a"] if aligned else []
        return tools.run(["cmemit", *options, "-N", str(count), "--seed", str(seed), _MODEL], cwd=work).stdout


def _write_targets(work: Path, letters: Sequence[str]) -> None:
    """Writes sequences under their numbers: no name of a user's reaches a program."""
    (work / _TARGETS).write_text(format_fasta((str(number), text) for number, text in enumerate(letters)))


def calibrated(model: str) -> bool:
    """Returns whether a model has E-value parameters."""
    return "\nECMLC" in model


def _with_parameters(model: str) -> str:
    """Returns the model with E-value parameters that are not its own, unless it has some."""
    if calibrated(model):
        return model
    return re.sub(r"^CM\n", _CALIBRATION + "CM\n", model, count=1, flags=re.MULTILINE)


def search(
    model: str,
    targets: Path | Sequence[tuple[str, str]],
    *,
    options: Sequence[str],
    aligned: bool = False,
    threads: int = 1,
    timeout: float | None = None,
) -> tuple[list[CmHit], Alignment | None]:
    """Returns what a model finds in sequences, best first, and the alignment of what it includes.

    Args:
        model: Text of a model.
        targets: FASTA file, or (name, letters).
        options: Thresholds, strands and filters of ``cmsearch``.
        aligned: Whether the alignment is wanted. Rows are called ``name/start-end`` (1-based, start > end on the
            minus strand).
        threads: For ``--cpu``.
        timeout: Limit in seconds.

    Returns:
        (hits, alignment); the alignment is None where nothing is included or none is wanted.

    Raises:
        ToolError: cmsearch is missing, has failed or has run past the limit.
    """
    with tempfile.TemporaryDirectory(prefix="rhoma-cm-") as place:
        work = Path(place)
        (work / _MODEL).write_text(_with_parameters(model), encoding="utf-8")
        if isinstance(targets, Path):
            (work / _TARGETS).symlink_to(targets.absolute())
        else:
            _write_targets(work, [letters for _, letters in targets])
        command = ["cmsearch", *options, "--noali", "--cpu", str(_workers(threads)), "--tblout", _TABLE, "-o", "out"]
        command += ["-A", _ALIGNED] if aligned else []
        tools.run([*command, _MODEL, _TARGETS], cwd=work, timeout=timeout)
        lines = (work / _TABLE).read_text(encoding="utf-8").splitlines()
        text = (work / _ALIGNED).read_text(encoding="utf-8") if (work / _ALIGNED).exists() else ""
    hits = [hit for hit in map(_parse, lines) if hit is not None]
    alignment = parse_stockholm(text, path="cmsearch") if text else None
    if not isinstance(targets, Path):
        hits = [replace(hit, name=targets[int(hit.name)][0]) for hit in hits]
        alignment = None if alignment is None else _named(alignment, targets)
    hits.sort(key=lambda hit: (-hit.bits, hit.name, hit.strand, hit.start))
    return hits, alignment


def _named(alignment: Alignment, targets: Sequence[tuple[str, str]]) -> Alignment:
    """Returns the alignment with the names of targets in place of their numbers."""
    rows = (name.partition("/") for name in alignment.names)
    return replace(alignment, names=tuple(f"{targets[int(number)][0]}/{span}" for number, _, span in rows))


def _workers(threads: int) -> int:
    """Returns the worker threads to ask for: one and none are the same work, but for none no thread is started."""
    return threads if threads > 1 else 0


def _parse(line: str) -> CmHit | None:
    """Returns the hit of a line of the table, None for a comment; the name of a target may begin with ``#`` too."""
    cells = line.split()
    if len(cells) < 17 or cells[9] not in ("+", "-"):
        return None
    low, high = sorted((int(cells[7]), int(cells[8])))
    return CmHit(cells[0], cells[9], low - 1, high, float(cells[14]), float(cells[15]), line)


def align(
    model: str,
    alignment: Alignment,
    *,
    threads: int = 1,
    megabytes: int = 2048,
    timeout: float | None = None,
) -> Alignment:
    """Returns the same sequences, in the same order, aligned to a model by ``cmalign``, with SS_cons and RF.

    Args:
        model: Text of a model.
        alignment: The rows whose letters are to be aligned; their present gaps do not count.
        threads: For ``--cpu``.
        megabytes: For ``--mxsize``, the largest matrix.
        timeout: Limit in seconds; unrelated sequences take very long.

    Raises:
        ToolError: cmalign is missing, needs a larger matrix, or has run past the limit.
    """
    with tempfile.TemporaryDirectory(prefix="rhoma-cm-") as place:
        work = Path(place)
        (work / _MODEL).write_text(model, encoding="utf-8")
        _write_targets(work, [ungapped(row) for row in alignment.rows])
        options = ["--cpu", str(_workers(threads)), "--mxsize", str(megabytes), "--tau", _TAU]
        options += ["--noprob", "--outformat", "Pfam"]
        done = tools.run(["cmalign", *options, _MODEL, _TARGETS], cwd=work, timeout=timeout)
    aligned = parse_stockholm(done.stdout, path="cmalign")
    rows = dict(zip(aligned.names, aligned.rows, strict=True))
    ordered = tuple(rows[str(i)] for i in range(len(alignment.rows)))
    return Alignment(alignment.names, ordered, aligned.ss_cons, aligned.rf)


@dataclass(frozen=True, slots=True)
class FamilyMatch:
    """A stretch of a sequence that a family's model scores at or above its gathering threshold.

    Attributes:
        name: Name of the sequence.
        family: Name of the model.
        accession: Its accession, such as ``RF00005``; empty where it has none.
        clan: Its clan; empty where it is in none, or no clans were given.
        strand: ``+`` or ``-``.
        start: First position on the + strand, 0-based.
        end: End on the + strand, exclusive.
        bits: Bit score.
    """

    name: str
    family: str
    accession: str
    clan: str
    strand: str
    start: int
    end: int
    bits: float


def press(models: Path, out: Path) -> None:
    """Writes a library of models and the files that ``cmscan`` reads it by (``cmpress``) into a directory.

    Args:
        models: One file of many calibrated models, plain or gzip.
        out: An existing, empty directory; the library is called ``models.cm`` there.

    Raises:
        InputError: The file is missing, or its models have no gathering thresholds.
        ToolError: cmpress is missing or has failed, for models that are not calibrated among others.
    """
    library = out / PRESSED
    if not models.is_file():
        raise InputError("no such file", path=models, remedy="give Rfam.cm, or a file of other calibrated models")
    with models.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
    with gzip.open(models, "rb") if packed else models.open("rb") as source, library.open("wb") as target:
        shutil.copyfileobj(source, target)
    with library.open("rb") as handle:
        if not any(line.startswith(b"GA ") for line in handle):
            remedy = "give Rfam.cm, or models with lines 'GA'"
            raise InputError("its models have no gathering thresholds", path=models, remedy=remedy)
    tools.run(["cmpress", "-F", PRESSED], cwd=out)


def scan(
    pressed: Path,
    sequences: Sequence[tuple[str, str]],
    *,
    clans: Path | None = None,
    threads: int = 1,
    timeout: float | None = None,
) -> list[FamilyMatch]:
    """Returns what a library of models says of sequences: matches at or above the gathering thresholds, best first.

    Rfam's own settings (``--cut_ga --rfam --nohmmonly``). Of overlapping matches on one strand the best stays; with
    clans, of those within a clan.

    Args:
        pressed: Directory that :func:`press` has filled.
        sequences: (name, letters).
        clans: Table of clans and their families (Rfam.clanin).
        threads: For ``--cpu``.
        timeout: Limit in seconds.

    Raises:
        ToolError: cmscan is missing, has failed or has run past the limit.
    """
    if not sequences:
        return []
    with tempfile.TemporaryDirectory(prefix="rhoma-cm-") as place:
        work = Path(place)
        for path in sorted(pressed.glob(f"{PRESSED}*")):
            (work / path.name).symlink_to(path.resolve())
        _write_targets(work, [letters for _, letters in sequences])
        options = ["--cut_ga", "--rfam", "--nohmmonly", "--noali", "--fmt", "2", "--oskip"]
        if clans is not None:
            (work / "clans").symlink_to(clans.resolve())
            options += ["--clanin", "clans", "--oclan"]
        command = ["cmscan", *options, "--cpu", str(_workers(threads)), "--tblout", _TABLE, "-o", "out"]
        tools.run([*command, PRESSED, _TARGETS], cwd=work, timeout=timeout)
        lines = (work / _TABLE).read_text(encoding="utf-8").splitlines()
    matches = []
    for line in lines:
        if line.startswith("#"):
            continue
        cells = line.split()
        name = sequences[int(cells[3])][0]
        family, accession, clan = (cells[column].removeprefix("-") for column in (1, 2, 5))
        low, high = sorted((int(cells[9]), int(cells[10])))
        matches.append(FamilyMatch(name, family, accession, clan, cells[11], low - 1, high, float(cells[16])))
    return sorted(matches, key=lambda match: (-match.bits, match.name, match.start, match.family))
