"""Rfam releases from the EBI server, checked, and turned into the directory that `rhoma.rfam` reads.

A release is a directory of https://ftp.ebi.ac.uk/pub/databases/Rfam: ``Rfam.seed.gz`` (seed alignments),
``Rfam.clanin`` (``clan<TAB>names of its families``, as Infernal reads it), ``database_files/family.txt.gz`` (a table
of MySQL, the columns as in rfam-production: accession first, name second, type nineteenth) and
``fasta_files/RFxxxxx.fa.gz`` (members of a family).
"""

from __future__ import annotations

import gzip
import io
import json
import logging
import re
import zlib
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, BinaryIO

import pooch
from requests.exceptions import ChunkedEncodingError, HTTPError, RequestException

from rhoma.artifacts import atomic_write
from rhoma.errors import InputError
from rhoma.manifest import sha256_file
from rhoma.rfam import FAMILIES, MEMBERS, SEED
from rhoma.train.prepare import zipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from requests import Response

logger = logging.getLogger(__name__)

BASE_URL = "https://ftp.ebi.ac.uk/pub/databases/Rfam"
CHECKSUMS = "checksums.json"
_SEED, _CLANS, _TABLE = "Rfam.seed.gz", "Rfam.clanin", "database_files/family.txt.gz"
_RELEASE = re.compile(r"CURRENT|\d{1,3}\.\d{1,2}")
_ACCESSION = re.compile(r"RF\d{5}")
_NAME_COLUMN, _TYPE_COLUMN = 1, 18
_SUMS = ("md5sum.txt", "md5_checksums.txt", "MD5SUMS")
_ABSENT = (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN, HTTPStatus.GONE)
# what a transfer that breaks off loses at most
_CHUNK = 1 << 14
_TIMEOUT = 60.0


class _Broken(ValueError):
    """A transfer that is worth another attempt; pooch tries again after a ValueError."""


def fetch_release(
    release: str,
    out: Path,
    *,
    base_url: str = BASE_URL,
    families: int | None = None,
    workers: int = 4,
    retries: int = 5,
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
        progress: told (files done, files in all).

    Raises:
        InputError: the release or a file does not exist, cannot be reached, or stays truncated or damaged.
    """
    if not _RELEASE.fullmatch(release):
        raise InputError(f"{release!r} is no Rfam release", remedy="give a version such as 15.1, or CURRENT")
    root = f"{base_url.rstrip('/')}/{release}"
    store = out / "release"
    # two threads of pooch would both make it
    (store / "fasta_files").mkdir(parents=True, exist_ok=True)
    fetcher = _Fetcher(root, store, retries, _read_checksums(out))
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
    """Fetches files of one release into a directory.

    pooch asks again, checks a sum where one is known, and puts a file in place when it is whole. It begins every
    attempt anew, so the part that an attempt leaves is kept and continued here.
    """

    def __init__(self, root: str, store: Path, attempts: int, sums: dict[str, str]) -> None:
        self.root = root
        self.store = store
        self.attempts = attempts
        self.sums = sums
        # its lines would be two a file
        pooch.get_logger().setLevel("WARNING")
        known = {name: f"md5:{digest}" for name, digest in self._stated_sums().items()}
        known |= {name: f"sha256:{digest}" for name, digest in sums.items()}
        self.pooch = pooch.create(path=store, base_url=f"{root}/", registry=known, retry_if_failed=attempts - 1)

    def get(self, name: str) -> Path:
        """Return the path of a file that is whole, after fetching what is missing of it."""
        path = self.store / name
        self.pooch.registry.setdefault(name, None)
        try:
            self.pooch.fetch(name, downloader=self._download)
        except (ValueError, RequestException) as error:
            raise InputError(
                f"{error} after {self.attempts} attempts",
                path=f"{self.root}/{name}",
                remedy="run the same command again later: it goes on where it stopped",
            ) from error
        if name not in self.sums:
            self.sums[name] = sha256_file(path)
        return path

    def _download(self, url: str, target: str, _pooch: Any) -> None:
        """Write a file as the server has it to `target`.

        Raises:
            InputError: the server does not have it.
            _Broken: it did not come as a whole, or is damaged.
        """
        name = url.removeprefix(f"{self.root}/")
        part = self.store / f"{name}.part"
        try:
            with part.open("ab") as handle:
                _continue(url, handle)
            _check_gzip(part)
        except _Broken as error:
            logger.info("%s: %s", name, error)
            raise
        part.replace(target)

    def _stated_sums(self) -> dict[str, str]:
        """Return the MD5 sums that the release states, by file name; none where it has no such list."""
        for name in _SUMS:
            content = io.BytesIO()
            try:
                pooch.HTTPDownloader(timeout=_TIMEOUT)(f"{self.root}/{name}", content, None)
            except RequestException:
                continue
            lines = content.getvalue().decode("utf-8", "replace").splitlines()
            found = (re.fullmatch(r"([0-9a-f]{32})\s+\*?(?:\./)?(\S+)", line) for line in lines)
            return {match[2]: match[1] for match in found if match}
        return {}


def _continue(url: str, part: BinaryIO) -> None:
    """Append to `part` what is missing of the file at `url`, or the whole where the server does not send parts."""
    have = part.tell()

    def restart(response: Response, **_: object) -> None:
        if response.status_code == HTTPStatus.OK:
            part.truncate(0)

    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    download = pooch.HTTPDownloader(chunk_size=_CHUNK, timeout=_TIMEOUT, headers=headers, hooks={"response": restart})
    try:
        download(url, part, None)
    except HTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        if status in _ABSENT:
            raise InputError(
                f"the server does not have it (status {status})",
                path=url,
                remedy="check the release (--release) and the server (--base-url)",
            ) from error
        # nothing left to send: the part is the whole, or not the file at all, which its check tells
        if status != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise _Broken(f"the server answers with status {status}") from error
    except ChunkedEncodingError as error:
        found = re.search(r"(\d+) bytes read, (\d+) more", str(error))
        told = f" ({found[1]} of {int(found[1]) + int(found[2])} bytes)" if found else ""
        raise _Broken(f"is truncated{told}") from error
    except RequestException as error:
        raise _Broken(f"cannot be reached ({error})") from error


def _check_gzip(path: Path) -> None:
    """Refuse, and delete, what is no whole gzip: a file cut on the server is not mended by asking for the rest."""
    if ".gz" not in path.suffixes:
        return
    try:
        with gzip.open(path) as handle:
            while handle.read(_CHUNK):
                pass
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        path.unlink()
        raise _Broken(f"is truncated or damaged ({error})") from error


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
