"""Folds that a training keeps: the same as those made, shared by processes, whole after a kill."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("RNA")
torch.set_num_threads(1)

from rhoma.errors import ArtefactError  # noqa: E402
from rhoma.models.pairing import pair_probabilities  # noqa: E402
from rhoma.train import folds  # noqa: E402
from rhoma.train.checkpoint import load_best  # noqa: E402
from rhoma.train.data import Data  # noqa: E402
from rhoma.train.folds import Folds  # noqa: E402
from rhoma.train.run import FOLDS, bundle_of_checkpoint, train_bundle  # noqa: E402
from rhoma.train.settings import resolve  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

SEQUENCES = ["GGGGACUUCGGUCCCC", "ACGUACGUUUAGCAUCGACUAGCAUC", "AAAA", "GCNNGCAAAAGCUUGC", "GGGGACUUCGGUCCCC"]
SPLIT = {f"RF{n:05d}": "train" if n < 9 else "validation" for n in range(1, 13)}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Returns the sequences that are folded from now on."""
    found: list[str] = []

    def counted(sequence: str) -> Any:
        found.append(sequence)
        return pair_probabilities(sequence)

    monkeypatch.setattr(folds, "pair_probabilities", counted)
    return found


def test_what_is_kept_is_what_was_made(tmp_path: Path, made: list[str]) -> None:
    kept = Folds(tmp_path / "deep" / "f.sqlite")
    first = kept(SEQUENCES)
    for sequence, pairs in zip(SEQUENCES, first, strict=True):
        assert pairs.dtype == np.float32
        np.testing.assert_array_equal(pairs, pair_probabilities(sequence).astype(np.float16).astype(np.float32))
    # one that is there twice is folded once
    assert sorted(made) == sorted(set(SEQUENCES))
    made.clear()
    again = Folds(tmp_path / "deep" / "f.sqlite")
    for pairs, before in zip(again([*SEQUENCES, "GGGAAACCC"]), first, strict=False):
        np.testing.assert_array_equal(pairs, before)
    assert made == ["GGGAAACCC"]


def test_more_than_a_statement_takes(tmp_path: Path, made: list[str]) -> None:
    rng = np.random.default_rng(1)
    many = ["".join(rng.choice(list("ACGU"), 12)) for _ in range(1200)]
    kept = Folds(tmp_path / "f.sqlite")
    kept(many)
    made.clear()
    kept(many)
    assert made == []


def test_a_full_file_takes_no_more(tmp_path: Path, made: list[str], caplog: pytest.LogCaptureFixture) -> None:
    kept = Folds(tmp_path / "f.sqlite", most_bytes=1)
    for _ in range(2):
        assert len(kept(SEQUENCES)) == len(SEQUENCES)
    assert len(made) == 2 * len(set(SEQUENCES))
    assert sum("takes no more folds" in record.message for record in caplog.records) == 1


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(ArtefactError, match=r"f\.sqlite: the kept folds cannot be used .* delete the file"):
        Folds(tmp_path / "f.sqlite")


WRITER = """
import sys
import numpy as np
from pathlib import Path
from rhoma.train.folds import Folds

kept, seed = Folds(Path(sys.argv[1])), int(sys.argv[2])
rng = np.random.default_rng(seed)
# every process folds this one, and some of its own
for number in range(int(sys.argv[3])):
    kept(["GGGGACUUCGGUCCCC", *("".join(rng.choice(list("ACGU"), 20)) for _ in range(10))])
    print(number, flush=True)
"""


def test_processes_share_the_file_and_a_kill_leaves_it_whole(tmp_path: Path) -> None:
    path = tmp_path / "f.sqlite"
    arguments = [sys.executable, "-c", WRITER, str(path)]
    endless = subprocess.Popen([*arguments, "1", "1000000"], stdout=subprocess.PIPE, text=True)
    others = [subprocess.Popen([*arguments, seed, "5"], stderr=subprocess.PIPE, text=True) for seed in ("2", "3")]
    assert endless.stdout is not None
    for _ in range(3):
        assert endless.stdout.readline()
    time.sleep(0.05)
    endless.send_signal(signal.SIGKILL)
    endless.wait()
    endless.stdout.close()
    errors = [other.communicate(timeout=300)[1] for other in others]
    assert [other.returncode for other in others] == [0, 0], errors
    rng = np.random.default_rng(1)
    first = ["".join(rng.choice(list("ACGU"), 20)) for _ in range(30)]
    for sequence, pairs in zip(first, Folds(path)(first), strict=True):
        np.testing.assert_array_equal(pairs, pair_probabilities(sequence).astype(np.float16).astype(np.float32))


def test_a_second_training_folds_nothing_again(
    tmp_path: Path, tiny_rfam: Path, tiny_settings: dict[str, Any], made: list[str]
) -> None:
    head = tiny_settings["head"] | {"structure": True}
    config = resolve(given=tiny_settings | {"head": head, "train": tiny_settings["train"] | {"steps": 4}})
    data, work = Data(tiny_rfam, SPLIT, ""), tmp_path / "w"
    train_bundle(data, config, tmp_path / "one", work)
    assert len(made) == len(set(made)) > 100
    assert (work / FOLDS).is_file()
    log = load_best(work)[2]
    made.clear()
    bundle_of_checkpoint(data, work, tmp_path / "two", config)
    shutil.rmtree(work / "checkpoint")
    train_bundle(data, config, tmp_path / "three", work)
    assert made == []
    assert load_best(work)[2] == log
    bundles = [(tmp_path / name / "manifest.json").read_bytes() for name in ("one", "two", "three")]
    assert bundles[0] == bundles[1] == bundles[2]
