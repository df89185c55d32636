"""Known families by the models that Infernal's own test suite brings, as Debian installs it."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rhoma import infernal
from rhoma.cli import run
from rhoma.errors import InputError, ToolError
from rhoma.hits import Hit
from rhoma.index.build import build_index
from rhoma.io.families import UNKNOWN, FamilyCall, read_families, write_families
from rhoma.io.fasta import read_fasta, write_fasta
from rhoma.io.hits import read_hits_tsv, write_hits_tsv
from rhoma.io.tblout import write_tblout
from rhoma.search.families import call_families, region_of
from rhoma.sequences import Record, reverse_complement
from rhoma.store import write_store

if TYPE_CHECKING:
    from collections.abc import Sequence

SUITE = Path("/usr/share/doc/infernal/examples/testsuite")
# tRNA (clan CL00001 with tRNA-Sec), Vault, snR75, Plant_SRP, tRNA-Sec
MODELS, CLANS = SUITE / "5.c.cm", SUITE / "5.claninfo"
DEMO = Path(__file__).resolve().parents[2] / "assets" / "demo"
TRNA = {record.id: record.sequence for record in read_fasta(DEMO / "queries.fasta")[0]}["tRNA_X63088"]
LEFT, RIGHT = "ACGGUACC" * 5, "GGUCA" * 7
OTHER = "GGCAUUACGGAUCAUGCAAGUCUAGGCAUUCCGAGUACGAUCAG"

pytestmark = [
    pytest.mark.tool("cmscan", "cmpress"),
    pytest.mark.skipif(not MODELS.is_file(), reason=f"{MODELS} is missing: it comes with Debian's infernal"),
]


@pytest.fixture(scope="module")
def pressed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("pressed")
    infernal.press(MODELS, place)
    return place


def hit(target: str, tstart: int, tend: int, strand: str, query: str = "q", **more: Any) -> Hit:
    return Hit(query, target, strand, 6, 70, tstart, tend, 65, 0.9, 0.5, 9.0, 50.0, 1e-9, "profile", **more)


def test_a_scan_names_family_accession_clan_and_place(pressed: Path) -> None:
    sequences = [("#x y", LEFT + reverse_complement(TRNA) + RIGHT), ("t", TRNA), ("none", OTHER)]
    matches = infernal.scan(pressed, sequences, clans=CLANS)
    assert [(m.name, m.family, m.accession, m.clan, m.strand, m.start, m.end) for m in matches] == [
        ("#x y", "tRNA", "RF00005", "CL00001", "-", len(LEFT), len(LEFT) + len(TRNA)),
        ("t", "tRNA", "RF00005", "CL00001", "+", 0, len(TRNA)),
    ]
    assert all(m.bits > 24.0 for m in matches)  # the model's gathering threshold
    assert {m.clan for m in infernal.scan(pressed, sequences)} == {""}
    assert infernal.scan(pressed, []) == []


def test_models_may_be_packed_and_must_have_thresholds(tmp_path: Path) -> None:
    (tmp_path / "a b.cm.gz").write_bytes(gzip.compress(MODELS.read_bytes()))
    (tmp_path / "1").mkdir()
    infernal.press(tmp_path / "a b.cm.gz", tmp_path / "1")
    assert infernal.scan(tmp_path / "1", [("t", TRNA)])[0].family == "tRNA"
    bare = "".join(line for line in MODELS.read_text().splitlines(True) if not line.startswith("GA "))
    (tmp_path / "bare.cm").write_text(bare)
    (tmp_path / "2").mkdir()
    with pytest.raises(InputError, match=r"bare\.cm: its models have no gathering thresholds"):
        infernal.press(tmp_path / "bare.cm", tmp_path / "2")
    (tmp_path / "junk.cm").write_text("GA  1\nnothing\n")
    (tmp_path / "3").mkdir()
    with pytest.raises(ToolError, match="cmpress"):
        infernal.press(tmp_path / "junk.cm", tmp_path / "3")
    with pytest.raises(InputError, match="no such file"):
        infernal.press(tmp_path / "gone.cm", tmp_path / "3")


def test_regions_hold_the_whole_homolog() -> None:
    assert region_of(hit("t", 101, 165, "+"), 73) == (100 - 5 - 10, 165 + 3 + 10)
    assert region_of(hit("t", 101, 165, "-"), 73) == (100 - 3 - 10, 165 + 5 + 10)
    assert region_of(hit("t", 4, 60, "+"), 73)[0] == 0


def calls_of(pressed: Path, targets: dict[str, str], hits: Sequence[Hit], **more: Any) -> Any:
    def fetch(target: str, start: int, end: int) -> str:
        return targets.get(target, "")[start:end]

    return call_families([Record("q", "", TRNA)], hits, fetch, pressed, clans=CLANS, **more)


def test_hits_are_called_on_their_own_strand_and_place(pressed: Path) -> None:
    start, end = len(LEFT) + 1, len(LEFT) + len(TRNA)
    targets = {"plus": LEFT + TRNA + RIGHT, "minus": LEFT + reverse_complement(TRNA) + RIGHT, "other": OTHER * 4}
    hits = [
        hit("plus", start + 5, end - 3, "+"),
        hit("minus", start + 3, end - 5, "-"),
        hit("other", 20, 84, "+"),
        hit("gone", 20, 84, "+"),
        # a match of the other strand is none of this hit
        hit("plus", start + 5, end - 3, "-"),
    ]
    calls, named = calls_of(pressed, targets, hits)
    found = [(call.target, call.family, call.strand, call.start, call.end) for call in calls]
    assert found == [
        ("", "tRNA", "+", 1, len(TRNA)),
        ("plus", "tRNA", "+", start, end),
        ("minus", "tRNA", "-", start, end),
        ("other", "", "", 0, 0),
        ("gone", "", "", 0, 0),
        ("plus", "", "", 0, 0),
    ]
    assert [(one.family, one.clan) for one in named] == [("tRNA", "CL00001")] * 2 + [("", "")] * 3
    assert calls[0].verdict == "tRNA, RF00005, clan CL00001, above the gathering cut-off"
    assert calls[3].verdict == UNKNOWN


def test_labels_stay_and_only_the_best_hits_are_asked_about(pressed: Path) -> None:
    targets = dict.fromkeys("abc", TRNA)
    hits = [hit("a", 6, 70, "+", family="mine", clan=""), hit("b", 6, 70, "+"), hit("c", 6, 70, "+")]
    calls, named = calls_of(pressed, targets, hits, most=2)
    assert [call.target for call in calls] == ["", "a", "b"]
    assert [one.family for one in named] == ["mine", "tRNA", ""]
    assert [call.target for call in calls_of(pressed, targets, hits, evalue=1e-10)[0]] == [""]


def test_the_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    calls = [FamilyCall("q", "", "+", 1, 73, "tRNA", "RF00005", "CL00001", 75.5), FamilyCall("q", "t")]
    write_families(tmp_path / "families.tsv", calls)
    assert read_families(tmp_path / "families.tsv") == calls
    (tmp_path / "x.tsv").write_text("query\n")
    with pytest.raises(InputError, match="is no table of query, target"):
        read_families(tmp_path / "x.tsv")


def test_a_search_is_annotated(tmp_path: Path, toy_embedder: Any) -> None:
    database = [Record("chr", "", LEFT + reverse_complement(TRNA) + RIGHT), Record("other", "", OTHER)]
    store = write_store(tmp_path / "store", database, toy_embedder, strands="+")
    build_index(database, store, tmp_path / "index", mmseqs=False)
    search = tmp_path / "search"
    (search / "alignments").mkdir(parents=True)
    (search / "alignments" / "q.sto").write_text("# STOCKHOLM 1.0\n//\n")
    write_fasta(tmp_path / "q.fa", [Record("q", "", TRNA)])
    start, end = len(LEFT) + 1, len(LEFT) + len(TRNA)
    found = [hit("chr", start + 3, end - 5, "-"), hit("other", 1, 20, "+", family="mine")]
    write_hits_tsv(search / "hits.tsv", found)
    write_tblout(search / "hits.tblout", found, evalue=1e-3)
    assert run(["query", "press", "--cm", str(MODELS), "--out", str(tmp_path / "rfam")]) == 0
    arguments = ["--search", str(search), "--fasta", str(tmp_path / "q.fa"), "--index", str(tmp_path / "index")]
    arguments += ["--models", str(tmp_path / "rfam"), "--clanin", str(CLANS), "-t", "1"]
    for name in ("1", "2"):
        assert run(["query", "annotate", *arguments, "--out", str(tmp_path / name)]) == 0
    out = tmp_path / "1"
    files = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    assert files == ["alignments/q.sto", "families.tsv", "hits.bed", "hits.gff3", "hits.tblout", "hits.tsv"]
    for file in files:
        assert (out / file).read_bytes() == (tmp_path / "2" / file).read_bytes()
    assert [(one.family, one.clan) for one in read_hits_tsv(out / "hits.tsv")] == [("tRNA", "CL00001"), ("mine", "")]
    assert (out / "hits.gff3").read_text().count("Dbxref=RFAM:RF00005;") == 1
    rows = (out / "hits.tblout").read_text().splitlines()[2:]
    assert [row.split()[:2] for row in rows] == [["chr", "RF00005"], ["other", "-"]]
    assert read_hits_tsv(search / "hits.tsv")[0].family == ""
