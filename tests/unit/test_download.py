"""One file from a server that breaks off, ignores ranges, changes, or lies about what it sends."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rhoma.download import Fetcher, read_record, verify
from rhoma.errors import ArtefactError, InputError

from .http_server import Server, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("impatient")

ZIPPED, PLAIN = "sequences/rna.fa.gz", "rna.clanin"
DATE = "Tue, 03 Feb 2026 10:00:00 GMT"


def letters(seed: int, length: int = 200_000) -> bytes:
    drawn = np.frombuffer(b"ACGU", dtype=np.uint8)[np.random.default_rng(seed).integers(0, 4, length)]
    return b">a\n" + drawn.tobytes() + b"\n"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving("db/1.0", {ZIPPED: gzip.compress(letters(1), mtime=0), PLAIN: letters(2)}) as made:
        yield made


def fetcher(server: Server, out: Path, attempts: int = 3) -> Fetcher:
    return Fetcher(f"{server.url}/db/1.0", out, release="db 1.0", attempts=attempts)


def left_over(out: Path) -> list[str]:
    return [path.name for path in out.rglob("*") if path.is_file() and (".part" in path.name or "tmp" in path.name)]


@pytest.mark.parametrize("name", [ZIPPED, PLAIN])
def test_a_whole_file_and_what_the_server_says_of_it(name: str, server: Server, tmp_path: Path) -> None:
    server.etags[name], server.dates[name] = '"abc"', DATE
    told: list[tuple[int, int]] = []
    one = fetcher(server, tmp_path)
    path = one.get(name, lambda done, total: told.append((done, total)))
    one.save()
    content = server.files[name]
    assert path.read_bytes() == content
    assert told[-1] == (len(content), len(content))
    record = read_record(tmp_path)
    assert record is not None
    assert record.files[name].model_dump() == {
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
        "etag": '"abc"',
        "last_modified": DATE,
        "stated": "",
    }
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("state", [{"etags": '"abc"'}, {"dates": DATE}, {"etags": 'W/"abc"', "dates": DATE}])
@pytest.mark.parametrize("name", [ZIPPED, PLAIN])
def test_a_cut_connection_is_continued(name: str, state: dict[str, str], server: Server, tmp_path: Path) -> None:
    for kind, value in state.items():
        getattr(server, kind)[name] = value
    server.faults[name] = ["cut"]
    told: list[tuple[int, int]] = []
    path = fetcher(server, tmp_path).get(name, lambda done, total: told.append((done, total)))
    assert path.read_bytes() == server.files[name]
    first, second = server.ranges_of(name)
    assert first is None
    assert second is not None
    assert int(second.removeprefix("bytes=").removesuffix("-")) > 0
    # the bytes are counted once
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert {total for _, total in told} == {len(server.files[name])}
    assert left_over(tmp_path) == []


def test_without_a_word_of_the_version_a_plain_file_is_not_continued(server: Server, tmp_path: Path) -> None:
    server.faults = {PLAIN: ["cut"]}
    assert fetcher(server, tmp_path).get(PLAIN).read_bytes() == server.files[PLAIN]
    assert server.ranges_of(PLAIN) == [None, None]


def test_a_server_that_ignores_ranges(server: Server, tmp_path: Path) -> None:
    server.etags[PLAIN] = '"abc"'
    server.ranges = False
    server.faults = {PLAIN: ["cut"]}
    assert fetcher(server, tmp_path).get(PLAIN).read_bytes() == server.files[PLAIN]
    assert server.ranges_of(PLAIN)[1] is not None


@pytest.mark.parametrize("compares", [True, False])
@pytest.mark.parametrize("longer", [True, False])
@pytest.mark.parametrize("name", [ZIPPED, PLAIN])
def test_a_file_that_changes_between_two_attempts(
    name: str, longer: bool, compares: bool, server: Server, tmp_path: Path
) -> None:
    """With a server that knows If-Range, and with one that sends the rest of another file."""
    server.etags[name] = '"old"'
    server.compares = compares
    server.faults = {name: ["cut"]}
    with pytest.raises(InputError, match="truncated"):
        fetcher(server, tmp_path, attempts=1).get(name)
    assert left_over(tmp_path)
    fresh = letters(3, 400_000 if longer else 1_000)
    server.files[name] = gzip.compress(fresh, mtime=0) if name == ZIPPED else fresh
    server.etags[name] = '"new"'
    one = fetcher(server, tmp_path)
    assert one.get(name).read_bytes() == server.files[name]
    assert one.record.files[name].etag == '"new"'
    assert left_over(tmp_path) == []


def test_a_part_that_is_the_whole_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    part = tmp_path / "release" / f"{PLAIN}.part"
    part.parent.mkdir()
    part.write_bytes(server.files[PLAIN])
    part.with_name(f"{part.name}.json").write_text(json.dumps({"etag": '"abc"'}))
    server.etags[PLAIN] = '"abc"'
    assert fetcher(server, tmp_path).get(PLAIN).read_bytes() == server.files[PLAIN]
    assert server.ranges_of(PLAIN) == [f"bytes={len(server.files[PLAIN])}-"]


def test_a_connection_that_stalls_is_given_up_and_continued(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rhoma.transfer.TIMEOUT", 0.5)
    server.etags[PLAIN] = '"abc"'
    server.faults = {PLAIN: ["stall"]}
    assert fetcher(server, tmp_path).get(PLAIN).read_bytes() == server.files[PLAIN]
    assert server.ranges_of(PLAIN)[1] is not None


@pytest.mark.parametrize("faults", [[], ["cut"]])
def test_a_gzip_that_the_server_calls_an_encoding(faults: list[str], server: Server, tmp_path: Path) -> None:
    server.headers = {"Content-Encoding": "x-gzip"}
    server.etags[ZIPPED] = '"abc"'
    server.faults = {ZIPPED: list(faults)}
    assert fetcher(server, tmp_path).get(ZIPPED).read_bytes() == server.files[ZIPPED]
    assert server.count(ZIPPED) == 1 + len(faults)


def test_one_process_at_a_time(server: Server, tmp_path: Path) -> None:
    with fetcher(server, tmp_path) as one:
        one.get(PLAIN)
        with pytest.raises(ArtefactError, match="another process downloads to it"), fetcher(server, tmp_path):
            pass
    record = read_record(tmp_path)
    assert record is not None
    assert list(record.files) == [PLAIN]


def test_what_a_killed_process_has_left_is_cleared_away(server: Server, tmp_path: Path) -> None:
    empty, full = tmp_path / "release" / "sequences" / "tmpabcdefgh", tmp_path / "release" / "tmpijklmnop"
    empty.parent.mkdir(parents=True)
    empty.touch()
    full.write_text("somebody's")
    with fetcher(server, tmp_path):
        assert not empty.exists()
        assert full.exists()


def test_a_file_that_is_truncated_on_the_server(server: Server, tmp_path: Path) -> None:
    server.files[ZIPPED] = server.files[ZIPPED][:-7]
    with pytest.raises(InputError, match=r"rna\.fa\.gz: is truncated or damaged .* after 2 attempts"):
        fetcher(server, tmp_path, attempts=2).get(ZIPPED)
    assert server.count(ZIPPED) == 2
    assert left_over(tmp_path) == []


def test_what_is_not_there_is_asked_for_once(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.gz: the server does not have it \(status 404\)"):
        fetcher(server, tmp_path).get("nothing.gz")
    assert server.count("nothing.gz") == 1


def test_a_checksum_that_the_server_states(server: Server, tmp_path: Path) -> None:
    right = hashlib.md5(server.files[PLAIN], usedforsecurity=False).hexdigest()
    server.files["md5sum.txt"] = f"{right}  {PLAIN}\n{'0' * 32}  {ZIPPED}\n".encode()
    one = fetcher(server, tmp_path, attempts=2)
    one.get(PLAIN)
    assert one.record.files[PLAIN].stated == f"md5:{right}"
    with pytest.raises(InputError, match="MD5 hash of downloaded file"):
        one.get(ZIPPED)
    assert not (tmp_path / "release" / ZIPPED).exists()


def test_a_full_disk(server: Server, tmp_path: Path) -> None:
    """The kernel's own full disk takes the place of the part."""
    part = tmp_path / "release" / f"{PLAIN}.part"
    part.parent.mkdir()
    part.symlink_to("/dev/full")
    with pytest.raises(InputError, match=r"rna\.clanin\.part: cannot be written to its end \(No space left"):
        fetcher(server, tmp_path).get(PLAIN)
    # room does not come by asking again
    assert server.count(PLAIN) == 1
    part.unlink()
    assert fetcher(server, tmp_path).get(PLAIN).read_bytes() == server.files[PLAIN]


