from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from rhoma.errors import InputError
from rhoma.train.augment import decode
from rhoma.train.config import TrainConfig
from rhoma.train.data import load_families, ungapped_pairs
from rhoma.train.prepare import gather, read_batch, write_batch, write_batches
from rhoma.train.sampler import Sampler

if TYPE_CHECKING:
    from pathlib import Path

    from rhoma.train.data import Family


def test_pairs_follow_the_gaps() -> None:
    sequence, pairs = ungapped_pairs("G-GA-AcuC", "<<<...>>>")
    assert sequence == "GGAACUC"
    # the middle pair lost its left side, the inner one stays
    assert pairs.tolist() == [6, 4, -1, -1, 1, -1, 0]


def test_nested_and_branched_structures() -> None:
    _, pairs = ungapped_pairs("ACGUACGUAC", "<(..)[.]>A")
    assert pairs.tolist() == [8, 4, -1, -1, 1, 7, -1, 5, 0, -1]


def test_families_have_seed_rows_first_with_their_alignment(tiny_families: list[Family]) -> None:
    assert [f.name for f in tiny_families] == [f"RF{n:05d}" for n in range(1, 13)]
    assert [f.clan for f in tiny_families[:3]] == ["CL00001", "CL00001", "RF00003"]
    for family in tiny_families:
        assert [p is not None for p in family.pairs] == sorted([p is not None for p in family.pairs])[::-1]
        for member, pairs, columns in zip(family.members, family.pairs, family.columns, strict=True):
            assert (pairs is None) == (columns is None)
            if pairs is not None and columns is not None:
                assert len(member) == len(pairs) == len(columns)
                assert (np.diff(columns) > 0).all()
                paired = np.flatnonzero(pairs >= 0)
                assert (pairs[pairs[paired]] == paired).all()


def test_length_limits_and_missing_families(tiny_rfam: Path) -> None:
    with pytest.raises(InputError, match="usable"):
        load_families(tiny_rfam, ["RF00001"], min_length=500)
    with pytest.raises(InputError, match="usable"):
        load_families(tiny_rfam, ["RF99999"])


def config(**values: object) -> TrainConfig:
    return TrainConfig.model_validate(
        {"families": 8, "synthetic": 3, "views": 3, "negatives": 5, "augment": {"window": 48}} | values
    )


def test_a_batch_depends_on_seed_and_step_alone(tiny_families: list[Family]) -> None:
    one, two = Sampler(tiny_families, config()), Sampler(tiny_families, config())
    two.batch(3)
    assert one.batch(7).sequences == two.batch(7).sequences
    assert one.batch(7).sequences != one.batch(8).sequences
    assert one.batch(7).sequences != Sampler(tiny_families, config(seed=2)).batch(7).sequences


@pytest.mark.parametrize("step", range(8))
def test_labels_tell_families_apart(step: int, tiny_families: list[Family]) -> None:
    settings = config(augment={"window": 48, "substitutions": 0.0, "indels": 0.0, "synthetic_substitutions": (0, 0)})
    batch = Sampler(tiny_families, settings).batch(step)
    labels, clans = batch.labels, batch.clans
    assert len(batch.sequences) == len(labels) == len(clans) == (8 + 3) * 3 + 5
    counts = np.bincount(labels)
    assert counts.tolist() == [3] * 11 + [1] * 5
    assert all(len(set(clans[labels == label])) == 1 for label in set(labels))
    # clans of synthetic families and of negatives are nobody else's
    assert len(set(clans[labels >= 8])) == 3 + 5
    assert not set(clans[labels >= 8]) & set(clans[labels < 8])
    assert max(map(len, batch.sequences)) <= 48
    # whose member a bare view is tells its family: one label, one family
    members = {decode(m): f.name for f in tiny_families for m in f.members}
    owners = {
        int(label): {members[s] for s, n in zip(batch.sequences, labels, strict=True) if n == label and s in members}
        for label in range(8)
    }
    assert all(len(names) <= 1 for names in owners.values())
    known = [next(iter(names)) for names in owners.values() if names]
    assert known
    assert len(known) == len(set(known))


def test_more_families_than_there_are(tiny_families: list[Family]) -> None:
    batch = Sampler(tiny_families, config(families=500, synthetic=0, negatives=0)).batch(0)
    assert len(batch.sequences) == len(tiny_families) * 3


