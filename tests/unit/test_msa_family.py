from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from Bio import AlignIO
from pyhmmer import easel

from rhoma.alignment import ungapped
from rhoma.cli import run
from rhoma.errors import InputError
from rhoma.io.failed import read_failed
from rhoma.io.stockholm import read_stockholm
from rhoma.msa.align import AlignConfig
from rhoma.msa.family import align_families, family_name, read_family
from rhoma.msa.quality import Quality, measure, read_quality

from .af3_rules import check_a3m, check_job

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.tool("cmbuild", "cmalign", "mafft")

QUERY = "ACGGGCUCGAAAGAGCCCAGAUC"
# aligned FASTA, DNA letters, an IUPAC code, a copy of the query
GOOD = f""">q the query
{QUERY}
>a first
ACGCGCUCGAAAGAGCGCAUGAUC
>b
ACGGACACGAAAGTGTCCA-GATC
>c
ACGGGUURGAAGAACCCAGAUC
>copy
{QUERY}
"""
BAD = ">x\nMKVLAAGIVGLLLAQPSF\n"
FILES = ["af3.json", "covariation.tsv", "homologs.fasta", "model.cm", "msa.a3m", "msa.aln", "msa.sto", "structure.svg"]


@pytest.fixture
def fastas(tmp_path: Path) -> dict[str, Path]:
    texts = {"good": GOOD, "bad": BAD, "one": f">q\n{QUERY}\n", "pct_50%": GOOD}
    for name, text in texts.items():
        (tmp_path / f"{name}.fasta").write_text(text)
    return {name: tmp_path / f"{name}.fasta" for name in texts}


def test_one_bad_family_fails_alone(tmp_path: Path, fastas: dict[str, Path], capfd) -> None:
    arguments = [str(path) for path in fastas.values()]
    assert run(["align", *arguments, "-o", str(tmp_path / "out"), "-t", "1"]) == 1
    out = tmp_path / "out"
    tables = ["failed.tsv", "msa.tsv", "report.html"]
    assert sorted(path.name for path in out.iterdir()) == sorted([*tables, "good", "one", "pct_50%25"])
    page = (out / "report.html").read_text()
    assert all((out / unquote(link)).is_file() for link in re.findall(r'href="(\./[^"]+)"', page))
    assert 'href="./good/msa.sto"' in page
    assert "bad.fasta: record" in page
    for name in ("good", "one", "pct_50%25"):
        assert sorted(path.name for path in (out / name).iterdir()) == FILES
    assert [row.query for row in read_quality(out / "msa.tsv")] == ["good", "one", "pct_50%"]
    ((family, reason),) = read_failed(out / "failed.tsv")
    assert family == "bad"
    assert "bad.fasta: record 'x': looks like protein" in reason
    assert "ERROR bad failed" in capfd.readouterr().err
    # the same again is the same, over what is there, and may end well
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert run(["align", *arguments, "-o", str(out), "-t", "2", "--keep-going", "-q"]) == 0
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_what_nobody_thought_of_costs_one_family(tmp_path: Path, fastas: dict[str, Path], monkeypatch) -> None:
    def measured(*arguments: object, query: str, **more: object) -> Quality:
        if query == "good":
            raise ValueError("no such luck")
        return measure(*arguments, query=query, **more)

    monkeypatch.setattr("rhoma.msa.family.measure", measured)
    rows, failed = align_families([(name, fastas[name]) for name in ("good", "one")], tmp_path / "m", AlignConfig())
    assert [row.query for row in rows] == ["one"]
    assert failed == [("good", "ValueError: no such luck")]
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == ["failed.tsv", "msa.tsv", "one"]


