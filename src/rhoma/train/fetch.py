"""Rfam releases from the EBI server, checked, and turned into the directory that `rhoma.rfam` reads.

A release is a directory of https://ftp.ebi.ac.uk/pub/databases/Rfam: ``Rfam.seed.gz`` (seed alignments),
``Rfam.clanin`` (``clan<TAB>names of its families``, as Infernal reads it), ``database_files/family.txt.gz`` (a table
of MySQL, the columns as in rfam-production: accession first, name second, type nineteenth) and
``fasta_files/RFxxxxx.fa.gz`` (members of a family).
"""

from __future__ import annotations

import gzip
import hashlib
import http.client
import json
import logging
import re
import time
import urllib.error
import urllib.request
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from rhoma.artifacts import atomic_write
from rhoma.errors import InputError
from rhoma.manifest import sha256_file
from rhoma.rfam import FAMILIES, MEMBERS, SEED
from rhoma.train.prepare import zipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

logger = logging.getLogger(__name__)

BASE_URL = "https://ftp.ebi.ac.uk/pub/databases/Rfam"
CHECKSUMS = "checksums.json"
_SEED, _CLANS, _TABLE = "Rfam.seed.gz", "Rfam.clanin", "database_files/family.txt.gz"
_RELEASE = re.compile(r"CURRENT|\d{1,3}\.\d{1,2}")
_ACCESSION = re.compile(r"RF\d{5}")
_NAME_COLUMN, _TYPE_COLUMN = 1, 18
_SUMS = ("md5sum.txt", "md5_checksums.txt", "MD5SUMS")
_CHUNK = 1 << 18
_TIMEOUT = 60.0


class _Truncated(Exception):
    """A transfer ended before its announced length."""


