"""Rfam releases from the EBI server: the directory that `rhoma.rfam` reads, and a database to search.

A release is a directory of https://ftp.ebi.ac.uk/pub/databases/Rfam: ``Rfam.seed.gz`` (seed alignments),
``Rfam.clanin`` (``clan<TAB>names of its families``, as Infernal reads it), ``Rfam.cm.gz`` (the families' covariance
models), ``database_files/family.txt.gz`` (a table of MySQL, the columns as in rfam-production: accession first, name
second, type nineteenth) and ``fasta_files/RFxxxxx.fa.gz`` (members of a family). It has no list of the files'
checksums that its documentation or the program that makes it knows of.
"""

from __future__ import annotations

import gzip
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from rhoma.artifacts import atomic_write, zipped
from rhoma.checksums import write_sha256
from rhoma.download import Fetcher, place
from rhoma.errors import InputError
from rhoma.io.fasta import fasta_entries
from rhoma.rfam import FAMILIES, MEMBERS, SEED, read_families

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

logger = logging.getLogger(__name__)

BASE_URL = "https://ftp.ebi.ac.uk/pub/databases/Rfam"
MODELS, CLANS = "Rfam.cm.gz", "Rfam.clanin"
LABELS = "labels.tsv"
_SEED, _TABLE = "Rfam.seed.gz", "database_files/family.txt.gz"
_RELEASE = re.compile(r"CURRENT|\d{1,3}\.\d{1,2}")
_ACCESSION, _CLAN = re.compile(r"RF\d{5}"), re.compile(r"CL\d{5}")
_NAME_COLUMN, _TYPE_COLUMN = 1, 18