def test_a_disk_that_fills_up_half_way(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.FileIO):
        def write(self, content: object) -> int:
            if self.tell() > 50_000:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(content)  # type: ignore[arg-type]

    def filling(path: Path, mode: str = "r", buffering: int = -1, **others: Any) -> Any:
        return Full(path, "ab") if mode == "ab" else opened(path, mode, buffering, **others)

    opened = Path.open
    server.etags[PLAIN] = '"abc"'
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", filling)
        with pytest.raises(InputError, match="make room"):
            fetcher(server, tmp_path).get(PLAIN)
    assert fetcher(server, tmp_path).get(PLAIN).read_bytes() == server.files[PLAIN]
    # what had found room is kept
    assert [wanted is None for wanted in server.ranges_of(PLAIN)] == [True, False]


def test_a_disk_that_is_too_small_is_told_at_once(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr("rhoma.transfer.shutil.disk_usage", lambda path: usage)
    with pytest.raises(InputError, match=r"\d+ bytes are to come and the disk has room for 1000"):
        fetcher(server, tmp_path).get(ZIPPED)


def test_checking_tells_what_has_changed(server: Server, tmp_path: Path) -> None:
    with fetcher(server, tmp_path) as one:
        one.get(ZIPPED)
        one.get(PLAIN)
    server.http.shutdown()
    assert verify(tmp_path) == 2
    path = tmp_path / "release" / PLAIN
    changed = bytearray(path.read_bytes())
    changed[1000] ^= 1
    path.write_bytes(changed)
    with pytest.raises(InputError, match=r"rna\.clanin: does not have the size and the sha256"):
        verify(tmp_path)
    path.unlink()
    with pytest.raises(InputError, match=r"rna\.clanin: is missing"):
        verify(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", '{"release": "x", "files": {"a": "b"}}'])
def test_a_damaged_record_is_an_error(text: str, server: Server, tmp_path: Path) -> None:
    (tmp_path / "checksums.json").write_text(text)
    with pytest.raises(InputError, match=r"checksums\.json: is damaged"):
        fetcher(server, tmp_path)
    with pytest.raises(InputError, match=r"checksums\.json: is damaged"):
        verify(tmp_path)


def test_nothing_to_check(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no checksums\.json"):
        verify(tmp_path)