@pytest.fixture(scope="module")
def aligned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the family."""
    place = tmp_path_factory.mktemp("family")
    (place / "good.fasta").write_text(GOOD)
    align_families([("50 %", place / "good.fasta")], place / "out", AlignConfig())
    return place / "out" / "50%20%25"


def test_rows_are_the_homologs_and_the_first_sequence_the_query(aligned: Path) -> None:
    alignment = read_stockholm(aligned / "msa.sto")
    assert alignment.names == ("q", "a", "b", "c")  # a copy of the query says nothing new
    assert ungapped(alignment.rows[0]) == QUERY
    assert ungapped(alignment.rows[2]) == "ACGGACACGAAAGUGUCCAGAUC"
    assert (aligned / "homologs.fasta").read_text().startswith(">a first\nACGCGCUCGAAAGAGCGCAUGAUC\n>b\n")


def test_stockholm_is_read_by_easel_and_biopython(aligned: Path) -> None:
    ours = read_stockholm(aligned / "msa.sto")
    with easel.MSAFile(
        str(aligned / "msa.sto"), format="stockholm", digital=True, alphabet=easel.Alphabet.rna()
    ) as file:
        msa = file.read()
    assert tuple(msa.names) == ours.names
    assert msa.name == "50%20%25"
    assert str(msa.secondary_structure).replace(".", "-").count("(") == ours.ss_cons.count("(")
    (record,) = AlignIO.parse(aligned / "msa.sto", "stockholm")
    assert [row.id for row in record] == list(ours.names)
    assert [str(row.seq).upper().replace(".", "-") for row in record] == list(ours.rows)
    assert record.column_annotations["secondary_structure"] == ours.ss_cons
    assert record[0].description == "the query"


def test_the_header_says_what_rfams_curators_ask_and_what_is_true(aligned: Path) -> None:
    lines = (aligned / "msa.sto").read_text().splitlines()
    features = {line.split()[1]: line.split(None, 2)[2] for line in lines if line.startswith("#=GF")}
    assert list(features)[:5] == ["ID", "DE", "SE", "SS", "BM"]
    assert features["SS"] == "Predicted; RNAalifold"
    assert features["BM"] == "cmbuild --hand -F CM SEED"
    assert features["SQ"] == "4"
    # neither thresholds nor calibration: nobody has set or made them
    assert not {"GA", "TC", "NC", "CB", "AU"} & set(features)


@pytest.mark.tool("cmbuild")
def test_the_build_method_makes_the_model(aligned: Path, tmp_path: Path) -> None:
    from rhoma import tools

    tools.run(["cmbuild", "--hand", "-F", str(tmp_path / "CM"), str(aligned / "msa.sto")])

    def parts(path: Path) -> list[str]:
        # without name, date, command line and the checksum of the file's names
        skip = ("NAME", "DATE", "COM", "DESC", "CKSUM")
        return [line for line in path.read_text().splitlines() if not line.startswith(skip)]

    assert parts(tmp_path / "CM") == parts(aligned / "model.cm")


def test_clustal_is_read_by_easel_and_biopython(aligned: Path) -> None:
    ours = read_stockholm(aligned / "msa.sto")
    with easel.MSAFile(str(aligned / "msa.aln"), format="clustal") as file:
        msa = file.read()
    assert tuple(msa.names) == ours.names
    assert tuple(msa.alignment) == ours.rows
    (record,) = AlignIO.parse(aligned / "msa.aln", "clustal")
    assert [(row.id, str(row.seq)) for row in record] == list(zip(ours.names, ours.rows, strict=True))
    assert "*" in record.column_annotations["clustal_consensus"]


def test_a3m_and_alphafold_job_keep_the_rules(aligned: Path) -> None:
    check_a3m((aligned / "msa.a3m").read_text(), QUERY)
    job = json.loads((aligned / "af3.json").read_text())
    check_job(job)
    assert job["sequences"][0]["rna"]["sequence"] == QUERY


def test_the_query_may_be_named(tmp_path: Path, fastas: dict[str, Path]) -> None:
    family = read_family(fastas["good"], query="b")
    assert family.query.sequence == "ACGGACACGAAAGUGUCCAGAUC"
    assert [record.id for record in family.homologs] == ["q", "a", "c", "copy"]
    with pytest.raises(InputError, match="has no sequence 'z'"):
        read_family(fastas["good"], query="z")


def test_names_of_families(tmp_path: Path, fastas: dict[str, Path]) -> None:
    names = {"x.fasta.gz": "x", "RF00005.fa": "RF00005", "a b.fna.bgz": "a_b", "plain": "plain", ".fa": ".fa"}
    for file, name in names.items():
        assert family_name(tmp_path / file) == name
    twice = [("x", fastas["good"]), ("x", fastas["one"])]
    with pytest.raises(InputError, match="record 'x': two files are of this family"):
        align_families(twice, tmp_path / "out", AlignConfig())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("options", [["--name", "a b"], ["--max-identity", "0"], ["--rounds", "9"], ["--aligner", "x"]])
def test_bad_options_are_usage_errors(tmp_path: Path, fastas: dict[str, Path], options: list[str]) -> None:
    assert run(["align", str(fastas["one"]), "-o", str(tmp_path / "out"), *options]) == 2
    assert not (tmp_path / "out").exists()


def test_a_report_of_families(tmp_path: Path, fastas: dict[str, Path]) -> None:
    for name in ("good", "bad"):
        arguments = [str(fastas[name]), "-o", str(tmp_path / name), "--keep-going", "-q"]
        assert run(["align", *arguments]) == 0
    (tmp_path / "p.json").write_text(json.dumps({"seed": 7, "families": ["lost", "bad", "good"]}))
    arguments = ["--msa", str(tmp_path / "good"), "--msa", str(tmp_path / "bad"), "--params", str(tmp_path / "p.json")]
    assert run(["query", "report", "--families", *arguments, "-o", str(tmp_path / "out")]) == 0
    out = tmp_path / "out"
    names = ["failed.tsv", "msa.tsv", "report.html", "rhoma_families_mqc.tsv"]
    assert sorted(path.name for path in out.iterdir()) == names
    assert [name for name, _ in read_failed(out / "failed.tsv")] == ["lost", "bad"]
    assert "its task was lost" in read_failed(out / "failed.tsv")[0][1]
    page = (out / "report.html").read_text()
    assert "Families that failed" in page
    assert 'href="families/good/msa.sto"' in page
    assert "hits.tsv" not in page
    rows = [line.split("\t") for line in (out / "rhoma_families_mqc.tsv").read_text().splitlines()[-3:]]
    assert [row[:4] for row in rows] == [
        ["good", "aligned", "23", "3"],
        ["lost", "failed", "", ""],
        ["bad", "failed", "", ""],
    ]
