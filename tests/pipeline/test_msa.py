"""Families of homologs and known families through the pipeline, with the real tools."""

from __future__ import annotations

import re
import shutil
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
    # a machine without MultiQC
    (tmp_path / "without.config").write_text(
        "process { withName: 'MULTIQC' { beforeScript = 'export PATH=/usr/bin:/bin' } }\n"
    )
    options = ("-c", "without.config", "--workflow", "msa", "--input", "sheet.csv", "--outdir", "out")
    done = nextflow.run(*options, cwd=tmp_path, parser="v2")
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
    if shutil.which("multiqc", path="/usr/bin:/bin") is None:
        assert "MultiQC is not installed where its task ran: there is no multiqc_report.html" in done.stdout
        assert not (out / "multiqc").exists()
        assert "multiqc" not in (out / "pipeline_info" / "software_versions.yml").read_text()


@pytest.mark.tool("multiqc")
def test_multiqc_tells_of_failed_families_and_a_failing_one_harms_nothing(nextflow: Nextflow, tmp_path: Path) -> None:
    (tmp_path / "good.fa").write_text(FAMILY)
    (tmp_path / "bad.fa").write_text(">x\nMKVLAAGIVGLLLAQPSF\n")
    (tmp_path / "more.yml").write_text("report_comment: 'ours, <b>only</b>'\n")
    (tmp_path / "sheet.csv").write_text("id,fasta\n\"<i>'x'\",good.fa\nbad,bad.fa\n")
    options = ("--workflow", "msa", "--input", "sheet.csv", "--outdir", "out")
    title = ("--multiqc_title", "Bob's $(title)", "--multiqc_config", "more.yml")
    done = nextflow.run(*options, *title, cwd=tmp_path)
    assert done.returncode == 1
    assert "1 families could not be aligned (failed.tsv):" in done.stdout
    page = (tmp_path / "out" / "multiqc" / "multiqc_report.html").read_text()
    assert "<title>Bob's $(title): MultiQC Report</title>" in page
    assert "ours, <b>only</b>" in page
    assert re.findall(r'data-original-sn="([^"]*)"', page)[:2] == ["&lt;i&gt;&#x27;x&#x27;", "bad"]
    assert "2 families: 1 aligned, 1 failed." in page
    (tmp_path / "good.csv").write_text("id,fasta\ngood,good.fa\n")
    (tmp_path / "broken.config").write_text("process { withName: 'MULTIQC' { ext.args = '--no-such-option' } }\n")
    options = ("-c", "broken.config", "--workflow", "msa", "--input", "good.csv", "--outdir", "other")
    done = nextflow.run(*options, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "Process `SUMMARY:MULTIQC` terminated with an error exit status (2) -- Error is ignored" in done.stdout
    assert (tmp_path / "other" / "msa.tsv").is_file()


def test_a_family_is_aligned_by_the_states_of_the_encoder(nextflow: Nextflow, tmp_path: Path) -> None:
    (tmp_path / "family.fa").write_text(FAMILY)
    arguments = ("--workflow", "msa", "--input", "family.fa", "--outdir", "out", "--aligner", "embed")
    done = nextflow.run(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    (row,) = table(tmp_path / "out" / "msa.tsv")
    assert (row["query"], row["method"]) == ("family", "embed+cm")


@pytest.mark.skipif(shutil.which("mxscarnamod") is not None, reason="MAFFT has its extensions here")
def test_xinsi_without_its_program_ends_the_run_by_name(nextflow: Nextflow, tmp_path: Path) -> None:
    (tmp_path / "family.fa").write_text(FAMILY)
    arguments = ("--workflow", "msa", "--input", "family.fa", "--outdir", "out", "--aligner", "xinsi")
    done = nextflow.run(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert "Process `MSA:MSA_CHECK` terminated with an error" in done.stdout
    assert re.search(r"error: --aligner xinsi: (mafft-xinsi|mxscarnamod) is missing. Remedy: ", done.stdout)


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
    page = (out / "report.html").read_text()
    assert verdict in page
    assert page.count('<td class="family">tRNA RF00005 ') == 3
    rows = [line.split()[1] for line in (out / "hits.tblout").read_text().splitlines()[2:]]
    assert rows[:4] == ["RF00005"] * 3 + ["-"]
