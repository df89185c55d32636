"""The download against a local server with the layout of the EBI's, which can cut, refuse and change files."""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rhoma.cli import run
from rhoma.errors import InputError
from rhoma.rfam import read_clans, read_families, read_members, read_seed
from rhoma.train.fetch import fetch_release

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SEED = "Rfam.seed.gz"
MEMBER = "fasta_files/RF00002.fa.gz"


def release() -> dict[str, bytes]:
    """Returns the files of a small release by name."""
    files = {}
    seed, table = "", ""
    for number, name in ((1, "5S_rRNA"), (2, "tRNA"), (3, "U3")):
        accession = f"RF{number:05d}"
        seed += (
            f"# STOCKHOLM 1.0\n\n#=GF AC   {accession}\n#=GF ID   {name}\n#=GF DE   \xe9\n\n"
            f"AB{number}.1/1-8      ACG-UCGU\nAB{number}.1/20-28    AC.AUCGU\n#=GC SS_cons    <<<..>>>\n//\n"
        )
        cells = [accession, name, "1302", "a tab \\\t and a \\\nline end", *["x"] * 14, "Gene; rRNA;", "Published"]
        table += "\t".join(cells) + "\n"
        fasta = f">AB{number}.1/1-8  Some species\nACGTACGTAC\nGTACGTAC\n>AC{number}.2/9-1\nACGGGGTACGTACGT\n"
        files[f"fasta_files/{accession}.fa.gz"] = gzip.compress(fasta.encode(), mtime=0)
    files[SEED] = gzip.compress(seed.encode("latin-1"), mtime=0)
    files["Rfam.clanin"] = b"CL00001\ttRNA\tU3\n"
    files["database_files/family.txt.gz"] = gzip.compress(table.encode("latin-1"), mtime=0)
    return files


