"""Near copies are indexed by one of them, and come back through it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rhoma.index.add import add_segment
from rhoma.index.build import build_index
from rhoma.index.change import delete, verify
from rhoma.index.compact import compact
from rhoma.index.contents import arrange, itself
from rhoma.index.representatives import _Search, kmer_length, near_copies
from rhoma.io.fasta import read_fasta
from rhoma.rfam import read_sequences
from rhoma.sequences import Record, reverse_complement
from rhoma.store import write_store

if TYPE_CHECKING:
    from rhoma.index.bundle import Index

CASES = Path(__file__).resolve().parents[1] / "cases"


def names_of(index: Index) -> list[str]:
    """Returns the first live name of every sequence; the empty string for a dead one."""
    return [(index.copies(number) or [""])[0] for number in range(index.n_sequences)]


def random_text(rng: np.random.Generator, length: int) -> str:
    return "".join(rng.choice(list("ACGU"), length))


def mutated(rng: np.random.Generator, text: str, share: float) -> str:
    return "".join(str(rng.choice(list("ACGU".replace(c, "")))) if rng.random() < share else c for c in text)


@pytest.fixture(scope="module")
def family() -> dict[str, str]:
    """Returns an RNA of 600 nt with copies of several kinds, and others."""
    rng = np.random.default_rng(7)
    text = random_text(rng, 600)
    return {
        "original": text,
        "like": mutated(rng, text, 0.03),
        "unlike": mutated(rng, text, 0.25),
        "other strand": reverse_complement(mutated(rng, text, 0.03)),
        "short tail": text + random_text(rng, 50),
        "long tail": text + random_text(rng, 140),
        "island": text[:300] + random_text(rng, 100) + text[300:],
        "gap": text[:300] + text[340:],
        "half": text[:300],
        "another": random_text(rng, 600),
    }


@pytest.mark.tool("mmseqs")
@pytest.mark.parametrize("threads", [1, 2])
def test_only_near_copies_are_represented(family: dict[str, str], threads: int):
    names, sequences = list(family), list(family.values())
    representative = near_copies(sequences, unaligned=64, threads=threads)
    stands = {name: names[number] for name, number in zip(names, representative.tolist(), strict=True)}
    assert all(stands[other] == other for other in stands.values()), "a representative stands for itself"
    # 140 or 100 letters of two of these have no counterpart in the others: a hit there must not be lost
    for name in ("unlike", "other strand", "half", "another", "island", "long tail"):
        assert stands[name] == name
    assert len({stands[name] for name in ("original", "like", "short tail")}) == 1


def test_the_table_of_alignments_is_read_with_all_conditions():
    good = "3\t5\t95\t100\t1\t100\t110\t5\t104\t120\t100M"
    near = _Search(unaligned=10, identity=0.9, coverage=0.8, threads=1, work=None)._near
    assert near(good) == (3, 5, 95)
    assert replace(near.__self__, unaligned=9)._near(good) is None, "ten letters lie outside"
    for change in (
        ("95\t100\t1", "89\t100\t1"),
        ("1\t100\t110", "100\t1\t110"),
        ("100\t110", "100\t140"),
        ("104\t120", "104\t130"),
        ("100M", "80M20I"),
    ):
        assert near(good.replace(*change)) is None, change


@pytest.mark.tool("mmseqs")
def test_a_crowd_of_variants_has_few_representatives():
    rng = np.random.default_rng(5)
    first = random_text(rng, 120)
    crowd = [first, *dict.fromkeys(mutated(rng, first, 0.02) for _ in range(300))]
    representative = near_copies(crowd, unaligned=64)
    assert len(set(representative.tolist())) <= 3


@pytest.mark.tool("mmseqs")
@pytest.mark.rfam
def test_two_runs_choose_the_same_representatives(rfam_dir: Path):
    # linear clustering of MMseqs2 does not: on these families it breaks ties at random
    families = read_sequences(rfam_dir)
    names = ("RF01459", "RF02344", "RF02516", "RF02879")
    sequences = list(dict.fromkeys(s for name in names for s in families[name].values()))
    first = near_copies(sequences, unaligned=64, identity=0.8)
    assert len(set(first.tolist())) < len(sequences)
    for threads in (1, 2, 2):
        assert near_copies(sequences, unaligned=64, identity=0.8, threads=threads).tolist() == first.tolist()


@pytest.mark.parametrize("letters", [0, 1_000_000, 65_700_000, 400_000_000, 10**11])
def test_the_table_of_mmseqs_is_no_larger_than_the_letters(letters: int):
    # 8 * 4^k bytes: with 15, the choice of MMseqs2, nine gigabytes for any database
    k = kmer_length(letters)
    assert 11 <= k <= 15
    assert 8 * 4**k <= max(8 * 4**11, 8 * letters)
    # and no k-mer is expected more than four times by chance, where the table may grow
    assert k == 15 or letters <= 4 * 4**k


def test_clusters_stand_together_and_are_cut_between():
    records = [Record(f"r{i}", "", "ACGUACGUACGUACGUACGU"[: 15 + i]) for i in range(6)]
    records.insert(3, Record("again", "x", records[5].sequence))

    def represent(sequences: list[str]) -> Any:
        # in the order of first appearance: r0 r1 r2 r5 r3 r4
        return np.array([0, 1, 0, 1, 4, 0])

    contents = arrange(records, represent)
    assert [len(text) - 15 for text in contents.sequences] == [0, 2, 4, 1, 5, 3]
    assert contents.copies.tolist() == [[0, 0, 3], [1, 2, 4]]
    assert [(m.name, m.sequence) for m in contents.members] == [
        ("r0", 0),
        ("r2", 1),
        ("r4", 2),
        ("r1", 3),
        ("again", 4),
        ("r5", 4),
        ("r3", 5),
    ]
    assert contents.indexed.tolist() == [0, 3, 5]
    assert contents.residues == sum(len(record.sequence) for record in records)
    parts = list(contents.parts(1, 128, 64))
    assert [part.copies.tolist() for part in parts] == [[[0, 0], [1, 2]], [[0], [1]], [[], []]]
    assert sum((list(part.sequences) for part in parts), []) == contents.sequences
    assert [[m.name for m in part.members] for part in parts] == [["r0", "r2", "r4"], ["r1", "again", "r5"], ["r3"]]
    assert list(arrange(records, itself).copies.shape) == [2, 0]


class Crowd:
    """An index of a crowd of near copies and of some others, and what is known about it."""

    def __init__(self, path: Path, embedder: Any) -> None:
        rng = np.random.default_rng(3)
        self.path, self.embedder = path, embedder
        original = random_text(rng, 150)
        self.crowd = [Record(f"crowd{i}", "", mutated(rng, original, 0.02)) for i in range(12)]
        self.others = [Record(f"other{i}", "", random_text(rng, 200)) for i in range(5)]
        self.more = [Record(f"more{i}", "", mutated(rng, original, 0.02)) for i in range(3)]

    def build(self, records: list[Record], **options: Any) -> Index:
        store = write_store(self.path / f"store{len(records)}", records, self.embedder)
        return build_index(records, store, self.path / "index", **options)

    def add(self, index: Index, records: list[Record]) -> Index:
        return add_segment(index.path, records, write_store(self.path / "more", records, self.embedder))

    def found(self, index: Index, record: Record) -> set[str]:
        """Returns the names that the windows nearest to a sequence lead to."""
        scores, rows = index.search(self.embedder.embed([record.sequence[:128]]), 2)
        names: set[str] = set()
        for number in np.unique(index.windows(rows[0][scores[0] > 0.5])[0]).tolist():
            for member in [number, *index.represented(number).tolist()]:
                names.update(index.copies(member))
        return names


@pytest.fixture
def crowd(tmp_path: Path, toy_embedder: Any) -> Crowd:
    return Crowd(tmp_path, toy_embedder)


@pytest.mark.tool("mmseqs")
def test_a_crowd_is_found_through_its_representative(crowd: Crowd):
    records = [*crowd.crowd[:6], *crowd.others, *crowd.crowd[6:]]
    index = crowd.build(records)
    assert index.manifest.representation.method == "mmseqs"
    assert (index.manifest.n_sequences, index.manifest.n_represented, index.n_sequences) == (17, 11, 17)
    assert index.n_windows == 2 + 5 * 3
    assert index.total_residues == sum(len(record.sequence) for record in records)
    everybody = {record.id for record in crowd.crowd}
    assert crowd.found(index, crowd.crowd[0]) == everybody
    numbers = [index.sequence_of(record.id) for record in crowd.crowd]
    representative = {int(index.representatives[number]) for number in numbers if number is not None}
    assert len(representative) == 1
    (leader,) = representative
    assert sorted([leader, *index.represented(leader).tolist()]) == sorted(n for n in numbers if n is not None)
    for record, number in zip(crowd.crowd, numbers, strict=True):
        assert number is not None
        assert index.fetch(number) == record.sequence
        assert index.copies(number) == [record.id]
        assert (len(index.rows_of(number)) > 0) == (number == leader)
        assert (len(index.represented(number)) > 0) == (number == leader)
    assert names_in_database(index) == {index.copies(leader)[0], *(record.id for record in crowd.others)}
    verify(index.path)


@pytest.mark.tool("mmseqs")
def test_near_copies_survive_their_representative(crowd: Crowd):
    index = crowd.build([*crowd.crowd, *crowd.others])
    leader = int(index.representatives[index.sequence_of("crowd0")])
    (name,) = index.copies(leader)
    left = {record.id for record in crowd.crowd} - {name}
    index = delete(index.path, [name])
    assert index.copies(leader) == []
    assert index.sequence_of(name) is None
    assert leader not in index.live_sequences
    assert crowd.found(index, crowd.crowd[1]) == left
    # its windows have no name, so MMseqs2 gets the near copies themselves
    assert names_in_database(index) == {*left, *(record.id for record in crowd.others)}
    assert index.manifest.n_names == 16
    verify(index.path)
    index = compact(index.path)
    assert crowd.found(index, crowd.crowd[1]) == left
    assert index.manifest.n_sequences == 16
    assert index.total_residues == sum(len(r.sequence) for r in [*crowd.crowd, *crowd.others] if r.id != name)
    assert names_in_database(index) == {*left, *(record.id for record in crowd.others)}
    verify(index.path)
    # once the last of them is deleted, nothing is left of the representative either
    index = delete(index.path, left)
    assert crowd.found(index, crowd.crowd[1]) <= {record.id for record in crowd.others}
    index = compact(index.path)
    assert (index.n_sequences, index.n_windows) == (5, 15)
    assert "other1" in crowd.found(index, crowd.others[1])
    verify(index.path)


@pytest.mark.tool("mmseqs")
def test_new_near_copies_join_the_representative_that_is_there(crowd: Crowd):
    index = crowd.build([*crowd.crowd, *crowd.others])
    again = Record("crowd3 again", "", crowd.crowd[3].sequence)
    fresh = Record("fresh", "", "".join(reversed(crowd.crowd[0].sequence)))
    index = crowd.add(index, [*crowd.more, again, fresh])
    assert [segment.info.n_represented for segment in index.segments] == [11, 3]
    assert index.segments[1].info.n_windows == 2
    everybody = {record.id for record in [*crowd.crowd, *crowd.more, again]}
    assert crowd.found(index, crowd.more[0]) == everybody
    assert index.manifest.n_represented == 14
    verify(index.path)
    names = names_of(index)
    small = compact(index.path)
    assert len(small.segments) == 1
    assert crowd.found(small, crowd.more[0]) == everybody
    assert sorted(names_of(small)) == sorted(names)
    verify(index.path)


@pytest.mark.tool("mmseqs")
def test_the_crowd_of_the_case_collapses():
    records, _ = read_fasta(CASES / "crowd_db.fa.gz")
    representative = near_copies([record.sequence for record in records], unaligned=64)
    names = [records[number].id for number in np.unique(representative).tolist()]
    assert sum(name.startswith("remote") for name in names) == 30
    assert sum(name.startswith("crowd") for name in names) < 100


def test_without_mmseqs_only_exact_copies_are_one(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setenv("PATH", "/nowhere")
    index = crowd.build([*crowd.crowd, Record("again", "", crowd.crowd[0].sequence)])
    assert index.manifest.representation.method == "none"
    assert (index.n_sequences, index.manifest.n_represented) == (12, 0)
    assert "near copies are not looked for" in caplog.text


def names_in_database(index: Index) -> set[str]:
    """Returns the names in the MMseqs2 database of an index."""
    from rhoma import tools

    assert index.mmseqs is not None
    tools.run(["mmseqs", "convert2fasta", index.mmseqs, index.path.parent / "names.fasta"])
    return {record.id for record in read_fasta(index.path.parent / "names.fasta")[0]}
