from __future__ import annotations

import json
import math
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from rhoma.alignment import Alignment, ungapped
from rhoma.errors import InputError, ToolError
from rhoma.hits import Hit
from rhoma.index.build import build_index
from rhoma.io.failed import read_failed
from rhoma.io.fasta import write_fasta
from rhoma.io.hits import write_hits_tsv
from rhoma.io.stockholm import format_stockholm, read_stockholm
from rhoma.msa import build as module
from rhoma.msa.align import AlignConfig, align_batch, prepare_mafft
from rhoma.msa.build import Built, build
from rhoma.msa.quality import read_quality
from rhoma.sequences import Record, reverse_complement, safe_name
from rhoma.store import write_store

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.tool("cmbuild", "cmalign")

FAMILY = {
    "a": "ACGCGCUCGAAAGAGCGCAUGAUC",
    "b": "ACGGACACGAAAGUGUCCAGAUC",
    "c": "ACGGGUUCGAAGAACCCAGAUC",
}
ALIGNED = {
    "a": "ACGCGCUCGAAAGAGCGCAUGAUC",
    "b": "ACGGACACGAAAGUGUCCA-GAUC",
    "c": "ACGGGUUCG-AAGAACCCA-GAUC",
}
QUERY, QUERY_ROW = "ACGGGCUCGAAAGAGCCCAGAUC", "ACGGGCUCGAAAGAGCCCA-GAUC"
NASTY = """../x;$(touch${IFS}hacked)`id`'|"&"""
FILES = ["af3.json", "covariation.tsv", "homologs.fasta", "model.cm", "msa.a3m", "msa.aln", "msa.sto", "structure.svg"]


def hit(query: str, target: str, length: int, evalue: float, source: str = "profile") -> Hit:
    return Hit(
        query,
        target,
        "+",
        1,
        23,
        1,
        length,
        23,
        0.8,
        math.nan,
        -math.log10(evalue),
        30.0,
        evalue,
        source,
        "F",
    )


def make_search(directory: Path, names: dict[str, list[str]]) -> tuple[Path, Path]:
    """Writes a search's output for queries of one sequence with these homologs, and their FASTA."""
    search, fasta = directory / "search", directory / "queries.fasta"
    (search / "alignments").mkdir(parents=True)
    write_fasta(fasta, [Record(name, "", QUERY) for name in names])
    hits = []
    for name, targets in names.items():
        rows = [(name, QUERY_ROW), *((f"{t}/1-{len(FAMILY[t])}", ALIGNED[t]) for t in targets)]
        aligned = Alignment(tuple(n for n, _ in rows), tuple(r for _, r in rows))
        (search / "alignments" / f"{safe_name(name)}.sto").write_text(format_stockholm(aligned))
        hits += [hit(name, t, len(FAMILY[t]), 10.0 ** -(9 - i)) for i, t in enumerate(targets)]
    write_hits_tsv(search / "hits.tsv", hits)
    return search, fasta


def test_every_query_gets_every_file(tmp_path) -> None:
    search, fasta = make_search(tmp_path, {"full": ["a", "b", "c"], "one": ["b"], "none": [], NASTY: ["a", "c"]})
    seen = []
    rows = align_batch(
        search, fasta, tmp_path / "msa", AlignConfig(aligner="cm"), progress=lambda *now: seen.append(now)
    )
    assert [row.query for row in rows] == ["full", "one", "none", NASTY]
    assert [row.homologs for row in rows] == [3, 1, 0, 2]
    assert [row.method for row in rows] == ["cm", "cm", "single", "cm"]
    assert [row.hits for row in rows] == [3, 1, 0, 2]
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    expected = sorted([safe_name(row.query) for row in rows] + ["failed.tsv", "msa.tsv"])
    assert sorted(path.name for path in (tmp_path / "msa").iterdir()) == expected
    for row in rows:
        assert sorted(p.name for p in (tmp_path / "msa" / safe_name(row.query)).iterdir()) == FILES
    assert [row.query for row in read_quality(tmp_path / "msa" / "msa.tsv")] == [row.query for row in rows]
    assert not list(tmp_path.rglob("hacked"))


def test_the_alignment_of_a_query(tmp_path) -> None:
    search, fasta = make_search(tmp_path, {"q": ["a", "b", "c"]})
    (row,) = align_batch(search, fasta, tmp_path / "msa", AlignConfig())
    out = tmp_path / "msa" / "q"
    alignment = read_stockholm(out / "msa.sto")
    assert alignment.names == ("q", "a/1-24", "b/1-23", "c/1-22")
    assert [ungapped(r) for r in alignment.rows] == [QUERY, *FAMILY.values()]
    assert row.pairs == 6
    assert row.covarying >= 2
    text = (out / "msa.sto").read_text()
    assert "#=GS a/1-24 EV 1.00e-09\n" in text
    assert "#=GS a/1-24 DE F\n" in text
    assert (out / "msa.a3m").read_text().split("\n")[:2] == [">q", QUERY]
    assert json.loads((out / "af3.json").read_text())["sequences"][0]["rna"]["sequence"] == QUERY
    assert (out / "homologs.fasta").read_text().count(">") == 3
    # the written alignment is one that Infernal builds from
    subprocess.run(["cmbuild", "-F", tmp_path / "again.cm", out / "msa.sto"], check=True, capture_output=True)