@pytest.mark.parametrize(
    ("nearest", "clan_mates", "least", "most"), [(0.0, False, 0, 0.5), (0.5, False, 0.6, 1), (0.5, True, 0, 0.5)]
)
def test_nearest_families_of_other_clans_come_together(
    nearest: float, clan_mates: bool, least: float, most: float
) -> None:
    from rhoma.train.data import Family as Record

    # twenty pairs of families that are alike
    rng = np.random.default_rng(0)
    families = []
    for pair in range(20):
        ancestor = rng.integers(0, 4, 80).astype(np.uint8)
        for twin in range(2):
            centre = np.where(rng.random(80) < 0.15, rng.integers(0, 4, 80), ancestor).astype(np.uint8)
            clan = f"pair{pair}" if clan_mates else f"{pair}.{twin}"
            families.append(Record(f"{pair}.{twin}", clan, [centre] * 3, [None] * 3, [None] * 3))
    words = [{decode(f.members[0])[i : i + 8] for i in range(73)} for f in families]
    sampler = Sampler(families, config(nearest=nearest, augment={"window": 80, "substitutions": 0.0, "indels": 0.0}))
    with_twin = []
    for step in range(12):
        batch = sampler.batch(step)
        owners = set()
        for label in range(8):
            seen = {
                s[i : i + 8]
                for s, n in zip(batch.sequences, batch.labels, strict=True)
                if n == label
                for i in range(len(s) - 7)
            }
            owners.add(max(range(40), key=lambda number: len(words[number] & seen)))
        assert len(owners) == 8
        with_twin += [(owner ^ 1) in owners for owner in owners]
    assert least <= np.mean(with_twin) <= most


def test_hard_views_share_fewer_words_than_random_ones(tiny_families: list[Family]) -> None:
    from rhoma.train.data import Family as Record

    rng = np.random.default_rng(0)
    base = [rng.integers(0, 4, 60).astype(np.uint8) for _ in range(3)]
    copies = [b.copy() for b in base for _ in range(10)]
    family = Record("RF1", "RF1", copies, [None] * 30, [None] * 30)
    plain = {"augment": {"window": 60, "substitutions": 0.0, "indels": 0.0, "bare": 1.0, "truncate": 0.0}}

    def groups(hard: float) -> float:
        sampler = Sampler([family], config(families=1, synthetic=0, negatives=0, hard=hard, **plain))
        return float(np.mean([len(set(sampler.batch(step).sequences)) for step in range(30)]))

    assert groups(1.0) > groups(0.0)
    assert groups(1.0) > 2.8


def test_batches_hold_whole_families_within_limits(tiny_rfam: Path, tmp_path: Path) -> None:
    count = write_batches(tiny_rfam, tmp_path / "b", batch_size=5, min_length=36, max_length=38)
    files = sorted((tmp_path / "b").iterdir())
    assert count == len(files) == 3
    families = [set(read_batch(path)) for path in files]
    assert sum(map(len, families)) == len(set.union(*families))
    lengths = {len(s) for p in files for f in read_batch(p).values() for s in f.values()}
    assert lengths <= {36, 37, 38}
    with pytest.raises(InputError, match="no sequence"):
        write_batches(tiny_rfam, tmp_path / "c", batch_size=5, min_length=1000, max_length=2000)


def test_gathered_directory_holds_what_was_kept(tiny_rfam: Path, tmp_path: Path) -> None:
    write_batch(tmp_path / "k1.fa", {"RF00002": {"s2.1": "A", "s2.3": "A", "m2.1": "A"}})
    write_batch(tmp_path / "k2.fa", {"RF00005": {"m5.2": "A"}})
    assert gather(tiny_rfam, [tmp_path / "k1.fa", tmp_path / "k2.fa"], tmp_path / "out") == 4
    kept = load_families(tmp_path / "out", ["RF00002", "RF00005", "RF00001"], min_length=1)
    whole = {f.name: f for f in load_families(tiny_rfam, ["RF00002", "RF00005"], min_length=1)}
    assert [(f.name, len(f.members), f.clan) for f in kept] == [
        ("RF00002", 3, "CL00001"), ("RF00005", 1, "RF00005"),
    ]  # fmt: skip
    for family in kept:
        known = {decode(m): p for m, p in zip(whole[family.name].members, whole[family.name].pairs, strict=True)}
        for member, pairs in zip(family.members, family.pairs, strict=True):
            before = known[decode(member)]
            assert (pairs is None) == (before is None)
            if pairs is not None and before is not None:
                assert (pairs == before).all()
