"""Families of homologs and known families through the pipeline, with the real tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .conftest import DEMO, Finished, table, trace

if TYPE_CHECKING:
    from .conftest import Nextflow

pytestmark = [pytest.mark.slow, pytest.mark.tool("mafft", "cmalign")]

SUITE = Path("/usr/share/doc/infernal/examples/testsuite")
QUERY = "ACGGGCUCGAAAGAGCCCAGAUC"
FAMILY = f">q\n{QUERY}\n>a\nACGCGCUCGAAAGAGCGCAUGAUC\n>b\nACGGACACGAAAGUGUCCA-GAUC\n"
PER_FAMILY = {
    *("homologs.fasta", "msa.sto", "msa.a3m", "msa.aln", "af3.json"),
    *("covariation.tsv", "model.cm", "structure.svg"),
}


def test_a_bad_family_fails_alone(nextflow: Nextflow, tmp_path: Path) -> None:
    (tmp_path / "good one.fa").write_text(FAMILY)
    (tmp_path / "bad.fa").write_text(">x\nMKVLAAGIVGLLLAQPSF\n")
    sheet = """id,fasta\n"it's_50%,$(x)",good one.fa\nbad,bad.fa\n"""
    (tmp_path / "sheet.csv").write_text(sheet)
    done = nextflow.run("--workflow", "msa", "--input", "sheet.csv", "--outdir", "out", cwd=tmp_path, parser="v2")
    # the error comes last, when everything is published
    assert done.returncode == 1
    assert "1 families could not be aligned (failed.tsv):" in done.stdout
    assert "bad.fa: record 'x': looks like protein" in done.stdout
    out = tmp_path / "out"
    (row,) = table(out / "msa.tsv")
    assert (row["query"], row["homologs"]) == ("it's_50%,$(x)", "2")
    assert [row["query"] for row in table(out / "failed.tsv")] == ["bad"]
    (family,) = (out / "families").iterdir()
    assert family.name == "it%27s_50%25%2C%24%28x%29"
    assert {path.name for path in family.iterdir()} == PER_FAMILY
    assert (family / "msa.a3m").read_text().startswith(f">q\n{QUERY}\n>a\n")
    assert "Families that failed" in (out / "report.html").read_text()
    assert {task["name"]: task["status"] for task in trace(tmp_path)}["MSA:MSA_ALIGN (bad)"] == "COMPLETED"


def test_a_family_is_aligned_by_the_states_of_the_encoder(nextflow: Nextflow, tmp_path: Path) -> None:
    (tmp_path / "family.fa").write_text(FAMILY)
    arguments = ("--workflow", "msa", "--input", "family.fa", "--outdir", "out", "--aligner", "embed")
    done = nextflow.run(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    (row,) = table(tmp_path / "out" / "msa.tsv")
    assert (row["query"], row["method"]) == ("family", "embed+cm")


@pytest.mark.tool("cmscan", "cmpress", "mmseqs")
@pytest.mark.skipif(not SUITE.is_dir(), reason=f"{SUITE} is missing: it comes with Debian's infernal")
def test_known_families_are_named(nextflow: Nextflow, demo: Finished, tmp_path: Path) -> None:
    text = (DEMO / "queries.fasta").read_text()
    (tmp_path / "q.fasta").write_text(">" + next(part for part in text.split(">") if part.startswith("tRNA")))
    done = nextflow.run(
        *("--input", "q.fasta", "--index", demo.out / "index", "--outdir", "out", "--rfam_hits", "3"),
        *("--rfam_cm", SUITE / "5.c.cm", "--rfam_clanin", SUITE / "5.claninfo"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout
    out = tmp_path / "out"
    rows = table(out / "families.tsv")
    assert len(rows) == 4
    verdict = "tRNA, RF00005, clan CL00001, above the gathering cut-off"
    assert {row["verdict"] for row in rows} == {verdict}
    hits = table(out / "hits.tsv")
    assert [(hit["family"], hit["clan"]) for hit in hits[:4]] == [("tRNA", "CL00001")] * 3 + [("", "")]
    assert (out / "hits.gff3").read_text().count("Dbxref=RFAM:RF00005;") == 3
    assert verdict in (out / "report.html").read_text()
