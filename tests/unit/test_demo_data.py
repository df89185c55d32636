from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from rhoma.io.fasta import read_fasta
from rhoma.io.hits import read_labels
from rhoma.sequences import reverse_complement

DEMO = Path(__file__).resolve().parents[2] / "assets" / "demo"
SOURCE = Path("/usr/share/doc/infernal/examples/testsuite")
FILES = ("database.fasta", "queries.fasta", "labels.tsv", "truth.tsv")


def truth() -> list[list[str]]:
    lines = (DEMO / "truth.tsv").read_text().splitlines()
    assert lines[0].split("\t") == ["query", "target", "strand", "tstart", "tend"]
    return [line.split("\t") for line in lines[1:]]


def test_the_database_is_small_and_of_many_families() -> None:
    database, skipped = read_fasta(DEMO / "database.fasta")
    labels = read_labels(DEMO / "labels.tsv")
    assert skipped == []
    assert len(database) <= 400
    assert set(labels) <= {record.id for record in database}
    families = Counter(family for family, _ in labels.values())
    assert len(families) >= 6
    assert all(count >= 4 for count in families.values())
    # shuffles and pieces of genomes
    background = [record.id for record in database if record.id not in labels]
    assert len(background) >= 50
    assert all(name.startswith(("shuffled.", "ecoli.", "bsubtilis.")) for name in background)


def test_no_query_is_in_the_database() -> None:
    sequences = {record.sequence for record in read_fasta(DEMO / "database.fasta")[0]}
    queries, _ = read_fasta(DEMO / "queries.fasta")
    assert len(queries) == 3
    for query in queries:
        assert not any(query.sequence in one or reverse_complement(query.sequence) in one for one in sequences)


def test_the_truth_holds_every_member_and_lies_within_its_targets() -> None:
    lengths = {record.id: len(record.sequence) for record in read_fasta(DEMO / "database.fasta")[0]}
    labels = read_labels(DEMO / "labels.tsv")
    rows = truth()
    assert {row[0] for row in rows} == {record.id for record in read_fasta(DEMO / "queries.fasta")[0]}
    for query in {row[0] for row in rows}:
        targets = {row[1] for row in rows if row[0] == query}
        (family,) = {labels[target][0] for target in targets}
        assert targets == {name for name, (label, _) in labels.items() if label == family}
    for _, target, strand, start, end in rows:
        assert 1 <= int(start) < int(end) <= lengths[target]
        assert strand == ("-" if target == "contig_1" else "+")


def test_the_hidden_homolog_is_a_u1_rna_on_the_minus_strand() -> None:
    records = {record.id: record for record in read_fasta(DEMO / "database.fasta")[0]}
    ((query, _, strand, start, end),) = [row for row in truth() if row[1] == "contig_1"]
    contig = records["contig_1"].sequence
    assert query.startswith("U1")
    assert strand == "-"
    assert 1000 <= len(contig) <= 3000
    inside = reverse_complement(contig[int(start) - 1 : int(end)])
    # the 5' end of U1 RNA, which pairs with 5' splice sites
    assert "ACUUA" in inside[:8]
    assert 140 <= len(inside) <= 180


def test_shuffles_keep_the_composition_of_their_originals() -> None:
    records = {record.id: record.sequence for record in read_fasta(DEMO / "database.fasta")[0]}
    shuffled = [name for name in records if name.startswith("shuffled.")]
    assert shuffled
    for name in shuffled:
        mixed, original = records[name], records[name.removeprefix("shuffled.")]
        assert mixed != original
        assert Counter(zip(mixed, mixed[1:], strict=False)) == Counter(zip(original, original[1:], strict=False))


@pytest.mark.skipif(not SOURCE.is_dir(), reason="Debian's infernal package is not installed")
def test_the_script_makes_these_files(tmp_path) -> None:
    subprocess.run([sys.executable, DEMO / "make_demo.py", SOURCE, tmp_path], check=True)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (DEMO / name).read_bytes()
