"""``rhoma download`` as a user runs it, from a server to a database that is searched."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rhoma.cli import run
from rhoma.io.fasta import read_fasta, write_fasta
from rhoma.io.hits import read_hits_tsv, read_labels

from .http_server import rfam_release, serving

if TYPE_CHECKING:
    from .http_server import Server

pytestmark = pytest.mark.usefixtures("impatient")

DEMO = Path(__file__).parents[2] / "assets" / "demo"
FASTA = "sequences/rnacentral_active.fasta.gz"


def rhoma(*arguments: str | Path) -> int:
    return run([str(argument) for argument in arguments])


def rfam(server: Server, out: Path, *more: str) -> int:
    return rhoma("download", "rfam", "--release", "15.1", "--mirror", f"{server.url}/Rfam/", "--out", out, *more)


def checked_by_sha256sum(out: Path) -> list[str]:
    """Returns the names that the files beside the files state, after sha256sum has agreed with all of them."""
    stated = sorted(path.name for path in out.glob("*.sha256"))
    subprocess.run(["sha256sum", "--check", "--quiet", *stated], cwd=out, check=True)
    return [name.removesuffix(".sha256") for name in stated]


def test_rfam_with_models_and_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = rfam_release()
    files["Rfam.cm.gz"] = gzip.compress(b"INFERNAL1/a\n", mtime=0)
    # a sequence in two families
    files["fasta_files/RF00003.fa.gz"] += gzip.compress(b">AB2.1/1-8\nACGTACGTACGTACGTAC\n", mtime=0)
    out = tmp_path / "rfam"
    with serving("Rfam/15.1", files) as server:
        assert rfam(server, out) == 0
        told = capsys.readouterr()
        before = len(server.asked)
        assert rfam(server, out, "--quiet") == 0
        # nothing again, but for the question after lists of checksums
        assert len(server.asked) == before + 3
    assert "3 families" in told.err
    index, pipeline, search = told.out.splitlines()
    assert index == f"rhoma index build --fasta {out}/members.fa.gz --out index"
    assert pipeline == f"nextflow run main.nf --workflow index --database {out}/members.fa.gz --outdir db"
    given = dict(zip(*[iter(search.split()[3:])] * 2, strict=True))
    assert all(Path(given[option]).is_file() for option in ("--labels", "--rfam_cm", "--rfam_clanin"))
    assert read_labels(out / "labels.tsv") == {
        **dict.fromkeys(("AB1.1/1-8", "AC1.2/9-1"), ("5S_rRNA", "")),
        **dict.fromkeys(("AB2.1/1-8", "AC2.2/9-1"), ("tRNA", "CL00001")),
        **dict.fromkeys(("AB3.1/1-8", "AC3.2/9-1"), ("U3", "CL00001")),
    }
    assert (out / "Rfam.cm.gz").read_bytes() == files["Rfam.cm.gz"]
    assert checked_by_sha256sum(out) == sorted(
        ["Rfam.clanin", "Rfam.cm.gz", "families.tsv", "labels.tsv", "members.fa.gz", "seed.sto.gz"]
    )
    assert rhoma("download", "rfam", "--out", out, "--check") == 0
    assert f"{len(files) + 4} files are as they were recorded" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["labels.tsv", "Rfam.cm.gz", "release/fasta_files/RF00002.fa.gz"])
def test_checking_names_a_file_that_has_changed(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = rfam_release() | {"Rfam.cm.gz": gzip.compress(b"INFERNAL1/a\n", mtime=0)}
    with serving("Rfam/15.1", files) as server:
        assert rfam(server, tmp_path, "--quiet") == 0
        content = bytearray((tmp_path / name).read_bytes())
        content[-1] ^= 1
        (tmp_path / name).write_bytes(content)
        assert rhoma("download", "rfam", "--out", tmp_path, "--check") == 1
        assert Path(name).name in capsys.readouterr().err
        # and the same command again mends it
        assert rfam(server, tmp_path, "--quiet") == 0
    assert rhoma("download", "rfam", "--out", tmp_path, "--check") == 0


def test_a_release_without_models_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving("Rfam/15.1", rfam_release()) as server:
        assert rfam(server, tmp_path) == 1
    assert "Rfam.cm.gz: the server does not have it (status 404)" in capsys.readouterr().err


@pytest.mark.parametrize("release", ["26", "26.0"])
def test_rnacentral_is_downloaded_indexed_and_searched(
    release: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The printed command makes the index; a transfer that is cut is continued on the way."""
    records, _ = read_fasta(DEMO / "database.fasta")
    queries, _ = read_fasta(DEMO / "queries.fasta")
    query = next(one for one in queries if one.id.startswith("U1"))
    labels = read_labels(DEMO / "labels.tsv")
    some = [r for r in records if labels.get(r.id, ("", ""))[0] == "U1"][:8] + records[:20]
    monkeypatch.chdir(tmp_path)
    write_fasta(Path("few.fa"), {r.id: r for r in some}.values())
    write_fasta(Path("query.fa"), [query])
    content = gzip.compress(Path("few.fa").read_bytes(), mtime=0)
    with serving("RNAcentral/releases/26.0", {FASTA: content}) as server:
        server.etags[FASTA] = '"26"'
        server.faults = {FASTA: ["cut"]}
        mirror = f"{server.url}/RNAcentral"
        assert rhoma("download", "rnacentral", "--release", release, "--mirror", mirror, "--out", "db", "-q") == 0
        assert len(server.ranges_of(FASTA)) == 2
    assert checked_by_sha256sum(Path("db")) == ["rnacentral_active.fasta.gz"]
    assert Path("db/rnacentral_active.fasta.gz").read_bytes() == content
    command = capsys.readouterr().out.splitlines()[0].split()
    assert command[0] == "rhoma"
    assert rhoma(*command[1:], "--no-mmseqs", "--quiet") == 0
    assert rhoma("search", "query.fa", "index", "-o", "results", "--no-align", "--effort", "fast", "--quiet") == 0
    found = [labels[hit.target][0] for hit in read_hits_tsv(Path("results/hits.tsv")) if hit.evalue < 1e-3]
    assert found
    assert set(found) == {"U1"}
    digest = hashlib.sha256(content).hexdigest()
    assert digest in Path("db/checksums.json").read_text()


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (("rfam",), 2, "--release"),
        (("rnacentral",), 2, "--release"),
        (("rnacentral", "--release", "latest"), 1, "no RNAcentral release"),
        (("rfam", "--release", "15"), 1, "no Rfam release"),
        (("rfam", "--check"), 1, "has no checksums.json"),
        (("silva",), 2, "silva"),
    ],
)
def test_what_is_not_asked_rightly(
    arguments: tuple[str, ...], status: int, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rhoma("download", *arguments, "--out", tmp_path / "x") == status
    captured = capsys.readouterr()
    assert told in captured.err
    assert captured.out == ""


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("rfam", "rnacentral"):
        assert rhoma("download", name, "--help") == 0
        assert f"rhoma download {name} --release" in capsys.readouterr().out
