"""The wiring, without the tools: every path through the workflows, with both parsers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .conftest import DEMO, ROOT, trace

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Nextflow

HERE = Path(__file__).parent
SEARCH = ("--input", DEMO / "queries.fasta", "--outdir", "out")
PARSERS = pytest.mark.parametrize("parser", ["v1", "v2"])


def _names(launch: Path) -> list[str]:
    return sorted({task["name"].split(" ")[0].split(":")[-1] for task in trace(launch)})


@PARSERS
def test_search_and_resume(nextflow: Nextflow, tmp_path: Path, parser: str) -> None:
    arguments = ("-stub-run", *SEARCH, "--database", DEMO / "database.fasta")
    done = nextflow.run(*arguments, cwd=tmp_path, parser=parser)
    assert done.returncode == 0, done.stdout
    assert "undefined parameter" not in done.stdout
    told = ["indexed: 2 of 2 shards", "searched: 2 of 2 queries", "aligned: 2 of 2 queries", "Results: out/report.html"]
    assert [line for line in done.stdout.splitlines() if line in told] == told
    assert _names(tmp_path) == [
        *("EMBED", "EMBED_QUERIES", "INDEX_CODEBOOK", "INDEX_JOIN", "INDEX_SEGMENT", "INDEX_SPLIT"),
        *("MMSEQS_SEARCH", "MULTIQC", "QUERY_ALIGN", "QUERY_PREPARE", "QUERY_REPORT", "QUERY_SEARCH"),
    ]
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == {
        *("hits.tsv", "hits.m8", "hits.gff3", "hits.bed", "hits.tblout", "msa.tsv", "report.html"),
        *("rhoma_queries_mqc.tsv", "multiqc", "pipeline_info", "queries"),
    }
    assert {path.name for path in (out / "multiqc").iterdir()} == {"multiqc_report.html", "multiqc_data"}
    assert {path.name for path in (out / "queries").iterdir()} == {"query_of_batch_0001", "query_of_batch_0002"}
    assert {path.name for path in (out / "pipeline_info").iterdir()} == {
        *("execution_report_run.html", "execution_timeline_run.html", "execution_trace_run.txt"),
        *("params_run.json", "pipeline_dag_run.mmd", "software_versions.yml", ".lock"),
    }
    assert json.loads((out / "pipeline_info" / "params_run.json").read_text())["batch_size"] == 100
    assert "mmseqs2:" in (out / "pipeline_info" / "software_versions.yml").read_text()
    # other queries, which are prepared as the same batches
    (tmp_path / "more.fasta").write_text((DEMO / "queries.fasta").read_text() + ">more\nACGUACGUACGUACGUACGU\n")
    done = nextflow.run(*arguments, "--input", "more.fasta", "-resume", cwd=tmp_path, parser=parser)
    assert done.returncode == 0, done.stdout
    again = {task["name"].split(":")[-1] for task in trace(tmp_path) if task["status"] != "CACHED"}
    assert again == {"QUERY_PREPARE", "QUERY_REPORT", "MULTIQC"}


@PARSERS
def test_index_of_its_own(nextflow: Nextflow, tmp_path: Path, parser: str) -> None:
    done = nextflow.run(
        *("-stub-run", "--workflow", "index", "--database", DEMO / "database.fasta", "--outdir", "out"),
        cwd=tmp_path,
        parser=parser,
    )
    assert done.returncode == 0, done.stdout
    assert _names(tmp_path) == ["EMBED", "INDEX_CODEBOOK", "INDEX_JOIN", "INDEX_SEGMENT", "INDEX_SPLIT"]
    assert (tmp_path / "out" / "index" / "manifest.json").is_file()
    assert "\nResults: out/index\n" in done.stdout
    (tmp_path / "Rfam.cm").touch()
    arguments = ("-stub-run", *SEARCH, "--index", tmp_path / "out" / "index", "--aligner", "linsi")
    done = nextflow.run(*arguments, "--rfam_cm", "Rfam.cm", cwd=tmp_path, parser=parser)
    assert done.returncode == 0, done.stdout
    wanted = {"INDEX_VERIFY", "QUERY_HOMOLOGS", "MAFFT_ALIGN", "QUERY_PRESS", "QUERY_ANNOTATE"}
    assert wanted < set(_names(tmp_path))
    assert "INDEX_SPLIT" not in _names(tmp_path)


@PARSERS
def test_families_of_homologs(nextflow: Nextflow, tmp_path: Path, parser: str) -> None:
    (tmp_path / "families").mkdir()
    for name in ("one.fasta", "two.fa.gz", "notes.txt"):
        (tmp_path / "families" / name).touch()
    arguments = ("-stub-run", "--workflow", "msa", "--outdir", "out")
    done = nextflow.run(*arguments, "--input", "families", cwd=tmp_path, parser=parser)
    assert done.returncode == 0, done.stdout
    assert sorted(task["name"] for task in trace(tmp_path)) == [
        *("MSA:MSA_ALIGN (one)", "MSA:MSA_ALIGN (two)", "MSA:MSA_REPORT", "SUMMARY:MULTIQC"),
    ]
    assert "\naligned: 2 of 2 families\n" in done.stdout
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("families", "msa.tsv", "report.html", "rhoma_families_mqc.tsv", "multiqc", "pipeline_info"),
    }
    assert {path.name for path in (tmp_path / "out" / "families").iterdir()} == {"one", "two"}
    # another family does not align the others again
    (tmp_path / "families" / "three.fna").touch()
    done = nextflow.run(*arguments, "--input", "families/*.f*", "-resume", cwd=tmp_path, parser=parser)
    assert done.returncode == 0, done.stdout
    again = {task["name"] for task in trace(tmp_path) if task["status"] != "CACHED"}
    assert again == {"MSA:MSA_ALIGN (three)", "MSA:MSA_REPORT", "SUMMARY:MULTIQC"}


STAND_IN = """#!/bin/sh
# stands for query.py and index.py: leaves files of the right names
mkdir report index
touch report/hits.tsv report/hits.m8 report/hits.gff3 report/hits.bed report/hits.tblout report/report.html
touch report/x_mqc.tsv index/skipped_records.tsv
"""


def test_no_command_grows_with_the_number_of_inputs(nextflow: Nextflow, tmp_path: Path) -> None:
    """What collects the results of many tasks gets them as links in a directory, and not as words of a command line."""
    for name in ("query.py", "index.py"):
        (tmp_path / name).write_text(STAND_IN)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "c.config").write_text(f"process.beforeScript = 'export PATH={tmp_path}:$PATH'\n")
    configs = ("-c", ROOT / "conf" / "containers.config", "-c", tmp_path / "c.config")
    scripts: list[set[str]] = []
    for number in (1, 300):
        launch = tmp_path / str(number)
        launch.mkdir()
        options = (HERE / "collecting.nf", "--number", str(number), "-with-trace", "trace.txt")
        done = nextflow(*configs, "run", *options, cwd=launch)
        assert done.returncode == 0, done.stdout
        assert (launch / "trace.txt").read_text().count("COMPLETED") == 3
        scripts.append({path.read_text() for path in (launch / "work").glob("*/*/.command.sh")})
        for place in ("segments", "collected/msa", "collected/search", "collected/fasta"):
            staged = [len(list(path.iterdir())) for path in (launch / "work").glob(f"*/*/{place}")]
            assert set(staged) == {number}, place
    assert len(scripts[0]) == 3
    assert scripts[0] == scripts[1]


def test_images_are_known_beforehand(nextflow: Nextflow, tmp_path: Path) -> None:
    done = nextflow("inspect", ROOT / "main.nf", "-profile", "gpu,demo", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    answer = json.loads(done.stdout[done.stdout.index("{") :])
    images = {process["name"]: process["container"] for process in answer["processes"]}
    assert {name for name, image in images.items() if "gpu" in image} == {"EMBED", "TRAIN_RUN"}
    assert {"MMSEQS_SEARCH", "QUERY_ALIGN", "QUERY_REPORT"} < set(images)


@pytest.mark.parametrize("encoder", ["shipped", "public", "bundle on public", "bundle without graph"])
def test_a_search_has_the_image_that_its_model_needs(
    nextflow: Nextflow, tmp_path: Path, images: Callable[[], dict[str, str]], encoder: str
) -> None:
    weights, bundle = tmp_path / "weights", tmp_path / "bundle"
    for directory, names in ((weights, ("config.json", "model.safetensors")), (bundle, ("manifest.json",))):
        directory.mkdir()
        for name in names:
            (directory / name).touch()
    more = {
        "shipped": [],
        "public": ["--model", "rnafm", "--model_dir", str(weights)],
        "bundle on public": ["--model", str(bundle), "--model_dir", str(weights)],
        "bundle without graph": ["--model", str(bundle)],
    }[encoder]
    arguments = ("-stub-run", "-profile", "docker", *SEARCH, "--database", DEMO / "database.fasta", *more)
    done = nextflow.run(*arguments, cwd=tmp_path / "run")
    assert done.returncode == 0, done.stdout
    used = images()
    assert {"EMBED", "EMBED_QUERIES", "QUERY_SEARCH", "INDEX_SEGMENT", "QUERY_ALIGN"} < set(used)
    expected = set() if encoder == "shipped" else {"EMBED", "EMBED_QUERIES"}
    assert {name for name, image in used.items() if image == "rhoma/rhoma-gpu"} == expected


@PARSERS
def test_images_of_a_release_are_named_by_digest(
    nextflow: Nextflow, tmp_path: Path, images: Callable[[], dict[str, str]], parser: str
) -> None:
    """With images.yml of a release, as setup/image_digests.py writes it."""
    (tmp_path / "built").mkdir()
    digests = {
        name: f"sha256:{number:064x}" for number, name in enumerate(("rhoma", "rhoma-gpu", "rna-tools", "multiqc"))
    }
    for name, digest in digests.items():
        (tmp_path / "built" / f"{name}.json").write_text(json.dumps({"containerimage.digest": digest}))
    script = [sys.executable, ROOT / "setup" / "image_digests.py", "ghcr.io/lab", tmp_path / "built"]
    named = subprocess.run(script, capture_output=True, check=True).stdout
    (tmp_path / "images.yml").write_bytes(named)
    arguments = ("-stub-run", "-profile", "docker,gpu,demo", "--outdir", "out", "-params-file", "images.yml")
    done = nextflow.run(*arguments, cwd=tmp_path, parser=parser)
    assert done.returncode == 0, done.stdout
    assert "named by tag" not in done.stdout
    assert set(images()) == set()
    runs = [path.read_text() for path in (tmp_path / "work").glob("*/*/.command.run")]
    used = {re.findall(r"### name: '(?:\w+:)?(\w+)", text)[0]: text for text in runs}
    of = {
        name: re.findall(r"ghcr\.io/lab/([a-z-]+)@(sha256:[0-9a-f]{64}) /bin/bash", text)[0]
        for name, text in used.items()
    }
    assert all(digests[image] == digest for image, digest in of.values())
    special = {"EMBED": "rhoma-gpu", "EMBED_QUERIES": "rhoma-gpu", "MULTIQC": "multiqc"}
    assert {name: image for name, (image, _) in of.items()} == {name: special.get(name, "rhoma") for name in of}


@PARSERS
def test_images_without_digest_are_told_and_have_the_registry(
    nextflow: Nextflow, tmp_path: Path, images: Callable[[], dict[str, str]], parser: str
) -> None:
    arguments = ("-stub-run", "-profile", "docker", "--workflow", "index", "--database", DEMO / "database.fasta")
    done = nextflow.run(*arguments, "--image_registry", "ghcr.io/lab", cwd=tmp_path, parser=parser)
    assert done.returncode == 0, done.stdout
    assert "images are named by tag and not by digest" in done.stdout
    # there is nothing that it could show
    assert "MultiQC" not in done.stdout
    assert "INDEX_JOIN" in images()
    runs = [path.read_text() for path in (tmp_path / "work").glob("*/*/.command.run")]
    assert all(" ghcr.io/lab/rhoma/rhoma:0.1.0 /bin/bash" in text for text in runs)


CONDA = """#!/bin/bash
# stands for conda: an environment is a directory that tells its file, and to activate one does nothing
case $1 in
    env) [[ "$*" =~ --prefix\\ ([^ ]+)\\ --file\\ ([^ ]+) ]] && mkdir -p "${BASH_REMATCH[1]}"
        echo "${BASH_REMATCH[2]}" > "${BASH_REMATCH[1]}/file" ;;
    info) echo "\\"conda_prefix\\": \\"${0%/bin/conda}\\"," ;;
