"""One transfer of a file from a server over HTTP: from its beginning, or from where an earlier one broke off.

What comes lies in ``<name>.part`` until it is whole; ``<name>.part.json`` says which file of the server it is of (its
ETag and its date), so that a part is never continued with another file's bytes.
"""

from __future__ import annotations

import gzip
import logging
import re
import shutil
import zlib
from http import HTTPStatus
from typing import TYPE_CHECKING

import pooch
from pydantic import BaseModel, ConfigDict, ValidationError
from requests.exceptions import ChunkedEncodingError, HTTPError, RequestException

from rhoma.artifacts import FULL, disk_full
from rhoma.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from requests import Response

logger = logging.getLogger(__name__)

# seconds without a byte
TIMEOUT = 60.0
_ABSENT = (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN, HTTPStatus.GONE)
# what a transfer that breaks off loses at most
_CHUNK = 1 << 14
# what takes a while to read
_LARGE = 1 << 28


class BrokenTransferError(ValueError):
    """A transfer that is worth another attempt; pooch tries again after a ValueError."""


class State(BaseModel):
    """What a server says of the version of a file; empty where it says nothing.

    Attributes:
        etag: such as ``"5f2b-1a"``.
        last_modified: date as HTTP writes it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    etag: str = ""
    last_modified: str = ""

    @property
    def validator(self) -> str:
        """What a server compares before it sends the rest; a weak ETag does not stand for the bytes."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.last_modified

    def differs(self, other: State) -> bool:
        """Returns whether both are known and say different things."""
        pairs = ((self.etag, other.etag), (self.last_modified, other.last_modified))
        return any(one and two and one != two for one, two in pairs)


class Part:
    """What has come of a file, and of which version of it; takes the rest as a file object does."""

    def __init__(self, whole: Path, progress: Callable[[int, int], None] | None) -> None:
        self.path = whole.with_name(f"{whole.name}.part")
        self._state_path = whole.with_name(f"{whole.name}.part.json")
        self._progress = progress
        self.total = 0
        self.state = self._read_state()
        self.have = self.path.stat().st_size if self.path.is_file() else 0
        # without a word of the server's only the sum in a gzip tells two versions apart
        if self.have and not self.state.validator and ".gz" not in self.path.suffixes:
            self.have = 0
        # a write is whole or an error, and nothing is left to be written when it is closed
        self._handle = self.path.open("ab", buffering=0)
        self._cut(self.have)

    def headers(self) -> dict[str, str]:
        """Returns the headers that ask for what is missing."""
        asked = {"Accept-Encoding": "identity"}
        if self.have:
            asked["Range"] = f"bytes={self.have}-"
            if self.state.validator:
                asked["If-Range"] = self.state.validator
        return asked

    def answered(self, response: Response, **_: object) -> None:
        """Takes note of what the server is about to send.

        Raises:
            BrokenTransferError: it is no continuation of what is here, which is thrown away.
            InputError: the disk has no room for it.
        """
        told = response.headers
        # some servers call a file that is a gzip an encoding; its bytes are wanted as they are
        response.raw.headers.pop("Content-Encoding", None)
        state = State(etag=told.get("ETag", ""), last_modified=told.get("Last-Modified", ""))
        if response.status_code == HTTPStatus.OK:
            self._cut(0)
            self.total = int(told.get("Content-Length", 0))
        elif response.status_code == HTTPStatus.PARTIAL_CONTENT:
            found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", told.get("Content-Range", ""))
            if found is None or int(found[1]) != self.have or state.differs(self.state):
                self.discard()
                raise BrokenTransferError("has changed on the server, or another part came than the one asked for")
            self.total = int(found[2]) if found[2] != "*" else 0
        else:
            return
        self.state = state
        self._state_path.write_text(state.model_dump_json(), encoding="utf-8")
        free = shutil.disk_usage(self.path.parent).free
        if self.total - self.have > free:
            raise InputError(
                f"{self.total - self.have} bytes are to come and the disk has room for {free}",
                path=self.path,
                remedy="make room, or choose a place on another disk",
            )

    def write(self, content: bytes) -> None:
        """Appends bytes; raises InputError where the disk is full."""
        rest = memoryview(content)
        try:
            while rest:
                rest = rest[self._handle.write(rest) :]
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise disk_full(self.path, error) from None
        self.have += len(content)
        if self._progress is not None:
            self._progress(self.have, self.total)

    def flush(self) -> None:
        """Does nothing: nothing is held back."""

    def close(self) -> None:
        """Closes the file, which stays."""
        self._handle.close()

    def discard(self) -> None:
        """Deletes what has come."""
        self.close()
        self.path.unlink()
        self._state_path.unlink(missing_ok=True)

    def replace_with(self, target: str) -> State:
        """Returns what the server says of the file, which is now `target`."""
        self.path.replace(target)
        self._state_path.unlink(missing_ok=True)
        return self.state

    def _cut(self, size: int) -> None:
        if self.path.stat().st_size > size:
            self._handle.truncate(size)
        self.have = size

    def _read_state(self) -> State:
        try:
            return State.model_validate_json(self._state_path.read_bytes())
        except (OSError, ValidationError):
            return State()


def fetch(url: str, whole: Path, progress: Callable[[int, int], None] | None) -> Part:
    """Returns the part of a file, closed, when it is whole and as the server has it.

    Args:
        url: where the file is.
        whole: path beside which the part lies.
        progress: told (bytes there, bytes in all), the latter 0 where the server does not say.

    Raises:
        InputError: the server does not have it, or the disk is full.
        BrokenTransferError: it did not come as a whole, or is damaged.
    """
    part = Part(whole, progress)
    try:
        _continue(url, part)
        part.close()
        if part.have > _LARGE:
            logger.info("%s: has come, and is checked", whole.name)
        _check_gzip(part)
    except BrokenTransferError as error:
        logger.info("%s: %s", whole.name, error)
        raise
    finally:
        part.close()
    return part


def _continue(url: str, part: Part) -> None:
    """Adds to a part what is missing of the file at `url`, or the whole where the server does not send parts."""
    download = pooch.HTTPDownloader(
        chunk_size=_CHUNK, timeout=TIMEOUT, headers=part.headers(), hooks={"response": part.answered}
    )
    try:
        download(url, part, None)
    except HTTPError as error:
        answer = error.response
        status = answer.status_code if answer is not None else 0
        if status in _ABSENT:
            raise InputError(
                f"the server does not have it (status {status})",
                path=url,
                remedy="check the release (--release) and the server",
            ) from error
        if status != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise BrokenTransferError(f"the server answers with status {status}") from error
        # nothing is left to send: all of it came before, or it was of another file
        if answer is None or answer.headers.get("Content-Range") != f"bytes */{part.have}":
            part.discard()
            raise BrokenTransferError("has changed on the server") from error
    except ChunkedEncodingError as error:
        found = re.search(r"(\d+) bytes read, (\d+) more", str(error))
        told = f" ({found[1]} of {int(found[1]) + int(found[2])} bytes)" if found else ""
        raise BrokenTransferError(f"is truncated{told}") from error
    except RequestException as error:
        raise BrokenTransferError(f"cannot be reached ({error})") from error


def _check_gzip(part: Part) -> None:
    """Refuses, and deletes, what is no whole gzip: a file cut on the server is not mended by asking for the rest."""
    if ".gz" not in part.path.suffixes:
        return
    try:
        with gzip.open(part.path) as handle:
            while handle.read(_CHUNK):
                pass
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        part.discard()
        raise BrokenTransferError(f"is truncated or damaged ({error})") from error
