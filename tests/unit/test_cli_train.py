from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)


from rhoma.cli import run  # noqa: E402
from rhoma.manifest import ModelManifest, read_manifest, sha256_file, verify_files  # noqa: E402
from rhoma.models.embedder import load_embedder  # noqa: E402
from rhoma.train.data import load_families  # noqa: E402
from rhoma.train.factory import make_network  # noqa: E402
from rhoma.train.loop import train  # noqa: E402
from rhoma.train.sampler import Sampler  # noqa: E402
from rhoma.train.settings import resolve  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path


def test_a_training_becomes_a_bundle(tmp_path: Path, tiny_rfam: Path, tiny_config: Path, tiny_split: Path) -> None:
    out = tmp_path / "bundle"
    arguments = ["train", "run", "--rfam", str(tiny_rfam), "--split", str(tiny_split), "--config", str(tiny_config)]
    # windows of an index may be longer than the views
    arguments += ["--out", str(out), "--threads", "1", "--device", "cpu", "--quiet", "--set", "window=80"]
    assert run([*arguments, "--set", "train.steps=4", "--set", "train.clan=positive"]) == 0
    manifest = read_manifest(out, ModelManifest)
    verify_files(out, manifest)
    assert manifest.name == "tiny"
    assert (manifest.window, manifest.stride) == (80, 32)
    training: Any = manifest.training
    assert training["data"] == {n: sha256_file(tiny_rfam / n) for n in ("families.tsv", "seed.sto.gz", "members.fa.gz")}
    assert training["split"]["sha256"] == sha256_file(tiny_split)
    assert training["config"]["train"]["steps"] == 4
    assert training["config"]["train"]["clan"] == "positive"
    assert (out / "split.tsv").read_bytes() == tiny_split.read_bytes()
    assert manifest.metrics["steps"] == 4
    assert 0 <= manifest.metrics["both_map"] <= 1
    with (out / "training.tsv").open() as handle:
        rows = list(csv.DictReader(handle, delimiter="\t"))
    assert [row["step"] for row in rows] == ["0", "1", "2", "3"]
    assert [bool(row["score"]) for row in rows] == [False, False, True, True]
    # the bundle names no place of this machine
    for path in out.iterdir():
        assert str(tmp_path).encode() not in path.read_bytes()
    assert load_embedder(out).embed(["ACGUACGU"]).shape == (1, 16)

    assert resolve(file=out / "config.yaml").model_dump(mode="json") == training["config"]

    # the checkpoint alone gives the same bytes
    third = tmp_path / "third"
    arguments = ["train", "bundle", "--workdir", f"{out}.work", "--rfam", str(tiny_rfam), "--quiet"]
    assert run([*arguments, "--split", str(tiny_split), "--out", str(third), "--threads", "1"]) == 0
    assert (third / "manifest.json").read_bytes() == (out / "manifest.json").read_bytes()