def test_a_query_without_homologs_is_folded_alone(tmp_path) -> None:
    search, fasta = make_search(tmp_path, {"q": []})
    align_batch(search, fasta, tmp_path / "msa", AlignConfig())
    alignment = read_stockholm(tmp_path / "msa" / "q" / "msa.sto")
    assert alignment.rows == (QUERY,)
    assert alignment.ss_cons == "..((((((....))))))....."
    assert (tmp_path / "msa" / "q" / "homologs.fasta").read_text() == ""


def test_the_same_input_gives_the_same_bytes_for_any_threads(tmp_path) -> None:
    search, fasta = make_search(tmp_path, {"p": ["a", "b"], "q": ["c"], "r": []})
    for threads in (1, 3):
        align_batch(search, fasta, tmp_path / f"msa{threads}", AlignConfig(threads=threads))
    files = sorted(p.relative_to(tmp_path / "msa1") for p in (tmp_path / "msa1").rglob("*") if p.is_file())
    assert len(files) == 26
    for file in files:
        assert (tmp_path / "msa1" / file).read_bytes() == (tmp_path / "msa3" / file).read_bytes()


def test_thresholds_reach_the_choice(tmp_path) -> None:
    search, fasta = make_search(tmp_path, {"q": ["a", "b", "c"]})
    (row,) = align_batch(search, fasta, tmp_path / "m", AlignConfig(evalue=3e-8, max_homologs=1))
    assert (row.homologs, row.hits) == (1, 2)


def test_a_second_round_keeps_the_letters(tmp_path) -> None:
    search, fasta = make_search(tmp_path, {"q": ["a", "b", "c"]})
    align_batch(search, fasta, tmp_path / "m", AlignConfig(rounds=2))
    rows = read_stockholm(tmp_path / "m" / "q" / "msa.sto").rows
    assert [ungapped(row) for row in rows] == [QUERY, *FAMILY.values()]


def test_where_cmalign_cannot_the_searchs_alignment_stays(tmp_path, monkeypatch) -> None:
    def fail(*args: object, **more: object) -> None:
        raise ToolError("cmalign", "needs a larger matrix")

    monkeypatch.setattr("rhoma.infernal.align", fail)
    search, fasta = make_search(tmp_path, {"q": ["a", "b", "c"]})
    (row,) = align_batch(search, fasta, tmp_path / "m", AlignConfig(aligner="cm"))
    assert row.method == "profile"
    assert "cmalign: needs a larger matrix" in row.reason
    alignment = read_stockholm(tmp_path / "m" / "q" / "msa.sto")
    assert alignment.rows == (QUERY_ROW, *ALIGNED.values())
    assert "(" in alignment.ss_cons


def test_what_nobody_thought_of_costs_one_query(tmp_path, monkeypatch) -> None:
    def choose(start: Alignment, config: AlignConfig) -> Built:
        if start.names[0] == "bad":
            raise ValueError("no such luck")
        return build(start, config, name="q")

    monkeypatch.setattr("rhoma.msa.align.build", lambda start, config, **_: choose(start, config))
    search, fasta = make_search(tmp_path, {"bad": ["a", "b"], "good": ["a", "b"]})
    assert [row.query for row in align_batch(search, fasta, tmp_path / "m", AlignConfig())] == ["good"]
    assert read_failed(tmp_path / "m" / "failed.tsv") == [("bad", "could not be aligned: ValueError: no such luck")]
    assert not (tmp_path / "m" / "bad").exists()


