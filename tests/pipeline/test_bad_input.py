"""Bad input: the message names what is wrong and the remedy, the status is 1, no result is left."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from .conftest import DEMO, RECORDS, ROOT, Finished

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Nextflow

QUERIES = str(DEMO / "queries.fasta")
DATABASE = str(DEMO / "database.fasta")

# name: (bytes of the file, what the message must say)
FILES = {
    "empty": (b"", ["empty"]),
    "not_fasta": (b"id\tsequence\nx\tACGU\n", ["FASTA"]),
    "protein": (b">p1\nMKVLAAGIVGLLLAQPSF\n", ["p1", "protein"]),
    "binary": (bytes(range(256)) * 4, ["binary"]),
    "no_sequence": (b">a\n>b\nACGUACGUACGUACGUACGU\n", ["'a'", "no sequence"]),
    "duplicate": (b">a\nACGUACGUACGUACGUACGU\n>a x\nACGUACGUACGUACGUACGUC\n", ["'a'", "twice"]),
    "letter": (b">a\nACGUACGUACGJACGUACGU\n", ["'a'", "'J'", "12"]),
    "all_n": (b">a\nNNNNNNNNNNNNNNNNNNNNNN\n", ["'a'", "all N"]),
}


@pytest.mark.parametrize("name", FILES)
def test_queries(tmp_path: Path, name: str) -> None:
    data, words = FILES[name]
    path = tmp_path / "q.fasta"
    path.write_bytes(data)
    done = subprocess.run(
        [sys.executable, ROOT / "bin" / "query.py", "prepare", "--input", path, "--out", tmp_path / "out"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert [word for word in [*words, "q.fasta", "Remedy: "] if word not in done.stderr] == []
    assert not (tmp_path / "out").exists()


# (arguments, what the message must say)
PARAMETERS = {
    "values": (
        ["--input", "gone.fa", "--database", DATABASE, "--evalue", "banana", "--evalu", "1"],
        [
            "--evalue 'banana': expected a number, above 0",
            "--evalu: there is no such parameter; did you mean --evalue?",
            "--input 'gone.fa': there is no such file",
        ],
    ),
    "outdir": (
        ["--input", QUERIES, "--database", DATABASE, "--outdir", f"{QUERIES}/out"],
        [f"--outdir '{QUERIES}/out': cannot be written to"],
    ),
    "samplesheet": (["--input", "twice.csv", "--database", DATABASE], ["twice.csv: id 'a' is there 2 times"]),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_stop_a_run_before_its_first_task(nextflow: Nextflow, tmp_path: Path, name: str) -> None:
    arguments, messages = PARAMETERS[name]
    (tmp_path / "twice.csv").write_text(f"id,fasta\na,{QUERIES}\na,{DATABASE}\n")
    done = nextflow.run(*arguments, cwd=tmp_path, parser="v2" if name == "values" else "v1")
    assert done.returncode == 1
    assert [message for message in messages if message not in done.stdout] == []
    assert "Submitted process" not in done.stdout
    _no_results(tmp_path / "results")


def _no_results(outdir: Path) -> None:
    left = {path.name for path in outdir.iterdir()} if outdir.exists() else set()
    assert left <= {RECORDS}


def test_a_bad_file_ends_the_run(nextflow: Nextflow, tmp_path: Path) -> None:
    """A message of a task comes through, with the name of the user's file."""
    path = tmp_path / "my proteins.fasta"
    path.write_bytes(FILES["protein"][0])
    done = nextflow.run("--input", path, "--database", DATABASE, cwd=tmp_path)
    assert done.returncode == 1
    assert "my proteins.fasta: record 'p1'" in done.stdout
    assert "Remedy: " in done.stdout
    _no_results(tmp_path / "results")


@pytest.mark.slow
@pytest.mark.tool("mmseqs", "mafft", "cmalign")
class TestIndex:
    """Damaged and foreign indexes are refused by name, before anything is searched."""

    @staticmethod
    def _refused(nextflow: Nextflow, launch: Path, index: Path) -> str:
        done = nextflow.run("--input", QUERIES, "--index", index, cwd=launch)
        assert done.returncode == 1
        assert "QUERY_SEARCH" not in done.stdout
        assert "Traceback" not in done.stdout
        _no_results(launch / "results")
        return done.stdout

    def test_truncated(self, demo: Finished, nextflow: Nextflow, tmp_path: Path) -> None:
        index = tmp_path / "index"
        shutil.copytree(demo.out / "index", index)
        vectors = next(index.rglob("vectors*.npy"))
        vectors.write_bytes(vectors.read_bytes()[:-100])
        assert vectors.name in self._refused(nextflow, tmp_path, index)

    def test_newer_schema(self, demo: Finished, nextflow: Nextflow, tmp_path: Path) -> None:
        index = tmp_path / "index"
        shutil.copytree(demo.out / "index", index)
        manifest = json.loads((index / "manifest.json").read_text())
        manifest["schema_version"] += 1
        (index / "manifest.json").write_text(json.dumps(manifest))
        message = self._refused(nextflow, tmp_path, index)
        assert f"schema version {manifest['schema_version']}" in message.replace("schema_version", "schema version")


def test_gpu_where_there_is_none(nextflow: Nextflow, tmp_path: Path) -> None:
    if shutil.which("nvidia-smi"):
        pytest.skip("this machine has a GPU")
    done = nextflow.run("--input", QUERIES, "--database", DATABASE, "--device", "gpu", cwd=tmp_path)
    assert done.returncode == 1
    assert "error: " in done.stdout
    assert "GPU" in done.stdout
    assert "INDEX_JOIN" not in done.stdout
    _no_results(tmp_path / "results")
