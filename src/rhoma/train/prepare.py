"""Rfam made ready for training: a filter by length, families in batches for de-duplication, what is kept joined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rhoma.alignment import Alignment
from rhoma.artifacts import artefact_directory, atomic_write, zipped
from rhoma.errors import InputError
from rhoma.io.stockholm import format_stockholm
from rhoma.rfam import FAMILIES, MEMBERS, SEED, read_families, read_members, read_seed, read_sequences

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

Families = dict[str, dict[str, str]]


def write_batches(rfam: Path, out: Path, *, batch_size: int, min_length: int = 25, max_length: int = 1500) -> int:
    """Return the number of files ``batch_<n>.fa`` (``>id family``) that it writes to the new directory `out`.

    Families stay whole; sequences outside the limits and exact copies within a family are left out.

    Args:
        rfam: directory with families.tsv, seed.sto.gz and members.fa.gz.
        out: directory to make.
        batch_size: families a file.
        min_length: in nucleotides.
        max_length: in nucleotides.

    Raises:
        InputError: `rfam` lacks a file, or no sequence is left.
    """
    families = {
        family: kept
        for family, members in read_sequences(rfam).items()
        if (kept := {n: s for n, s in members.items() if min_length <= len(s) <= max_length})
    }
    if not families:
        raise InputError(f"has no sequence of {min_length} to {max_length} nt", path=rfam)
    names = sorted(families)
    starts = range(0, len(names), batch_size)
    with artefact_directory(out) as work:
        for number, start in enumerate(starts, start=1):
            part = {name: families[name] for name in names[start : start + batch_size]}
            write_batch(work / f"batch_{number:04d}.fa", part)
    return len(starts)


def write_batch(path: Path, families: Mapping[str, Mapping[str, str]]) -> None:
    """Write the sequences of `families` as FASTA, ``>id family``."""
    with atomic_write(path) as work, work.open("w", encoding="utf-8") as handle:
        for family, members in families.items():
            for name, sequence in members.items():
                handle.write(f">{name} {family}\n{sequence}\n")


def read_batch(path: Path) -> Families:
    """Return family -> {id: sequence} of a file that `write_batch` wrote.

    Raises:
        InputError: the file cannot be read or has another form.
    """
    families: Families = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read ({error})", path=path) from error
    if len(lines) % 2:
        raise InputError("the last record has no sequence", path=path)
    for header, sequence in zip(lines[::2], lines[1::2], strict=True):
        words = header.removeprefix(">").split()
        if not header.startswith(">") or len(words) != 2:
            raise InputError("a header is not '>id family'", path=path, record=header)
        families.setdefault(words[1], {})[words[0]] = sequence
    return families


def gather(rfam: Path, kept: Iterable[Path], out: Path) -> int:
    """Return the number of sequences of the Rfam directory `out`: what is named in `kept`, alignments included.

    Args:
        rfam: the directory that the batches were made of.
        kept: files as `write_batch` writes them.
        out: directory to make.

    Raises:
        InputError: a file is missing or damaged.
    """
    names = {
        (family, name) for path in sorted(kept) for family, members in read_batch(path).items() for name in members
    }
    if not names:
        raise InputError("no sequence was kept: the files of 'deduplicate' are missing or empty")
    present = {family for family, _ in names}
    table = [family for family in read_families(rfam) if family.accession in present]
    written: set[tuple[str, str]] = set()
    with artefact_directory(out) as work:
        rows = ["\t".join((f.accession, f.name, f.type, f.clan)) for f in table]
        (work / FAMILIES).write_text("\n".join(["family\tname\ttype\tclan", *rows]) + "\n", encoding="utf-8")
        with zipped(work / SEED) as write:
            for seed in read_seed(rfam):
                aligned = [(n, row) for n, row in seed.rows if (seed.accession, n) in names]
                if not aligned:
                    continue
                kept_names, kept_rows = zip(*aligned, strict=True)
                alignment = Alignment(kept_names, kept_rows, seed.structure)
                write(format_stockholm(alignment, features={"AC": seed.accession, "CL": seed.clan}))
                written.update((seed.accession, name) for name in kept_names)
        with zipped(work / MEMBERS) as write:
            for name, family, sequence in read_members(rfam):
                if (family, name) in names and (family, name) not in written:
                    write(f">{name} {family}\n{sequence}\n")
                    written.add((family, name))
    return len(written)