def test_long_queries_keep_the_searchs_alignment(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(module, "LONG", 20)
    search, fasta = make_search(tmp_path, {"q": ["a", "b"]})
    (row,) = align_batch(search, fasta, tmp_path / "m", AlignConfig())
    assert row.method == "profile"
    assert "longer than 20 nt" in row.reason
    assert (tmp_path / "m" / "q" / "model.cm").is_file()
    monkeypatch.setattr(module, "LONGEST_MODEL", 20)
    align_batch(search, fasta, tmp_path / "m", AlignConfig())
    assert sorted(p.name for p in (tmp_path / "m" / "q").iterdir()) == [f for f in FILES if f != "model.cm"]


def test_a_missing_alignment_is_an_error_and_leaves_nothing(tmp_path) -> None:
    search, fasta = make_search(tmp_path, {"q": ["a"]})
    (search / "alignments" / "q.sto").unlink()
    with pytest.raises(InputError, match=r"q\.sto: no such file, but query 'q' has 1 aligned hits"):
        align_batch(search, fasta, tmp_path / "m", AlignConfig())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["queries.fasta", "search"]


def test_another_fasta_is_refused(tmp_path) -> None:
    search, fasta = make_search(tmp_path, {"q": ["a"]})
    write_fasta(fasta, [Record("q", "", "G" + QUERY[::-1])])
    with pytest.raises(InputError, match="record 'q'.*give the FASTA file that was searched with"):
        align_batch(search, fasta, tmp_path / "m", AlignConfig())


def test_somebody_elses_directory_is_left_alone(tmp_path) -> None:
    search, fasta = make_search(tmp_path, {"q": []})
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="exists and is no artefact"):
        align_batch(search, fasta, tmp_path / "m", AlignConfig())
    assert (tmp_path / "m" / "thesis.txt").read_text() == "mine"


def test_an_index_makes_homologs_whole(tmp_path, toy_embedder) -> None:
    target = "GGUU" + FAMILY["b"] + "CCAA"
    database = [Record("b", "", reverse_complement(target)), Record("x", "", "ACGUUGCAAC" * 4)]
    store = write_store(tmp_path / "store", database, toy_embedder, strands="+")
    build_index(database, store, tmp_path / "index", mmseqs=False)
    search, fasta = make_search(tmp_path, {"q": []})
    # the inner part of b: positions 8 to 20 of its 23, which lie on the minus strand of the target
    size, low, high = len(target), 12, 24
    name = f"b/{size - low + 1}-{size - high + 1}"
    row = "-" * 7 + FAMILY["b"][7:20] + "-" * 3
    aligned = Alignment(("q", name), (QUERY, row))
    (search / "alignments" / "q.sto").write_text(format_stockholm(aligned))
    found = replace(hit("q", "b", 1, 1e-9), strand="-", tstart=size - high + 1, tend=size - low + 1)
    write_hits_tsv(search / "hits.tsv", [found])
    align_batch(search, fasta, tmp_path / "short", AlignConfig())
    align_batch(search, fasta, tmp_path / "whole", AlignConfig(), index=tmp_path / "index")
    for out, letters in (("short", FAMILY["b"][7:20]), ("whole", FAMILY["b"])):
        rows = read_stockholm(tmp_path / out / "q" / "msa.sto").rows
        assert ungapped(rows[1]) == letters
    names = read_stockholm(tmp_path / "whole" / "q" / "msa.sto").names
    assert names == ("q", f"b/{size - 4}-{size - 26}")


@pytest.mark.tool("mafft")
def test_mafft_here_and_mafft_elsewhere_agree(tmp_path) -> None:
    search, fasta = make_search(tmp_path, {"q": ["a", "b", "c"], "none": []})
    config = AlignConfig(aligner="linsi")
    rows = align_batch(search, fasta, tmp_path / "here", config)
    assert [row.method for row in rows] == ["linsi+cm", "single"]
    assert prepare_mafft(search, fasta, tmp_path / "in", config) == 1
    assert [p.name for p in (tmp_path / "in").iterdir()] == ["q.fasta"]
    (tmp_path / "afa").mkdir()
    command = [
        "mafft",
        "--nuc",
        "--localpair",
        "--maxiterate",
        "1000",
        "--quiet",
        tmp_path / "in" / "q.fasta",
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    (tmp_path / "afa" / "q.afa").write_text(done.stdout)
    align_batch(search, fasta, tmp_path / "there", config, mafft=tmp_path / "afa")
    for name in FILES:
        here, there = (tmp_path / where / "q" / name for where in ("here", "there"))
        assert here.read_bytes() == there.read_bytes()


def test_a_missing_mafft_alignment_is_named(tmp_path) -> None:
    search, fasta = make_search(tmp_path, {"q": ["a"]})
    with pytest.raises(InputError, match=r"q\.afa: record 'q': no such file.*align --prepare"):
        align_batch(search, fasta, tmp_path / "m", AlignConfig(aligner="linsi"), mafft=tmp_path)


def test_xinsi_is_refused_before_any_work(tmp_path, monkeypatch) -> None:
    def missing() -> str:
        raise ToolError("mafft-xinsi", "its program mxscarnamod is not installed")

    monkeypatch.setattr("rhoma.msa.aligners.require_xinsi", missing)
    search, fasta = make_search(tmp_path, {"q": ["a"]})
    with pytest.raises(ToolError, match="mxscarnamod"):
        align_batch(search, fasta, tmp_path / "m", AlignConfig(aligner="xinsi"))
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("change", [{"evalue": 0.0}, {"max_homologs": 0}, {"max_identity": 1.5}, {"colour": 1}])
def test_settings_are_checked(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AlignConfig(**change)  # type: ignore[arg-type]
