"""--workflow train: the wiring, what it refuses, and a small real training."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest
import yaml

from .conftest import trace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Nextflow

PARSERS = pytest.mark.parametrize("parser", ["v1", "v2"])
SETTINGS = {
    "name": "small",
    "sizes": {"embedding_size": 8, "hidden_size": 16, "kernel": 5},
    "head": {"hidden_size": 16, "layers": 1, "heads": 2, "pool_heads": 4, "dimension": 32},
    "whitened": 16,
    "train": {"steps": 3, "families": 8, "synthetic": 2, "views": 2, "negatives": 2},
}


def _names(launch: Path) -> list[str]:
    return sorted({task["name"].split(" ")[0].split(":")[-1] for task in trace(launch)})


@pytest.fixture(scope="module")
def few_families(rfam_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns an Rfam directory with 40 of the small families, 6 members and the seed of each."""
    out: Path = tmp_path_factory.mktemp("few") / "rfam"
    out.mkdir()
    blocks, names = [], []
    with gzip.open(rfam_dir / "seed.sto.gz", "rt") as handle:
        for block in handle.read().split("//\n"):
            rows = [line for line in block.splitlines() if line and not line.startswith("#")]
            if len(names) < 40 and 4 <= len(rows) <= 12 and len(rows[0].split()[1]) < 150:
                blocks.append(block + "//\n")
                names.append(next(line.split()[2] for line in block.splitlines() if line.startswith("#=GF AC")))
    with gzip.open(out / "seed.sto.gz", "wt") as sink:
        sink.write("".join(blocks))
    with gzip.open(rfam_dir / "members.fa.gz", "rt") as handle, gzip.open(out / "members.fa.gz", "wt") as sink:
        seen = dict.fromkeys(names, 0)
        for record in handle.read().split(">")[1:]:
            family = record.split("\n", 1)[0].split()[1]
            if seen.get(family, 6) < 6:
                seen[family] += 1
                sink.write(">" + record)
    lines = (rfam_dir / "families.tsv").read_text().splitlines(keepends=True)
    (out / "families.tsv").write_text(lines[0] + "".join(x for x in lines[1:] if x.split("\t")[0] in seen))
    return out


@PARSERS
def test_every_step_is_wired(nextflow: Nextflow, tmp_path: Path, parser: str) -> None:
    arguments = ("-stub-run", "--workflow", "train", "--rfam_release", "15.1", "--outdir", "out")
    done = nextflow.run(*arguments, cwd=tmp_path, parser=parser)
    assert done.returncode == 0, done.stdout
    steps = ["DEDUPLICATE", "FETCH", "GATHER", "PREPARE", "RUN", "SPLIT"]
    measured = ["DATASET", "EMBEDDING", "INDEX", "MSA", "REPORT", "RUN"]
    assert _names(tmp_path) == [
        *(f"EVALUATE_{step}" for step in measured),
        "MULTIQC",
        *(f"TRAIN_{step}" for step in steps),
    ]
    assert sum(task["name"].startswith("TRAIN:TRAIN_DEDUPLICATE") for task in trace(tmp_path)) == 2
    published = {path.name for path in (tmp_path / "out").iterdir()}
    assert published == {"encoder", "quick", "split.tsv", "split.tsv.sha256", "multiqc", "pipeline_info"}
    done = nextflow.run(*arguments, "-resume", cwd=tmp_path, parser=parser)
    assert done.returncode == 0, done.stdout
    assert {task["status"] for task in trace(tmp_path)} == {"CACHED"}


def _weights(directory: Path) -> Path:
    """Returns a directory with the names of a download of a published encoder."""
    directory.mkdir()
    for name in ("config.json", "model.safetensors"):
        (directory / name).touch()
    return directory


TORCH = {"EVALUATE_INDEX", "EVALUATE_RUN", "EVALUATE_EMBEDDING", "EVALUATE_MSA", "EVALUATE_ABLATE", "TRAIN_RUN"}


