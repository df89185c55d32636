"""Fixtures and markers of all tests: programs, the Rfam files, a small model that needs no training."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from numpy.typing import NDArray

# The machine may be busy: no test fails for its time. The examples are the same in every run.
settings.register_profile("rhoma", deadline=None, derandomize=True)
settings.load_profile("rhoma")

# fixtures of tests/pipeline that many tests share, and the group of these tests: one needs both the demo and Slurm
SHARED_RUNS = {"demo": "demo", "slurm": "demo", "verdicts": "verdicts"}
# The longest tests. A test that shares nothing is dealt out after those that do, in the order of collection: no worker
# should begin one of these when the other has nothing left.
LONGEST = ("test_a_small_training_makes_a_bundle_and_measures_it", "test_the_quick_benchmark")
RFAM_FILES = ("members.fa.gz", "seed.sto.gz", "families.tsv")


def rfam_directory() -> Path | None:
    """Returns the directory of the Rfam files, from RHOMA_RFAM or beside the repository, or None."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data" / "rfam"
    directory = Path(os.environ.get("RHOMA_RFAM", beside))
    return directory if all((directory / name).is_file() for name in RFAM_FILES) else None


def pytest_xdist_auto_num_workers() -> int:
    """Returns one worker more than cores: tests wait for Nextflow now and then."""
    return len(os.sched_getaffinity(0)) + 1


def _group(item: pytest.Item) -> str | None:
    """Returns what tests of one process have in common: their file, or in tests/pipeline a run that they share."""
    if "pipeline" not in item.path.parts:
        return item.path.name
    return next((group for name, group in SHARED_RUNS.items() if name in item.fixturenames), None)


# a wrapper begins before the hook of pytest-xdist that reads the groups
@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    """Groups and orders the tests, and skips, with a reason, what this machine has no program or no data for."""
    items.sort(key=lambda item: not item.name.startswith(LONGEST))
    for item in items:
        group = _group(item)
        if group is not None:
            item.add_marker(pytest.mark.xdist_group(group))
        for marker in item.iter_markers("tool"):
            missing = [name for name in marker.args if shutil.which(name) is None]
            if missing:
                item.add_marker(pytest.mark.skip(reason=f"not on PATH: {', '.join(missing)}"))
        if item.get_closest_marker("rfam") and rfam_directory() is None:
            item.add_marker(pytest.mark.skip(reason="the Rfam files are missing (set RHOMA_RFAM)"))
    yield


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Names bytes after their argument: what is in a file is no name, and may differ between two processes."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(scope="session")
def rfam_dir() -> Path:
    """Returns the directory with members.fa.gz, seed.sto.gz and families.tsv."""
    directory = rfam_directory()
    if directory is None:
        pytest.skip("the Rfam files are missing (set RHOMA_RFAM)")
    return directory


class ToyEmbedder:
    """A fixed random projection of 4-mer counts: close sequences get close vectors, without any training."""

    name = "toy"
    sha256 = "70" * 32
    window = 128
    stride = 64

    def __init__(self, dimension: int = 64) -> None:
        self.dimension = dimension
        self._projection = np.random.default_rng(7).standard_normal((256, dimension)).astype(np.float32)
        self._offset = np.random.default_rng(8).standard_normal(dimension).astype(np.float32) * 1e-3
        self._code = np.full(256, -1000, dtype=np.int64)
        self._code[np.frombuffer(b"ACGU", dtype=np.uint8)] = np.arange(4)
        self.embedded = 0

    def embed(
        self, sequences: Sequence[str], *, progress: Callable[[int, int], None] | None = None
    ) -> NDArray[np.float32]:
        """Returns (n, dimension) float32 unit rows."""
        counts = np.zeros((len(sequences), 256), dtype=np.float32)
        for row, sequence in enumerate(sequences):
            letters = self._code[np.frombuffer(sequence.encode("ascii"), dtype=np.uint8)]
            words = np.convolve(letters, [1, 4, 16, 64], mode="valid") if len(letters) >= 4 else letters[:0]
            counts[row] = np.bincount(words[words >= 0], minlength=256)
        self.embedded += len(sequences)
        if progress is not None:
            progress(len(sequences), len(sequences))
        # in double precision, as a row's last digit depends on the number of rows
        vectors = counts.astype(np.float64) @ self._projection + self._offset
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def toy_embedder() -> ToyEmbedder:
    """Returns an Embedder (window 128, stride 64, dimension 64) that is deterministic and needs no files."""
    return ToyEmbedder()


@pytest.fixture
def crashing_cmbuild(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts a cmbuild on PATH that aborts, as Infernal's does where one of its assertions fails."""
    program = tmp_path / "crashing" / "cmbuild"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'Assertion failed' >&2\nkill -ABRT $$\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
