"""Fixtures of the unit tests of encoders and training: a small Rfam, small networks."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import numpy as np
import pytest
import yaml

if TYPE_CHECKING:
    from pathlib import Path

    from rhoma.train.data import Family

STRUCTURE = "..<<<<<<....>>>>>>....<<<<<.....>>>>>.."
PARTNERS = {"A": "U", "U": "A", "C": "G", "G": "C"}


def aligned_family(rng: np.random.Generator, rows: int) -> list[str]:
    """Returns aligned rows that pair as STRUCTURE says, with a few gaps in loops."""
    letters = np.array(list("ACGU"))
    ancestor = list(rng.choice(letters, size=len(STRUCTURE)))
    result = []
    for _ in range(rows):
        row = [c if rng.random() > 0.15 else str(rng.choice(letters)) for c in ancestor]
        stack = []
        for place, mark in enumerate(STRUCTURE):
            if mark == "<":
                stack.append(place)
            elif mark == ">":
                row[place] = PARTNERS[row[stack.pop()]]
            elif rng.random() < 0.1:
                row[place] = "-"
        result.append("".join(row))
    return result


@pytest.fixture(scope="session")
def tiny_rfam(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns an Rfam directory of 12 families, the first two of one clan, with 4 seed rows and 4 members each."""
    directory: Path = tmp_path_factory.mktemp("rfam")
    rng = np.random.default_rng(5)
    table, seeds, members = ["family\tname\ttype\tclan"], [], []
    for number in range(1, 13):
        accession = f"RF{number:05d}"
        clan = "CL00001" if number < 3 else ""
        table.append(f"{accession}\tfam{number}\tGene;\t{clan}")
        rows = aligned_family(rng, 8)
        body = "".join(f"s{number}.{i}  {row}\n" for i, row in enumerate(rows[:4]))
        seeds.append(f"# STOCKHOLM 1.0\n#=GF AC   {accession}\n{body}#=GC SS_cons {STRUCTURE}\n//\n")
        members += [f">m{number}.{i} {accession}\n{r.replace('-', '')}\n" for i, r in enumerate(rows[4:])]
    (directory / "families.tsv").write_text("\n".join(table) + "\n")
    for name, text in (("seed.sto.gz", "".join(seeds)), ("members.fa.gz", "".join(members))):
        with gzip.open(directory / name, "wt") as handle:
            handle.write(text)
    return directory


@pytest.fixture(scope="session")
def tiny_families(tiny_rfam: Path) -> list[Family]:
    """Returns the families of `tiny_rfam`."""
    from rhoma.train.data import load_families

    return load_families(tiny_rfam, [f"RF{n:05d}" for n in range(1, 13)])


@pytest.fixture(scope="session")
def tiny_settings() -> dict[str, object]:
    """Returns settings of a training that takes a moment: nested like config.yaml."""
    return {
        "name": "tiny",
        "encoder": "compact",
        "sizes": {"embedding_size": 8, "hidden_size": 16, "kernel": 5, "max_length": 200},
        "head": {"hidden_size": 16, "layers": 1, "heads": 2, "pool_heads": 4, "dimension": 32},
        "whitened": 16,
        "stride": 32,
        "train": {
            "steps": 6,
            "families": 5,
            "synthetic": 2,
            "views": 2,
            "negatives": 3,
            "nearest": 0.0,
            "precision": "fp32",
            "validate_every": 3,
            "checkpoint_every": 2,
            "augment": {"window": 64},
        },
    }


@pytest.fixture
def tiny_config(tmp_path: Path, tiny_settings: dict[str, object]) -> Path:
    """Returns `tiny_settings` as a file."""
    path = tmp_path / "settings.yaml"
    path.write_text(yaml.safe_dump(tiny_settings))
    return path


@pytest.fixture
def tiny_split(tmp_path: Path) -> Path:
    """Returns a split of `tiny_rfam`: eight families for training, four for validation."""
    path = tmp_path / "split.tsv"
    rows = [f"RF{n:05d}\t\tRF{n:05d}\t{'train' if n < 9 else 'validation'}" for n in range(1, 13)]
    path.write_text("\n".join(["family\tclan\tcomponent\tsplit", *rows]) + "\n")
    return path


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory, tiny_settings: dict[str, object]) -> Path:
    """Returns a bundle of an untrained compact network with windows of 64."""
    from rhoma.models.bundle import write_bundle
    from rhoma.train.factory import make_network
    from rhoma.train.settings import resolve

    config = resolve(given=tiny_settings)
    network, info = make_network(config)
    out: Path = tmp_path_factory.mktemp("bundle") / "tiny"
    write_bundle(out, network, info, name="tiny", window=64, stride=32, training={}, metrics={})
    return out


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause between two attempts of a download."""
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
