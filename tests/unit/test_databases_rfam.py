"""The download against a local server with the layout of the EBI's, which can cut, refuse and change files."""

from __future__ import annotations

import gzip
import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rhoma.cli import run
from rhoma.databases.rfam import fetch_release
from rhoma.errors import InputError
from rhoma.rfam import read_clans, read_families, read_members, read_seed

from .http_server import Server, rfam_release, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("impatient")

SEED = "Rfam.seed.gz"
MEMBER = "fasta_files/RF00002.fa.gz"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving("Rfam/15.1", rfam_release()) as made:
        yield made


def fetch(server: Server, out: Path, **options: Any) -> int:
    return fetch_release("15.1", out, base_url=f"{server.url}/Rfam", **{"retries": 3, **options})


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
    record = json.loads((tmp_path / "r" / "checksums.json").read_text())
    assert record["release"] == "Rfam 15.1"
    assert {n: f["sha256"] for n, f in record["files"].items()} == {
        n: hashlib.sha256(c).hexdigest() for n, c in server.files.items()
    }


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
    first, *rest = server.ranges_of(MEMBER)
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
    assert server.ranges_of(MEMBER) == ["bytes=40-"]
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
    common = ["train", "fetch", "--base-url", f"{server.url}/Rfam", "--quiet"]
    assert run([*common, "--release", "15.1", "--families", "2", "--out", str(tmp_path / "r")]) == 0
    assert [f.accession for f in read_families(tmp_path / "r")] == ["RF00001", "RF00002"]
    assert run([*common, "--release", "15.2", "--out", str(tmp_path / "s")]) == 1
    assert "error: " in capsys.readouterr().err


def test_a_directory_of_another_release_is_refused(server: Server, tmp_path: Path) -> None:
    fetch(server, tmp_path / "r")
    with pytest.raises(InputError, match=r"is of Rfam 15\.1, not of Rfam 15\.0"):
        fetch_release("15.0", tmp_path / "r", base_url=f"{server.url}/Rfam")


def test_a_release_that_does_not_exist_leaves_the_directory_to_others(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not have it"):
        fetch_release("15.0", tmp_path / "r", base_url=f"{server.url}/Rfam")
    assert fetch(server, tmp_path / "r") == 3


def test_what_is_no_list_of_clans_is_refused(server: Server, tmp_path: Path) -> None:
    server.files["Rfam.clanin"] = b"CL00001\ttRNA\n\n<html>Not here</html>\n"
    with pytest.raises(InputError, match=r"Rfam\.clanin: record number 3: a line does not begin with a clan"):
        fetch(server, tmp_path / "r")