esac
"""
TRAIN = ("--workflow", "train", "--rfam_release", "15.1", "--evaluation", "standard", "--outdir", "out")


@pytest.mark.parametrize(
    ("parser", "arguments", "special"),
    [
        ("v1", ("-profile", "gpu,conda,demo", "--outdir", "out"), {"gpu": {"EMBED", "EMBED_QUERIES"}}),
        ("v2", ("-profile", "conda", *TRAIN), {"gpu": {"TRAIN_RUN"}, "evaluate": {"EVALUATE_RUN", "EVALUATE_MSA"}}),
    ],
    ids=["search", "training"],
)
def test_a_task_has_the_environment_that_it_needs(
    nextflow: Nextflow,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    parser: str,
    arguments: tuple[str, ...],
    special: dict[str, set[str]],
) -> None:
    program = tmp_path / "bin" / "conda"
    program.parent.mkdir()
    program.write_text(CONDA)
    program.chmod(0o755)
    (program.parent / "activate").touch()
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    done = nextflow.run("-stub-run", *arguments, cwd=tmp_path, parser=parser)
    assert done.returncode == 0, done.stdout
    used = {}
    for path in tmp_path.glob("work/*/*/.command.run"):
        text = path.read_text()
        (name,) = re.findall(r"### name: '(?:\w+:)*(\w+)", text)
        (prefix,) = re.findall(r"/bin/activate (\S+)", text)
        used[name] = Path(prefix, "file").read_text().strip().removeprefix(f"{ROOT}/")
    assert used.pop("MULTIQC") == "modules/local/multiqc/environment.yml"
    expected = {name: f"conda/{file}.yml" for file, names in special.items() for name in names}
    assert used == {name: expected.get(name, "conda/tasks.yml") for name in used}
    assert set(expected) < set(used)


def test_gpu_flags_go_to_embedding_alone(
    nextflow: Nextflow, tmp_path: Path, images: Callable[[], dict[str, str]]
) -> None:
    done = nextflow.run("-stub-run", "-profile", "docker,gpu,demo", "--outdir", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    wrappers = [path.read_text() for path in (tmp_path / "work").glob("*/*/.command.run")]
    names = {text.split("### name: '")[1].split("'")[0].split(" ")[0] for text in wrappers if "--gpus all" in text}
    assert names == {"INDEX:EMBED", "SEARCH:EMBED_QUERIES"}
    assert set(images()) > {"EMBED", "INDEX_SPLIT", "QUERY_SEARCH"}


def test_every_profile_can_be_read(nextflow: Nextflow, tmp_path: Path) -> None:
    done = nextflow("config", ROOT, "-show-profiles", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    wanted = (
        "demo test docker podman singularity apptainer charliecloud conda wave fusion slurm awsbatch googlebatch "
        "azurebatch k8s gpu"
    )
    assert [name for name in wanted.split() if f"\n   {name} {{" not in done.stdout] == []


def test_entrypoints_run_alone() -> None:
    for path in sorted((ROOT / "bin").glob("*.py")):
        assert os.access(path, os.X_OK)
        assert path.read_text().startswith("#!/usr/bin/env python3\n")
        done = subprocess.run([sys.executable, path, "--help"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "Usage: rhoma" in done.stdout