def fetch_release(
    release: str,
    out: Path,
    *,
    base_url: str = BASE_URL,
    families: int | None = None,
    models: bool = False,
    workers: int = 4,
    retries: int = 5,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Return the number of families of the Rfam directory that it makes in `out`.

    The files as served stay in ``out/release``, recorded in ``out/checksums.json``; those that are there and whole are
    not fetched again, a part of a file is continued. A file that differs from the checksum recorded there, or from the
    MD5 that the server states where it states one, is refused.

    Args:
        release: such as ``15.1``, or ``CURRENT``.
        out: directory to make or to complete.
        base_url: parent of the releases.
        families: only so many, in the order of the seed file.
        models: fetch the covariance models of all families too, ``release/Rfam.cm.gz``.
        workers: files at a time.
        retries: attempts a file.
        progress: told (files done, files in all).

    Raises:
        InputError: the release or a file does not exist, cannot be reached, or stays truncated or damaged.
    """
    if not _RELEASE.fullmatch(release):
        raise InputError(f"{release!r} is no Rfam release", remedy="give a version such as 15.1, or CURRENT")
    root = f"{base_url.rstrip('/')}/{release}"
    with Fetcher(root, out, release=f"Rfam {release}", attempts=retries) as fetcher:
        for name in (_SEED, CLANS, _TABLE, *((MODELS,) if models else ())):
            fetcher.get(name)
            logger.info("%s: fetched", name)
        # a process that is killed from here on has said which release the files are of
        fetcher.save()
        accessions = list(_accessions(fetcher.store / _SEED))[:families]
        if not accessions:
            raise InputError("holds no alignment with an accession", path=fetcher.store / _SEED)
        done = 0
        with ThreadPoolExecutor(workers) as pool:
            for _ in pool.map(fetcher.get, (f"fasta_files/{a}.fa.gz" for a in accessions)):
                done += 1
                if progress is not None:
                    progress(done, len(accessions))
    _convert(fetcher.store, out, accessions)
    return len(accessions)


def download_rfam(
    release: str,
    out: Path,
    *,
    base_url: str = BASE_URL,
    families: int | None = None,
    workers: int = 4,
    retries: int = 5,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Return the number of families of the Rfam release that it makes ready for a search in `out`.

    Beside what :func:`fetch_release` makes there are ``Rfam.cm.gz`` and ``Rfam.clanin``, and ``labels.tsv`` with family
    and clan of each sequence of ``members.fa.gz``; each has its sha256 beside it. The arguments are those of
    :func:`fetch_release`.

    Raises:
        InputError: as :func:`fetch_release` does.
    """
    count = fetch_release(
        release,
        out,
        base_url=base_url,
        families=families,
        models=True,
        workers=workers,
        retries=retries,
        progress=progress,
    )
    for name in (MODELS, CLANS):
        place(out, name)
    _write_labels(out)
    for name in (FAMILIES, SEED, MEMBERS, LABELS):
        write_sha256(out / name)
    return count


def _write_labels(out: Path) -> None:
    """Write labels.tsv; a sequence that two families share is labelled by the first."""
    known = {family.accession: (family.name, family.clan) for family in read_families(out)}
    labels: dict[str, tuple[str, str]] = {}
    for _, header, _ in fasta_entries(out / MEMBERS):
        name, accession = header.decode().split()
        labels.setdefault(name, known[accession])
    with atomic_write(out / LABELS) as path, path.open("w", encoding="utf-8") as handle:
        handle.write("id\tfamily\tclan\n")
        for name, label in labels.items():
            handle.write("\t".join((name, *label)) + "\n")


def _accessions(seed: Path) -> Iterator[str]:
    with gzip.open(seed, "rt", encoding="utf-8", errors="replace") as handle:
        for line in handle:
            if line.startswith("#=GF AC") and _ACCESSION.fullmatch(line.split()[2]):
                yield line.split()[2]


def _convert(store: Path, out: Path, accessions: list[str]) -> None:
    """Write seed.sto.gz, members.fa.gz and families.tsv; the same bytes for the same files."""
    clans = {}
    for number, line in enumerate((store / CLANS).read_text("utf-8", errors="replace").splitlines(), start=1):
        clan, *names = line.split() or [""]
        if line.strip() and not _CLAN.fullmatch(clan):
            raise InputError("a line does not begin with a clan such as CL00001", path=store / CLANS, record=number)
        clans.update(dict.fromkeys(names, clan))
    table = {}
    with gzip.open(store / _TABLE, "rt", encoding="utf-8", errors="replace") as handle:
        for row in _rows(handle):
            if len(row) <= _TYPE_COLUMN or not _ACCESSION.fullmatch(row[0]):
                raise InputError("a row is no row of Rfam's table of families", path=store / _TABLE, record=row[0])
            table[row[0]] = (row[_NAME_COLUMN], row[_TYPE_COLUMN])
    missing = [a for a in accessions if a not in table]
    if missing:
        raise InputError(f"lacks {len(missing)} families of the seed file, first {missing[0]}", path=store / _TABLE)
    rows = ["\t".join((a, *table[a], clans.get(table[a][0], clans.get(a, "")))) for a in accessions]
    with atomic_write(out / FAMILIES) as path:
        path.write_text("\n".join(["family\tname\ttype\tclan", *rows]) + "\n", encoding="utf-8")
    wanted = set(accessions)
    with zipped(out / SEED) as write:
        for accession, block in _alignments(store / _SEED):
            if accession in wanted:
                write(block)
    with zipped(out / MEMBERS) as write:
        for accession in accessions:
            name = store / f"fasta_files/{accession}.fa.gz"
            with gzip.open(name, "rt", encoding="utf-8", errors="replace") as handle:
                for line in handle:
                    if line.startswith(">"):
                        # names such as AB000001.1/1-120 stay as they are
                        write(f">{line[1:].split()[0]} {accession}\n")
                    else:
                        write(line)


def _alignments(seed: Path) -> Iterator[tuple[str, str]]:
    accession, lines = "", []
    with gzip.open(seed, "rt", encoding="utf-8", errors="replace") as handle:
        for line in handle:
            if line.startswith("#=GF AC"):
                accession = line.split()[2]
            lines.append(line)
            if line.startswith("//"):
                yield accession, "".join(lines)
                accession, lines = "", []


def _rows(lines: Iterator[str]) -> Iterator[list[str]]:
    """Yield the cells of a table that MySQL dumped: tabs between cells, a backslash before tab and line end."""
    held = ""
    for line in lines:
        held += line.rstrip("\n")
        backslashes = len(held) - len(held.rstrip("\\"))
        if backslashes % 2:
            held = held[:-1] + " "
            continue
        yield [cell.replace("\\\t", " ") for cell in re.split(r"(?<!\\)\t", held)]
        held = ""
