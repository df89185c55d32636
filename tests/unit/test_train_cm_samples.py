"""Samples of covariance models as further members of small families."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from rhoma.cli import run  # noqa: E402
from rhoma.errors import ArtefactError, ToolError  # noqa: E402
from rhoma.rfam import read_seed  # noqa: E402
from rhoma.train.augment import decode  # noqa: E402
from rhoma.train.cm_samples import add_cm_samples, write_cm_samples  # noqa: E402
from rhoma.train.data import load_families  # noqa: E402
from rhoma.train.settings import resolve  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

NAMES = [f"RF{n:05d}" for n in range(1, 4)]
tool = pytest.mark.tool("cmbuild", "cmemit")


@tool
def test_samples_come_aligned_with_a_structure(tmp_path: Path, tiny_rfam: Path) -> None:
    told: list[tuple[int, int]] = []
    out = write_cm_samples(
        tiny_rfam, {"RF00001": 3, "RF00003": 5}, tmp_path / "e", progress=lambda done, of: told.append((done, of))
    )
    found = {seed.accession: seed for seed in read_seed(out)}
    assert {name: len(seed.rows) for name, seed in found.items()} == {"RF00001": 3, "RF00003": 5}
    assert told == [(1, 2), (2, 2)]
    for seed in found.values():
        assert all(len(row) == len(seed.structure) for _, row in seed.rows)
        assert seed.structure.count("<") == seed.structure.count(">") > 0


@tool
def test_the_same_request_is_answered_from_the_directory(tmp_path: Path, tiny_rfam: Path) -> None:
    out = write_cm_samples(tiny_rfam, {"RF00002": 4}, tmp_path / "e", seed=3)
    made = (out / "seed.sto.gz").read_bytes()
    stamp = (out / "seed.sto.gz").stat().st_mtime_ns
    write_cm_samples(tiny_rfam, {"RF00002": 4}, out, seed=3)
    assert (out / "seed.sto.gz").stat().st_mtime_ns == stamp
    again = write_cm_samples(tiny_rfam, {"RF00002": 4}, tmp_path / "again", seed=3)
    assert [seed.rows for seed in read_seed(again)] == [seed.rows for seed in read_seed(out)]
    with pytest.raises(ArtefactError, match="other families or settings"):
        write_cm_samples(tiny_rfam, {"RF00002": 5}, out, seed=3)
    (out / "cm_samples.json").write_text("{")
    with pytest.raises(ArtefactError, match="cannot be read"):
        write_cm_samples(tiny_rfam, {"RF00002": 4}, out, seed=3)
    assert (out / "seed.sto.gz").read_bytes() == made


@tool
def test_small_families_are_filled_up(tmp_path: Path, tiny_rfam: Path, tiny_settings: dict[str, Any]) -> None:
    families = load_families(tiny_rfam, NAMES)
    before = [len(family.members) for family in families]
    config = resolve(given=tiny_settings | {"cm_samples": max(before) + 2})
    add_cm_samples(families, tiny_rfam, config, tmp_path / "e")
    assert [len(family.members) for family in families] == [max(before) + 2] * 3
    for family, size in zip(families, before, strict=True):
        assert len(family.pairs) == len(family.columns) == len(family.members)
        for member, pairs in zip(family.members[size:], family.pairs[size:], strict=True):
            assert pairs is not None
            inside = np.flatnonzero(pairs >= 0)
            assert len(inside) > 6
            assert (pairs[pairs[inside]] == inside).all()
            text = decode(member)
            matched = [{text[i], text[pairs[i]]} in ({"A", "U"}, {"C", "G"}, {"G", "U"}) for i in inside]
            assert np.mean(matched) > 0.6


def test_without_infernal_nothing_is_left(tmp_path: Path, tiny_rfam: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match="cmbuild"):
        write_cm_samples(tiny_rfam, {"RF00002": 4}, tmp_path / "e")
    assert list(tmp_path.iterdir()) == []


@tool
def test_a_training_with_samples_goes_on_with_them(
    tmp_path: Path, tiny_rfam: Path, tiny_split: Path, tiny_config: Path
) -> None:
    arguments = ["train", "run", "--rfam", str(tiny_rfam), "--split", str(tiny_split), "--config", str(tiny_config)]
    arguments += ["--set", "train.steps=2", "--set", "cm_samples=10", "--threads", "1", "--device", "cpu", "--quiet"]
    assert run([*arguments, "--out", str(tmp_path / "b")]) == 0
    request = json.loads((tmp_path / "b.work" / "cm_samples" / "cm_samples.json").read_text())
    assert request["wanted"] == {f"RF{n:05d}": 2 for n in range(1, 9)}