class Server:
    """Serves files under /Rfam/15.1/ and does what `faults` says, once for each entry."""

    def __init__(self) -> None:
        self.files = release()
        self.faults: dict[str, list[str]] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.ranges = True
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *args: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/Rfam"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        name = request.path.removeprefix("/Rfam/15.1/")
        wanted = request.headers.get("Range")
        self.asked.append((name, wanted))
        content = self.files.get(name)
        fault = self.faults[name].pop(0) if self.faults.get(name) else None
        if content is None or fault in ("404", "503"):
            request.send_error(404 if content is None else int(fault or 0))
            return
        start = 0
        if wanted is not None and self.ranges:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                request.send_error(416)
                return
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(content) - start))
        request.end_headers()
        request.wfile.write(content[start : len(content) // 2] if fault == "cut" else content[start:])
        request.close_connection = True

    def count(self, name: str) -> int:
        return sum(asked == name for asked, _ in self.asked)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause between attempts."""
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


def fetch(server: Server, out: Path, **options: Any) -> int:
    return fetch_release("15.1", out, base_url=server.url, **{"retries": 3, **options})


def test_a_release_becomes_the_directory_that_is_read(server: Server, tmp_path: Path) -> None:
    assert fetch(server, tmp_path / "r") == 3
    families = read_families(tmp_path / "r")
    assert [(f.accession, f.name, f.type, f.clan) for f in families] == [
        ("RF00001", "5S_rRNA", "Gene; rRNA;", ""),
        ("RF00002", "tRNA", "Gene; rRNA;", "CL00001"),
        ("RF00003", "U3", "Gene; rRNA;", "CL00001"),
    ]
    seeds = read_seed(tmp_path / "r")
    assert [s.accession for s in seeds] == ["RF00001", "RF00002", "RF00003"]
    assert seeds[0].rows[1] == ("AB1.1/20-28", "AC-AUCGU")
    assert seeds[0].structure == "<<<..>>>"
    assert read_members(tmp_path / "r")[2] == ("AB2.1/1-8", "RF00002", "ACGUACGUACGUACGUAC")
    assert read_clans(tmp_path / "r") == {"RF00002": "CL00001", "RF00003": "CL00001"}
    sums = json.loads((tmp_path / "r" / "checksums.json").read_text())
    assert sums == {n: hashlib.sha256(c).hexdigest() for n, c in server.files.items()}


def test_the_same_release_gives_the_same_bytes_and_is_fetched_once(server: Server, tmp_path: Path) -> None:
    fetch(server, tmp_path / "one")
    fetch(server, tmp_path / "two")
    for name in ("families.tsv", "seed.sto.gz", "members.fa.gz", "checksums.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    before = server.count(SEED), server.count(MEMBER)
    fetch(server, tmp_path / "one")
    assert (server.count(SEED), server.count(MEMBER)) == before


def test_a_transfer_that_breaks_off_is_continued(server: Server, tmp_path: Path) -> None:
    letters = np.frombuffer(b"ACGU", dtype=np.uint8)[np.random.default_rng(0).integers(0, 4, 1_000_000)]
    server.files[MEMBER] = gzip.compress(b">AB2.1/1-8\n" + letters.tobytes() + b"\n", mtime=0)
    server.faults = {MEMBER: ["cut", "cut"]}
    fetch(server, tmp_path / "r")
    first, *rest = (r for n, r in server.asked if n == MEMBER)
    assert first is None
    # from what had come, all but the end of it
    half = len(server.files[MEMBER]) // 2
    starts = [int(str(r).removeprefix("bytes=").removesuffix("-")) for r in rest]
    assert [0 <= half - start < 1 << 14 for start in starts] == [True, True]
    assert (tmp_path / "r" / "release" / MEMBER).read_bytes() == server.files[MEMBER]


def test_the_part_that_a_killed_run_left_is_continued(server: Server, tmp_path: Path) -> None:
    part = tmp_path / "r" / "release" / f"{MEMBER}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(server.files[MEMBER][:40])
    fetch(server, tmp_path / "r")
    assert [r for n, r in server.asked if n == MEMBER] == ["bytes=40-"]
    assert (part.parent / "RF00002.fa.gz").read_bytes() == server.files[MEMBER]
    assert not part.exists()


def test_a_server_without_ranges_sends_it_again(server: Server, tmp_path: Path) -> None:
    server.ranges = False
    server.faults = {SEED: ["cut", "503"]}
    assert fetch(server, tmp_path / "r") == 3
    assert (tmp_path / "r" / "release" / SEED).read_bytes() == server.files[SEED]


def test_a_file_that_stays_truncated_is_an_error_and_a_later_run_goes_on(server: Server, tmp_path: Path) -> None:
    whole = server.files[MEMBER]
    # cut on the server itself: its length is right, its content is not
    server.files[MEMBER] = whole[:-7]
    with pytest.raises(InputError, match=r"RF00002\.fa\.gz: is truncated or damaged .* after 3 attempts"):
        fetch(server, tmp_path / "r")
    assert not (tmp_path / "r" / "members.fa.gz").exists()
    server.files[MEMBER] = whole
    assert fetch(server, tmp_path / "r") == 3
    assert server.count(SEED) == 1


def test_a_broken_connection_is_an_error(server: Server, tmp_path: Path) -> None:
    server.faults = {SEED: ["cut"] * 9}
    server.ranges = False
    with pytest.raises(InputError, match=r"truncated \(\d+ of \d+ bytes\) after 3 attempts"):
        fetch(server, tmp_path / "r")


@pytest.mark.parametrize("name", [SEED, MEMBER, "Rfam.clanin"])
def test_what_the_server_does_not_have_is_named(name: str, server: Server, tmp_path: Path) -> None:
    del server.files[name]
    with pytest.raises(InputError, match=f"{name}: the server does not have it") as caught:
        fetch(server, tmp_path / "r")
    assert "--release" in str(caught.value)
    # no use to ask again
    assert server.count(name) == 1


def test_no_server_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be reached"):
        fetch_release("15.1", tmp_path / "r", base_url="http://127.0.0.1:9/Rfam", retries=2)


def test_a_local_file_that_changed_is_fetched_again(server: Server, tmp_path: Path) -> None:
    fetch(server, tmp_path / "r")
    (tmp_path / "r" / "release" / SEED).write_bytes(b"something else")
    fetch(server, tmp_path / "r")
    assert (tmp_path / "r" / "release" / SEED).read_bytes() == server.files[SEED]


def test_stated_checksums_are_checked(server: Server, tmp_path: Path) -> None:
    sums = {n: hashlib.md5(c, usedforsecurity=False).hexdigest() for n, c in server.files.items()}
    server.files["md5sum.txt"] = "".join(f"{s}  ./{n}\n" for n, s in sums.items()).encode()
    assert fetch(server, tmp_path / "a") == 3
    server.files[MEMBER] = gzip.compress(b">X\nACGU\n")
    with pytest.raises(InputError, match="MD5"):
        fetch(server, tmp_path / "b")


@pytest.mark.parametrize("bad", ["latest", "15", "../14.1", "15.1/x"])
def test_what_is_no_release_is_refused(bad: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no Rfam release"):
        fetch_release(bad, tmp_path / "r")


def test_the_command_fetches_and_tells_errors(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["train", "fetch", "--base-url", server.url, "--quiet"]
    assert run([*common, "--release", "15.1", "--families", "2", "--out", str(tmp_path / "r")]) == 0
    assert [f.accession for f in read_families(tmp_path / "r")] == ["RF00001", "RF00002"]
    assert run([*common, "--release", "15.2", "--out", str(tmp_path / "s")]) == 1
    assert "error: " in capsys.readouterr().err
