from __future__ import annotations

import functools
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("torch")

from rhoma.errors import InputError
from rhoma.models.encoders.compact import CompactConfig
from rhoma.models.encoders.words import WordsConfig
from rhoma.models.heads import HeadConfig
from rhoma.train.augment import AugmentConfig
from rhoma.train.config import TrainConfig
from rhoma.train.model_card import best_figures, curve, log_table, model_card
from rhoma.train.schema import commented_yaml, meanings, names
from rhoma.train.settings import RunConfig, assignments, resolve

if TYPE_CHECKING:
    from pathlib import Path

LOG = [
    {"step": 0, "loss": 2.0, "rate": 0.1},
    {"step": 1, "loss": 1.5, "rate": 0.2, "score": 0.3, "learned_map": 0.2},
    {"step": 2, "loss": 1.0, "rate": 0.3, "score": 0.5, "learned_map": 0.4},
    {"step": 3, "loss": 0.5, "rate": 0.1, "score": 0.5, "learned_map": 0.9},
]


def test_the_command_line_wins_over_the_file_and_the_file_over_the_preset(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("train: {steps: 7, clan: positive, augment: {window: 500}}\nlora: 4\n")
    config = resolve(
        preset="jiang2025", file=file, given={"lora": None, "train": {"steps": 9, "augment": {"window": None}}}
    )
    assert config.encoder == "rinalmo-giga"
    assert config.head["kind"] == "pooled"
    assert (config.lora, config.train.steps, config.train.clan) == (4, 9, "positive")
    assert (config.train.augment.window, config.train.augment.substitutions) == (500, 0.0)
    assert resolve() == RunConfig()


def test_the_preset_is_the_papers() -> None:
    config = resolve(preset="jiang2025")
    assert config.encoder_info().hub_id == "multimolecule/rinalmo-giga"
    assert config.train.clan == "negative"
    assert config.train.families * config.train.views == 1024
    assert config.train.synthetic == config.train.negatives == 0


def test_resolved_settings_come_back(tmp_path: Path) -> None:
    config = resolve(preset="jiang2025", given={"train": {"seed": 5}})
    (tmp_path / "c.yaml").write_text(commented_yaml(config))
    assert resolve(file=tmp_path / "c.yaml") == config


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("train: {stepz: 3}", "train.stepz"),
        ("train: {stepz: 3}", "did you mean train.steps"),
        ("train: {augment: {windows: 3}}", "in train.augment there are window, substitutions"),
        ("windows: 3", r"did you mean window\? there are name, encoder"),
        ("train: {steps: 0, temperature: -1}", "train.temperature"),
        ("train: 3", "train: Input should be a valid dictionary"),
        ("- 1", "no YAML mapping"),
        ("a: [", "cannot be read"),
    ],
)
def test_wrong_settings_are_named(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(InputError, match=said) as caught:
        resolve(file=tmp_path / "c.yaml")
    assert "c.yaml" in str(caught.value)


def test_assignments_nest_and_the_last_one_wins() -> None:
    texts = ["train.steps=3", "head.kind=pooled", "train.augment.window=64", "train.steps=4", "name=a=b"]
    assert assignments([*texts, "train.augment.synthetic_substitutions=[0.1, 0.2]"]) == {
        "train": {"steps": 4, "augment": {"window": 64, "synthetic_substitutions": [0.1, 0.2]}},
        "head": {"kind": "pooled"},
        "name": "a=b",
    }
    assert resolve(given=assignments(["train.learning_rate=1e-4"])).train.learning_rate == 1e-4


def test_every_setting_can_be_set_and_says_what_it_means() -> None:
    default = resolve().model_dump(mode="json")
    for name in names(RunConfig):
        value = functools.reduce(lambda part, step: part[step], name.split("."), default)
        assert resolve(given=assignments([f"{name}={json.dumps(value)}"])) == resolve(), name
    for model in (RunConfig, TrainConfig, AugmentConfig, HeadConfig, CompactConfig, WordsConfig):
        assert set(meanings(model)) == set(model.model_fields), model


def test_the_name_follows_the_encoder() -> None:
    assert resolve(given={"encoder": "compact"}).name == "rhoma-compact"
    assert resolve(given={"encoder": "compact", "name": "mine"}).name == "mine"
    assert RunConfig().name == "rhoma-words"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"encoder": "nobody"}, "rinalmo-giga"),
        ({"lora": 4}, "as a whole"),
        ({"encoder": "rnabert", "train": {"augment": {"window": 500}}}, "at most 438"),
    ],
)
def test_encoders_that_cannot_be_are_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        resolve(given=given).encoder_info()


def test_settings_are_read_where_torch_is_missing() -> None:
    program = "import sys; sys.modules['torch'] = None; import rhoma.train.settings, rhoma.train.prepare"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_first_best_step_counts() -> None:
    assert best_figures(LOG) == {"score": 0.5, "learned_map": 0.4, "best_step": 2.0, "steps": 4.0}
    assert best_figures(LOG[:1]) == {"steps": 1.0}


def test_the_log_is_a_table() -> None:
    lines = log_table(LOG).splitlines()
    assert lines[0].split("\t") == ["step", "loss", "rate", "learned_map", "score"]
    assert lines[1] == "0\t2\t0.1\t\t"
    assert lines[3] == "2\t1\t0.3\t0.4\t0.5"


def test_the_curve_is_the_same_every_time() -> None:
    drawn = curve(LOG)
    assert drawn.startswith("<?xml")
    assert drawn.rstrip().endswith("</svg>")
    assert "mean average precision" in drawn
    assert curve(LOG) == drawn
    assert "</svg>" in curve(LOG[:1])


def test_the_card_says_how_to_make_it_again() -> None:
    card = model_card(
        resolve(), {"score": 0.5}, data={"members.fa.gz": "ab"}, split_sha256="cd", licence="MIT",
        counts={"train": 3, "validation": 1},
    )  # fmt: skip
    for part in ("CC0", "| members.fa.gz | `ab` |", "`cd`", "| score | 0.5 |", "rhoma train run --rfam", "MIT"):
        assert part in card