@pytest.mark.parametrize(
    ("extra", "status", "said"),
    [
        (["--encoder", "nobody"], 1, "there is no encoder"),
        (["--set", "lora=4"], 1, "as a whole"),
        (["--set", "train.steps=0"], 1, "train.steps: Input should be greater than 0, not 0"),
        (["--set", "train.steps=many"], 1, "train.steps"),
        (["--set", "train.clan=friends"], 1, "'ignore', 'positive' or 'negative', not 'friends'"),
        (["--set", "train.temperature=-1"], 1, "train.temperature"),
        (["--set", "steps=3"], 1, "did you mean train.steps? there are name, encoder,"),
        (["--set", "train.augment.windows=3"], 1, "in train.augment there are window, substitutions,"),
        (["--set", "head.layer=3"], 1, "did you mean head.layers? in head there are kind, hidden_size"),
        (["--set", "sizes.layerz=3"], 1, "did you mean sizes.layers? in sizes there are"),
        (["--set", "head.whitened=3"], 1, "set whitened"),
        (["--set", "train.steps"], 1, "give KEY=VALUE"),
        (["--set", "train.=3"], 1, "give KEY=VALUE"),
        (["--set", "name=["], 1, "cannot be read as YAML"),
        (["--steps", "3"], 2, "--steps"),
        (["--split", "no-such-file"], 1, "no-such-file"),
    ],
)
def test_wrong_options_are_told(
    extra: list[str],
    status: int,
    said: str,
    tmp_path: Path,
    tiny_rfam: Path,
    tiny_config: Path,
    tiny_split: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["train", "run", "--rfam", str(tiny_rfam), "--split", str(tiny_split), "--config", str(tiny_config)]
    assert run([*arguments, "--out", str(tmp_path / "b"), "--device", "cpu", *extra]) == status
    assert said in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


def test_settings_are_printed_with_what_they_mean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--preset", "jiang2025", "--set", "train.steps=7", "--set", "train.learning_rate=2e-5"]
    assert run(["train", "settings", *arguments]) == 0
    text = capsys.readouterr().out
    (tmp_path / "settings.yaml").write_text(text)
    # what is printed is what a training reads
    config = resolve(file=tmp_path / "settings.yaml")
    assert (config.name, config.encoder, config.train.steps) == ("jiang2025", "rinalmo-giga", 7)
    assert (config.train.learning_rate, config.train.augment.window) == (2e-5, 1022)
    assert config.head["kind"] == "pooled"
    lines = text.splitlines()
    for number, line in enumerate(lines):
        name = line.strip().partition(":")[0]
        if not line.strip().startswith(("#", "-")):
            comment = next(above for above in reversed(lines[:number]) if re.match(r" *# \w+: ", above))
            assert comment.strip().startswith(f"# {name}: "), line
    assert run(["train", "settings", "--encoder", "compact"]) == 0
    assert "# kernel: letters that the convolution sees." in capsys.readouterr().out


def test_without_a_checkpoint_there_is_no_bundle(
    tmp_path: Path, tiny_rfam: Path, tiny_split: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["train", "bundle", "--workdir", str(tmp_path), "--rfam", str(tiny_rfam)]
    assert run([*arguments, "--split", str(tiny_split), "--out", str(tmp_path / "b")]) == 1
    assert "no checkpoint" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("encoder", "settings", "said"),
    [("nobody", "{}", "no encoder 'nobody'"), ("rnabert", "train: {augment: {window: 500}}", "at most 438")],
)
def test_a_preparation_refuses_what_no_training_takes(
    encoder: str, settings: str, said: str, tmp_path: Path, tiny_rfam: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c.yml").write_text(settings)
    arguments = ["train", "prepare", "--rfam", str(tiny_rfam), "--out", str(tmp_path / "b"), "--encoder", encoder]
    assert run([*arguments, "--config", str(tmp_path / "c.yml")]) == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


@pytest.mark.tool("mmseqs")
def test_near_copies_are_removed_and_the_rest_is_joined(tmp_path: Path, tiny_rfam: Path) -> None:
    from rhoma.train.prepare import read_batch

    common = ["--quiet"]
    source = tmp_path / "rfam"
    shutil.copytree(tiny_rfam, source)
    assert (
        run(["train", "prepare", "--rfam", str(source), "--out", str(tmp_path / "b"), "--batch-size", "6", *common])
        == 0
    )
    (tmp_path / "kept").mkdir()
    for batch in sorted((tmp_path / "b").iterdir()):
        out = tmp_path / "kept" / f"{batch.stem}.kept.fa"
        assert run(["train", "deduplicate", "-f", str(batch), "-o", str(out), "--threads", "1", *common]) == 0
        before, after = read_batch(batch), read_batch(out)
        assert set(after) == set(before)
        assert all(after[f].items() <= before[f].items() for f in before)
    assert (
        run(
            [
                "train",
                "gather",
                "--rfam",
                str(source),
                "--kept",
                str(tmp_path / "kept"),
                "--out",
                str(tmp_path / "small"),
                *common,
            ]
        )
        == 0
    )
    assert (tmp_path / "small" / "families.tsv").read_bytes() == (source / "families.tsv").read_bytes()


def test_two_processes_train_one_bundle(tmp_path: Path, tiny_rfam: Path, tiny_config: Path, tiny_split: Path) -> None:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    out = tmp_path / "bundle"
    program = "import sys; from rhoma.cli import main; main(['train', *sys.argv[1:]])"
    arguments = [sys.executable, "-c", program, "run", "--rfam", str(tiny_rfam), "--split", str(tiny_split)]
    arguments += [
        "--config",
        str(tiny_config),
        "--set",
        "train.steps=2",
        "--out",
        str(out),
        "--device",
        "cpu",
        "--threads",
        "1",
    ]
    processes = [
        subprocess.Popen(
            arguments,
            env=os.environ | {
                "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1",
            },
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]  # fmt: skip
    errors = [process.communicate(timeout=1800)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    two = json.loads((tmp_path / "bundle.work" / "checkpoint" / "state.json").read_text())["log"]
    assert len(two) == 2
    verify_files(out, read_manifest(out, ModelManifest))
    settings = resolve(file=tiny_config, given={"train": {"steps": 2}})
    network, _ = make_network(settings)
    families = load_families(tiny_rfam, [f"RF{n:05d}" for n in range(1, 9)])
    one = train(network, Sampler(families, settings.train), settings.train, tmp_path / "alone")
    assert [e["loss"] for e in two] == pytest.approx([e["loss"] for e in one], rel=1e-4)
