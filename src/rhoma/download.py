"""Files of a server in a directory: fetched once, asked for again where a transfer fails, checked and recorded."""

from __future__ import annotations

import io
import json
import re
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pooch
from pydantic import BaseModel, ConfigDict, ValidationError
from requests.exceptions import RequestException

from rhoma.artifacts import alone, atomic_write, link
from rhoma.checksums import SUFFIX, check_sha256, write_sha256
from rhoma.errors import InputError
from rhoma.manifest import FileEntry, sha256_file
from rhoma.transfer import TIMEOUT, State, fetch

if TYPE_CHECKING:
    from collections.abc import Callable

CHECKSUMS = "checksums.json"
STORE = "release"
_SUMS = ("md5sum.txt", "md5_checksums.txt", "MD5SUMS")
_AGAIN = "run the same command again later: it goes on where it stopped"


class Served(FileEntry):
    """A file as it was served: size, sha256 (our own), ETag and date of the server, and the checksum it states, if any.

    The last three are empty where the server says nothing, and for a file that lay there before.
    """

    etag: str = ""
    last_modified: str = ""
    stated: str = ""


class Record(BaseModel):
    """``checksums.json``: the release that a directory is of, and its files as they were served, by name."""

    model_config = ConfigDict(extra="forbid")
    release: str
    files: dict[str, Served] = {}


class Fetcher:
    """Fetches files of one place of a server into ``<directory>/release`` and records them in ``checksums.json``.

    It is entered and left: meanwhile it alone has the directory, and in the end, whatever it is, it writes the record.
    pooch asks again, checks a sum where one is known, and puts a file in place when it is whole. It begins every
    attempt anew, so the part that an attempt leaves is kept and continued here.

    Args:
        root: address that the names of files are relative to.
        directory: where ``release`` and the record lie, or are made.
        release: name and version of what is fetched.
        attempts: how often a file is asked for.

    Raises:
        InputError: the directory is of another release, or its record is damaged.
    """

    def __init__(self, root: str, directory: Path, *, release: str, attempts: int) -> None:
        self.root = root.rstrip("/")
        self.directory = directory
        self.store = directory / STORE
        self.store.mkdir(parents=True, exist_ok=True)
        self.attempts = attempts
        self.record = read_record(directory) or Record(release=release)
        if self.record.files and self.record.release != release:
            raise InputError(
                f"is of {self.record.release}, not of {release}", path=directory, remedy="choose another directory"
            )
        self.record.release = release
        # its lines would be two a file
        pooch.get_logger().setLevel("WARNING")
        self._stated = {name: f"md5:{digest}" for name, digest in self._stated_sums().items()}
        known = self._stated | {name: f"sha256:{served.sha256}" for name, served in self.record.files.items()}
        self._pooch = pooch.create(
            path=self.store, base_url=f"{self.root}/", registry=known, retry_if_failed=attempts - 1
        )
        self._states: dict[str, State] = {}
        self._lock = ExitStack()

    def __enter__(self) -> Self:
        """Takes the directory; raises ArtefactError where another process has it."""
        self._lock.enter_context(
            alone(
                self.directory, "another process downloads to it", remedy="wait for that, or choose another directory"
            )
        )
        # of processes that were killed: where a file was to be put by pooch, and nothing was
        for left in self.store.rglob("tmp????????"):
            if left.stat().st_size == 0:
                left.unlink()
        return self

    def __exit__(self, *_: object) -> None:
        """Writes the record and gives the directory back."""
        with self._lock:
            self.save()

    def get(self, name: str, progress: Callable[[int, int], None] | None = None) -> Path:
        """Returns the path of a file that is whole, after fetching what is missing of it.

        Args:
            name: relative to the root.
            progress: told (bytes there, bytes in all), the latter 0 where the server does not say.

        Raises:
            InputError: the server does not have it, cannot be reached, sends it truncated or damaged again and again,
                or with another checksum than the recorded or stated one; or the disk is full.
        """
        path = self.store / name
        # two threads of pooch would both make it
        path.parent.mkdir(parents=True, exist_ok=True)
        self._pooch.registry.setdefault(name, None)

        def download(url: str, target: str, _pooch: Any) -> None:
            self._states[name] = fetch(url, path, progress).replace_with(target)

        try:
            self._pooch.fetch(name, downloader=download)
        except (ValueError, RequestException) as error:
            raise InputError(
                f"{error} after {self.attempts} attempts", path=f"{self.root}/{name}", remedy=_AGAIN
            ) from error
        if name not in self.record.files:
            state = self._states.get(name, State())
            self.record.files[name] = Served(
                sha256=sha256_file(path),
                size=path.stat().st_size,
                etag=state.etag,
                last_modified=state.last_modified,
                stated=self._stated.get(name, ""),
            )
        return path

    def save(self) -> None:
        """Writes ``checksums.json``."""
        with atomic_write(self.directory / CHECKSUMS) as path:
            path.write_text(json.dumps(self.record.model_dump(), indent=1, sort_keys=True) + "\n", encoding="utf-8")

    def _stated_sums(self) -> dict[str, str]:
        """Returns the MD5 sums that the place states, by file name; none where it has no such list."""
        for name in _SUMS:
            content = io.BytesIO()
            try:
                pooch.HTTPDownloader(timeout=TIMEOUT)(f"{self.root}/{name}", content, None)
            except RequestException:
                continue
            lines = content.getvalue().decode("utf-8", "replace").splitlines()
            found = (re.fullmatch(r"([0-9a-f]{32})\s+\*?(?:\./)?(\S+)", line) for line in lines)
            return {match[2]: match[1] for match in found if match}
        return {}