def fetch_release(
    release: str,
    out: Path,
    *,
    base_url: str = BASE_URL,
    families: int | None = None,
    workers: int = 4,
    retries: int = 5,
    pause: float = 2.0,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Return the number of families of the Rfam directory that it makes in `out`.

    The files as served stay in ``out/release``; those that are there and whole are not fetched again, a part of a
    file is continued. ``out/checksums.json`` has the sha256 of each; a file that differs from the checksum
    recorded there, or from the MD5 that the server states where it states one, is refused.

    Args:
        release: such as ``15.1``, or ``CURRENT``.
        out: directory to make or to complete.
        base_url: parent of the releases.
        families: only so many, in the order of the seed file.
        workers: files at a time.
        retries: attempts a file.
        pause: seconds before the second attempt, doubled for each further one.
        progress: told (files done, files in all).

    Raises:
        InputError: the release or a file does not exist, cannot be reached, or stays truncated or damaged.
    """
    if not _RELEASE.fullmatch(release):
        raise InputError(f"{release!r} is no Rfam release", remedy="give a version such as 15.1, or CURRENT")
    root = f"{base_url.rstrip('/')}/{release}"
    store = out / "release"
    store.mkdir(parents=True, exist_ok=True)
    fetcher = _Fetcher(root, store, retries, pause, _read_checksums(out))
    try:
        for name in (_SEED, _CLANS, _TABLE):
            fetcher.get(name)
        accessions = list(_accessions(store / _SEED))[:families]
        if not accessions:
            raise InputError("holds no alignment with an accession", path=store / _SEED)
        done = 0
        with ThreadPoolExecutor(workers) as pool:
            for _ in pool.map(fetcher.get, (f"fasta_files/{a}.fa.gz" for a in accessions)):
                done += 1
                if progress is not None:
                    progress(done, len(accessions))
    finally:
        _write_checksums(out, fetcher.sums)
    _convert(store, out, accessions)
    return len(accessions)


class _Fetcher:
    """Fetches files of one release into a directory."""

    def __init__(self, root: str, store: Path, retries: int, pause: float, sums: dict[str, str]) -> None:
        self.root = root
        self.store = store
        self.retries = retries
        self.pause = pause
        self.sums = sums
        self.stated = self._stated_sums()

    def get(self, name: str) -> Path:
        """Return the path of a file that is whole, after fetching what is missing of it."""
        path = self.store / name
        if path.is_file():
            if self.sums.get(name) == sha256_file(path):
                return path
            # whole by its name, but unknown or changed: not to be trusted
            path.unlink()
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        for attempt in range(self.retries):
            if attempt:
                time.sleep(self.pause * 2 ** (attempt - 1))
            try:
                self._transfer(f"{self.root}/{name}", part)
                self._check(name, part)
            except _Truncated as error:
                problem = str(error)
                logger.info("%s: %s; attempt %d of %d", name, problem, attempt + 1, self.retries)
                continue
            part.rename(path)
            self.sums[name] = sha256_file(path)
            return path
        raise InputError(
            f"{problem} after {self.retries} attempts",
            path=f"{self.root}/{name}",
            remedy="run the same command again later: it goes on where it stopped",
        )

    def _transfer(self, url: str, part: Path) -> None:
        have = part.stat().st_size if part.exists() else 0
        request = urllib.request.Request(url, headers={"User-Agent": "rhoma"})
        if have:
            request.add_header("Range", f"bytes={have}-")
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT) as reply:
                partial = reply.status == 206
                length = reply.headers.get("Content-Length")
                got = 0
                with part.open("ab" if partial else "wb") as handle:
                    while chunk := reply.read(_CHUNK):
                        handle.write(chunk)
                        got += len(chunk)
            if length is not None and got < int(length):
                raise _Truncated(f"is truncated ({got} of {length} bytes)")
        except urllib.error.HTTPError as error:
            if error.code == 416:
                # nothing is left to send: the part is the whole, or not the file at all; `_check` tells
                return
            if error.code in (404, 403, 410):
                raise InputError(
                    f"the server does not have it (status {error.code})",
                    path=url,
                    remedy="check the release (--release) and the server (--base-url)",
                ) from error
            raise _Truncated(f"the server answers with status {error.code}") from error
        except http.client.IncompleteRead as error:
            raise _Truncated("is truncated") from error
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            raise _Truncated(f"cannot be reached ({getattr(error, 'reason', error)})") from error

    def _check(self, name: str, part: Path) -> None:
        """Refuse a file that is no whole gzip, or differs from the MD5 that the server states."""
        try:
            if name.endswith(".gz"):
                with gzip.open(part) as handle:
                    while handle.read(_CHUNK):
                        pass
            stated = self.stated.get(name)
            if stated is not None and _md5(part) != stated:
                part.unlink()
                raise _Truncated("does not match the server's MD5")
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            # a file cut on the server's side is not mended by asking for the rest: start again
            part.unlink()
            raise _Truncated(f"is truncated or damaged ({error})") from error

    def _stated_sums(self) -> dict[str, str]:
        """Return the MD5 sums that the release states, by file name; none where it has no such list."""
        for name in _SUMS:
            try:
                with urllib.request.urlopen(f"{self.root}/{name}", timeout=_TIMEOUT) as reply:
                    lines = reply.read(1 << 24).decode("utf-8", "replace").splitlines()
            except (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException):
                continue
            found = (re.fullmatch(r"([0-9a-f]{32})\s+\*?(?:\./)?(\S+)", line) for line in lines)
            return {match[2]: match[1] for match in found if match}
        return {}


def _md5(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _read_checksums(out: Path) -> dict[str, str]:
    path = out / CHECKSUMS
    if not path.is_file():
        return {}
    try:
        sums = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): str(digest) for name, digest in sums.items()}
    except (ValueError, AttributeError) as error:
        raise InputError(f"is damaged ({error})", path=path, remedy="delete it to fetch all files again") from None


def _write_checksums(out: Path, sums: dict[str, str]) -> None:
    with atomic_write(out / CHECKSUMS) as path:
        path.write_text(json.dumps(dict(sorted(sums.items())), indent=1) + "\n", encoding="utf-8")


def _accessions(seed: Path) -> Iterator[str]:
    with gzip.open(seed, "rt", encoding="utf-8", errors="replace") as handle:
        for line in handle:
            if line.startswith("#=GF AC") and _ACCESSION.fullmatch(line.split()[2]):
                yield line.split()[2]


def _convert(store: Path, out: Path, accessions: list[str]) -> None:
    """Write seed.sto.gz, members.fa.gz and families.tsv; the same bytes for the same files."""
    clans = {}
    for line in (store / _CLANS).read_text(encoding="utf-8", errors="replace").splitlines():
        clan, *names = line.split()
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
