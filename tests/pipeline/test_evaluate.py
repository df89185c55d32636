"""The evaluate workflow: its wiring, and the quick benchmark as a user runs it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .conftest import ROOT, table, trace

if TYPE_CHECKING:
    from .conftest import Nextflow

RFAM = Path(os.environ.get("RHOMA_RFAM", ROOT.parent / "shared" / "data" / "rfam"))
TABLES = ("retrieval", "speed", "evalue", "msa", "embedding")


@pytest.mark.parametrize("parser", ["v1", "v2"])
def test_the_wiring(nextflow: Nextflow, tmp_path: Path, parser: str) -> None:
    (tmp_path / "rfam").mkdir()
    (tmp_path / "split.tsv").touch()
    arguments = ("-stub-run", "--workflow", "evaluate", "--rfam", tmp_path / "rfam", "--split", tmp_path / "split.tsv")
    done = nextflow.run(*arguments, "--preset", "standard", "--outdir", "out", cwd=tmp_path, parser=parser)
    assert done.returncode == 0, done.stdout
    names = sorted(task["name"].split(":")[-1] for task in trace(tmp_path))
    assert names == [
        *("EVALUATE_ABLATE", "EVALUATE_DATASET", "EVALUATE_EMBEDDING", "EVALUATE_INDEX (flanked)"),
        *("EVALUATE_INDEX (plain)", "EVALUATE_MSA (1)", "EVALUATE_REPORT", "EVALUATE_RUN (nhmmer)"),
        *("EVALUATE_RUN (rhoma-auto)", "MULTIQC"),
    ]
    assert {path.name for path in (tmp_path / "out" / "standard").iterdir()} >= {f"{name}.tsv" for name in TABLES}


def test_what_it_is_made_of_must_be_given(nextflow: Nextflow, tmp_path: Path) -> None:
    done = nextflow.run("--workflow", "evaluate", "--outdir", "out", cwd=tmp_path)
    assert done.returncode != 0
    assert "--rfam, or --queries, --targets and --labels" in done.stdout


@pytest.mark.slow
@pytest.mark.rfam
@pytest.mark.tool("mmseqs", "blastn", "nhmmer", "cmsearch", "mafft")
def test_the_quick_benchmark(nextflow: Nextflow, tmp_path: Path) -> None:
    done = nextflow.run("--workflow", "evaluate", "--rfam", RFAM, "--preset", "quick", "--outdir", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    out = tmp_path / "out" / "quick"
    rows = table(out / "retrieval.tsv")
    assert {row["status"] for row in rows} == {"ok"}, rows
    assert {row["database"] for row in rows} == {"plain", "flanked"}
    found = {(row["method"], row["database"]): float(row["roc1"]) for row in rows}
    assert {method for method, _ in found} >= {
        *("rhoma-vectors", "rhoma-profile", "rhoma-fast", "rhoma-auto", "blastn", "mmseqs", "nhmmer"),
        *("nhmmer-rounds", "infernal", "infernal-oracle", "kmer"),
    }
    assert found["rhoma-auto", "plain"] > found["kmer", "plain"]
    assert found["rhoma-auto", "flanked"] > found["kmer", "flanked"]
    assert found["infernal-oracle", "plain"] >= 0.9
    for name in TABLES:
        assert {row["status"] for row in table(out / f"{name}.tsv")} == {"ok"}, name
        assert (out / f"{name}.json").is_file()
    assert "atlas-data" in (out / "report.html").read_text()
    assert "sha256" in (out / "benchmark.md").read_text()
