from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from rhoma.errors import InputError
from rhoma.rfam import Family, read_clans, read_families, read_members, read_seed, read_sequences

if TYPE_CHECKING:
    from pathlib import Path

SEED = """\
# STOCKHOLM 1.0

#=GF AC   RF1
#=GF ID   one
#=GF CL   CL9
#=GS x/1-4 DE nothing

x/1-4         GC-a
y/2-5         GCUA
#=GC SS_cons  <..>
#=GC RF       GCuA

x/1-4         .T
y/2-5         GG
#=GC SS_cons  ..
//
# STOCKHOLM 1.0
#=GF AC   RF2
z             ACGU
//
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "families.tsv").write_text(
        "family\tname\ttype\tclan\nRF1\tone\tGene; tRNA;\tCL1\nRF2\ttwo\tIntron;\t\n"
    )
    (tmp_path / "seed.sto.gz").write_bytes(gzip.compress(SEED.encode(), mtime=0))
    members = ">m1 RF2\nAC\nGT\n>m2 RF2\nGGGG\n>m3 RF1 more\nccnn\n"
    (tmp_path / "members.fa.gz").write_bytes(gzip.compress(members.encode(), mtime=0))
    return tmp_path


def test_what_the_files_hold(directory: Path) -> None:
    assert read_families(directory) == [
        Family("RF1", "one", "Gene; tRNA;", "CL1"),
        Family("RF2", "two", "Intron;", ""),
    ]
    one, two = read_seed(directory)
    assert (one.accession, one.clan, one.structure) == ("RF1", "CL9", "<..>..")
    assert one.rows == [("x/1-4", "GC-A-U"), ("y/2-5", "GCUAGG")]
    assert (two.rows, two.structure) == ([("z", "ACGU")], "....")
    assert read_members(directory) == [("m1", "RF2", "ACGU"), ("m2", "RF2", "GGGG"), ("m3", "RF1", "CCNN")]


def test_sequences_are_seed_and_members_without_copies(directory: Path) -> None:
    # m1 is a copy of z.
    assert read_sequences(directory) == {
        "RF1": {"x/1-4": "GCAU", "y/2-5": "GCUAGG", "m3": "CCNN"},
        "RF2": {"z": "ACGU", "m2": "GGGG"},
    }


def test_the_table_names_the_clan_before_the_alignment(directory: Path) -> None:
    assert read_clans(directory) == {"RF1": "CL1"}


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("families.tsv", b"family\tname\n", "first line"),
        ("families.tsv", b"family\tname\ttype\tclan\nRF1\tone\n", "2 columns where 4"),
        ("seed.sto.gz", gzip.compress(SEED.encode(), mtime=0)[:80], "damaged or truncated"),
        ("seed.sto.gz", gzip.compress(SEED[:-4].encode(), mtime=0), "no end"),
        ("seed.sto.gz", gzip.compress(b"x  ACG\n//\n", mtime=0), "without accession"),
        (
            "seed.sto.gz",
            gzip.compress(b"#=GF AC RF1\nx  ACG\ny  AC\n#=GC SS_cons ...\n//\n", mtime=0),
            "unequal length",
        ),
        ("members.fa.gz", gzip.compress(b">m1\nACGU\n", mtime=0), "does not name a family"),
    ],
)
def test_damaged_files_are_named(directory: Path, name: str, content: bytes, problem: str) -> None:
    (directory / name).write_bytes(content)
    read = {"families.tsv": read_clans, "seed.sto.gz": read_seed, "members.fa.gz": read_members}[name]
    with pytest.raises(InputError, match=problem) as caught:
        read(directory)
    assert name in str(caught.value)


def test_a_missing_file_is_named_with_what_is_needed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"seed\.sto\.gz: no such file.*Remedy"):
        read_seed(tmp_path)


@pytest.mark.rfam
def test_the_real_files(rfam_dir: Path) -> None:
    seeds = {seed.accession: seed for seed in read_seed(rfam_dir)}
    assert len(seeds) > 1000
    assert seeds["RF00005"].clan == "CL00001"
    sequences = read_sequences(rfam_dir)
    assert set(seeds) <= set(sequences)
    assert all(letter in "ACGURYSWKMBDHVN" for letter in "".join(sequences["RF00005"].values()))