def read_record(directory: Path) -> Record | None:
    """Returns what ``checksums.json`` of a directory says, or None where there is none.

    Raises:
        InputError: it is damaged.
    """
    path = directory / CHECKSUMS
    if not path.is_file():
        return None
    try:
        return Record.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise InputError(
            f"is damaged ({error.errors()[0]['msg']})", path=path, remedy="delete the directory and download again"
        ) from None


def place(directory: Path, name: str) -> None:
    """Makes a file of ``release`` appear in the directory itself too, with its sha256 beside it."""
    record = read_record(directory)
    target = directory / Path(name).name
    target.unlink(missing_ok=True)
    link(directory / STORE / name, target)
    write_sha256(target, record.files[name].sha256 if record else None)


def verify(directory: Path, progress: Callable[[int, int], None] | None = None) -> int:
    """Returns the number of files of a download that are as they were recorded; it needs no server.

    Args:
        directory: of the download.
        progress: told (files done, files in all).

    Raises:
        InputError: there is no record, a file is missing, or it has another size or sha256.
    """
    record = read_record(directory)
    if record is None:
        raise InputError(f"has no {CHECKSUMS}", path=directory, remedy="download it first, without --check")
    remedy = "run the download again, which fetches it anew"
    served = {directory / STORE / name: entry for name, entry in record.files.items()}
    twins = {path.name: path for path in served}
    made = [path.with_suffix("") for path in sorted(directory.glob(f"*{SUFFIX}"))]
    # a second name of a served file is not read again
    made = [p for p in made if not (p.name in twins and p.is_file() and p.samefile(twins[p.name]))]
    for done, (path, entry) in enumerate(served.items(), start=1):
        if not path.is_file():
            raise InputError("is missing", path=path, remedy=remedy)
        if path.stat().st_size != entry.size or sha256_file(path) != entry.sha256:
            raise InputError(f"does not have the size and the sha256 of {CHECKSUMS}", path=path, remedy=remedy)
        if progress is not None:
            progress(done, len(served) + len(made))
    for path in made:
        check_sha256(path)
    return len(served) + len(made)
