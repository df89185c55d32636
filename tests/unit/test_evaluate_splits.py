from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhoma.errors import InputError
from rhoma.evaluate.similarity import deduplicate, similarity_edges
from rhoma.evaluate.splits import (
    LeakError,
    SplitRow,
    assign,
    check_split,
    components,
    make_split,
    read_split,
    size_class,
    write_split,
)

if TYPE_CHECKING:
    from pathlib import Path

FAMILIES = [f"F{n}" for n in range(12)]


@given(
    st.dictionaries(st.sampled_from(FAMILIES), st.sampled_from(["C1", "C2", ""])),
    st.lists(st.tuples(st.sampled_from(FAMILIES), st.sampled_from(FAMILIES)), max_size=15),
)
def test_components_against_a_closure(clans: dict[str, str], edges: list[tuple[str, str]]) -> None:
    related = {frozenset(edge) for edge in edges}
    related |= {frozenset((a, b)) for a in clans for b in clans if clans[a] and clans[a] == clans[b]}
    reached = {family: {family} for family in FAMILIES}
    for _ in FAMILIES:
        for pair in related:
            joined = set().union(*(reached[family] for family in pair))
            for family in joined:
                reached[family] = joined
    assert components(FAMILIES, clans, edges) == {family: min(reached[family]) for family in FAMILIES}


@given(st.lists(st.integers(0, 60), min_size=200, max_size=200), st.integers(0, 5))
def test_components_stay_whole_and_shares_are_kept(roots: list[int], seed: int) -> None:
    component_of = {f"F{n:03d}": f"C{root}" for n, root in enumerate(roots)}
    sizes = {family: (3, 30, 300)[n % 3] for n, family in enumerate(component_of)}
    split = assign(component_of, sizes, seed=seed)
    assert split == assign(component_of, sizes, seed=seed)
    assert all(len({split[f] for f in component_of if component_of[f] == c}) == 1 for c in set(component_of.values()))
    counts = Counter((split[family], size_class(sizes[family])) for family in split)
    assert all(counts[("validation", name)] <= 7 for name in ("<10", "10-99", ">=100"))
    assert all(counts[("test", name)] <= 16 for name in ("<10", "10-99", ">=100"))


def test_shares_where_families_stand_alone() -> None:
    component_of = {f"F{n:04d}": f"F{n:04d}" for n in range(3000)}
    sizes = {family: 300 if n % 20 == 0 else 3 for n, family in enumerate(component_of)}
    split = assign(component_of, sizes)
    counts = Counter((split[family], size_class(sizes[family])) for family in split)
    assert counts[("test", "<10")] == counts[("validation", "<10")] == 285
    assert counts[("test", ">=100")] == 20
    assert counts[("validation", ">=100")] == 15


def test_the_file_comes_back_and_its_sha256_is_checked(tmp_path: Path) -> None:
    rows = [SplitRow("RF1", "CL1", "RF1", "train"), SplitRow("RF2", "", "RF2", "test")]
    path = tmp_path / "split.tsv"
    digest = write_split(path, rows)
    assert read_split(path) == rows
    assert (tmp_path / "split.tsv.sha256").read_text() == f"{digest}  split.tsv\n"
    path.write_text(path.read_text().replace("test", "train"))
    with pytest.raises(InputError, match="sha256"):
        read_split(path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("family\tsplit\n", "first line"),
        ("family\tclan\tcomponent\tsplit\nRF1\t\tRF1\ttets\n", "record number 2"),
        ("family\tclan\tcomponent\tsplit\nRF1\t\tRF1\ttest\nRF1\t\tRF1\ttrain\n", "twice"),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "split.tsv"
    path.write_text(text)
    with pytest.raises(InputError, match=problem):
        read_split(path)
    with pytest.raises(InputError, match=r"none\.tsv"):
        read_split(tmp_path / "none.tsv")


def random_rna(rng: np.random.Generator, length: int) -> str:
    return "".join(rng.choice(list("ACGU"), size=length))


def mutated(rng: np.random.Generator, sequence: str, share: float) -> str:
    letters = np.array(list(sequence))
    places = rng.random(len(letters)) < share
    letters[places] = rng.choice(list("ACGU"), size=int(places.sum()))
    return "".join(letters)


@pytest.fixture
def related() -> dict[str, dict[str, str]]:
    """Ten families of random sequences; B holds the reverse complement of a part of A."""
    from rhoma.sequences import reverse_complement

    rng = np.random.default_rng(5)
    families = {}
    for name in "ABCDEFGHIJ":
        ancestor = random_rna(rng, 120)
        families[name] = {f"{name}{n}": mutated(rng, ancestor, 0.15) for n in range(4)}
    inside = reverse_complement(families["A"]["A0"][30:100])
    families["B"]["B9"] = random_rna(rng, 30) + inside + random_rna(rng, 20)
    return families


@pytest.mark.tool("mmseqs")
def test_edges_are_found_on_either_strand(related: dict[str, dict[str, str]]) -> None:
    assert similarity_edges(related) == {("A", "B")}


@pytest.mark.tool("mmseqs")
def test_large_families_meet_each_other(monkeypatch: pytest.MonkeyPatch, related: dict[str, dict[str, str]]) -> None:
    monkeypatch.setattr("rhoma.evaluate.similarity._LARGE_FAMILY", 3)
    assert similarity_edges(related) == {("A", "B")}


@pytest.mark.tool("mmseqs")
def test_the_check_finds_what_is_broken_on_purpose(related: dict[str, dict[str, str]]) -> None:
    clans = {"C": "CL1", "D": "CL1"}
    sizes = {family: len(members) for family, members in related.items()}
    rows = make_split(related, clans, sizes)
    assert check_split(rows, related, clans) == 2
    split = {row.family: row for row in rows}
    assert split["A"].component == split["B"].component == "A"
    assert split["C"].component == split["D"].component == "C"

    def moved(family: str) -> list[SplitRow]:
        other = "train" if split[family].split == "test" else "test"
        # What the file says of clan and component is not to be believed.
        row = SplitRow(family, "", family, other)
        return [row if known.family == family else known for known in rows]

    with pytest.raises(LeakError, match=r"A \(.*\) and B \(.*\): similar sequences"):
        check_split(moved("B"), related, clans)
    with pytest.raises(LeakError, match=r"C \(.*\) and D \(.*\): both of clan CL1"):
        check_split(moved("D"), related, clans)
    with pytest.raises(InputError, match="no row for 1 families, first J"):
        check_split([row for row in rows if row.family != "J"], related, clans)


@pytest.mark.tool("mmseqs")
def test_near_copies_are_removed_within_families_only() -> None:
    rng = np.random.default_rng(2)
    one, two = random_rna(rng, 150), random_rna(rng, 150)
    families = {"A": {"a1": one, "a2": mutated(rng, one, 0.03), "a3": two}, "B": {"b1": one, "b2": two}}
    assert {f: list(m) for f, m in deduplicate(families, identity=0.9).items()} == {
        "A": ["a1", "a3"],
        "B": ["b1", "b2"],
    }


@pytest.mark.rfam
@pytest.mark.tool("mmseqs")
def test_a_part_of_rfam_is_split_without_leaks(rfam_dir: Path) -> None:
    from rhoma.rfam import read_clans, read_sequences

    families = {f: dict(list(m.items())[:10]) for f, m in list(read_sequences(rfam_dir).items())[:300]}
    clans = read_clans(rfam_dir)
    rows = make_split(families, clans, {f: len(m) for f, m in families.items()})
    assert check_split(rows, families, clans) > 20
    assert {row.split for row in rows} == {"train", "validation", "test"}