@PARSERS
@pytest.mark.parametrize("public", [True, False])
def test_models_that_need_torch_run_in_its_image(
    nextflow: Nextflow, tmp_path: Path, images: Callable[[], dict[str, str]], parser: str, public: bool
) -> None:
    arguments = ["-stub-run", "-profile", "docker", "--workflow", "train", "--rfam_release", "15.1"]
    if public:
        arguments += ["--encoder", "rinalmo-micro", "--model_dir", str(_weights(tmp_path / "weights"))]
    done = nextflow.run(*arguments, "--evaluation", "standard", "--outdir", "out", cwd=tmp_path / "run", parser=parser)
    assert done.returncode == 0, done.stdout
    used = images()
    assert TORCH < set(used)
    assert {name for name, image in used.items() if image == "rhoma/rhoma-gpu"} == (TORCH if public else {"TRAIN_RUN"})
    # the weights are where the model is, and where it is made
    scripts = list((tmp_path / "run" / "work").glob("*/*/.command.run"))
    models = {script.parent for script in scripts if (script.parent / "model").exists()}
    makers = {script.parent for script in scripts if "### name: 'TRAIN:TRAIN_RUN" in script.read_text()}
    assert models
    assert len(makers) == 1
    beside = {script.parent for script in scripts if (script.parent / "weights").exists()}
    assert beside == (models | makers if public else set())


def test_a_training_need_not_be_measured(nextflow: Nextflow, tmp_path: Path) -> None:
    arguments = ("-stub-run", "--workflow", "train", "--rfam_release", "15.1", "--outdir", "out")
    done = nextflow.run(*arguments, "--evaluation", "none", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert not any(name.startswith("EVALUATE") for name in _names(tmp_path))


def _small_rinalmo(directory: Path) -> Path:
    """Returns a directory with a small RiNALMo of random weights, of the form of a download."""
    torch = pytest.importorskip("torch")
    multimolecule = pytest.importorskip("multimolecule")
    torch.manual_seed(3)
    sizes = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 32}
    model = multimolecule.RiNALMoModel(multimolecule.RiNALMoConfig(**sizes), add_pooling_layer=False)
    model.save_pretrained(directory)
    return directory


@pytest.mark.slow
@pytest.mark.rfam
@pytest.mark.tool("mmseqs")
@pytest.mark.parametrize("public", [False, True])
def test_a_small_training_makes_a_bundle_and_measures_it(
    nextflow: Nextflow, tmp_path: Path, few_families: Path, public: bool
) -> None:
    pytest.importorskip("torch")
    settings = SETTINGS | ({"sizes": {}, "lora": 2} if public else {"encoder": "compact"})
    (tmp_path / "settings.yml").write_text(yaml.safe_dump(settings))
    more = ("--encoder", "rinalmo-micro", "--model_dir", _small_rinalmo(tmp_path / "weights")) if public else ()
    done = nextflow.run(
        *("--workflow", "train", "--rfam", few_families, "--train_config", tmp_path / "settings.yml"),
        *("--families_per_task", "20", "--device", "cpu", "--outdir", "out", *more),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout
    bundle = tmp_path / "out" / "encoder"
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert manifest["name"] == "small"
    assert manifest["dimension"] == 16
    assert manifest["encoder"]["hub_id"] == ("multimolecule/rinalmo-micro" if public else None)
    assert manifest["training"]["config"]["train"]["steps"] == 3
    assert (bundle / "split.tsv").read_bytes() == (tmp_path / "out" / "split.tsv").read_bytes()
    assert {"README.md", "config.yaml", "training.tsv", "curve.svg"} <= set(manifest["files"])
    assert ("network.onnx" in manifest["files"]) != public
    assert sum("TRAIN_DEDUPLICATE" in task["name"] for task in trace(tmp_path)) == 2
    # measured on the test families of its own split
    measured = tmp_path / "out" / "quick"
    assert "make benchmark" not in (measured / "benchmark.md").read_text()
    assert "--workflow train" in (measured / "benchmark.md").read_text()
    rows = json.loads((measured / "retrieval.json").read_text())
    assert {row["status"] for row in rows} == {"ok"}
    assert {"rhoma-vectors", "rhoma-auto", "kmer", "mmseqs"} <= {row["method"] for row in rows}
    for name in ("embedding", "msa"):
        assert {row["status"] for row in json.loads((measured / f"{name}.json").read_text())} == {"ok"}, name
