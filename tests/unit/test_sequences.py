from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhoma.errors import InputError
from rhoma.io.fasta import read_fasta, write_fasta
from rhoma.sequences import IUPAC, Record, digest, reverse_complement, safe_name

if TYPE_CHECKING:
    from pathlib import Path

RNA = "GGGAAACUUCGGUUUCCCAA"
rna = st.text(alphabet=IUPAC, min_size=15, max_size=300).map(lambda text: text + "ACGU")
names = st.text(
    alphabet=st.characters(min_codepoint=33, max_codepoint=0x24F, exclude_categories=("Cc", "Zs", "Cf")),
    min_size=1,
    max_size=20,
).filter(str.isprintable)


def write(path: Path, data: bytes | str) -> Path:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def test_letters_cases_line_ends_and_descriptions(tmp_path: Path):
    text = f"\n>a first  one\r\n{RNA[:9].lower()}\r\n\r\n{RNA[9:]}\r\n"
    text += f">b|x\tsecond\r\n{RNA.replace('U', 'T')}NRYK \r\n"
    records, skipped = read_fasta(write(tmp_path / "x.fa", text))
    assert records == [Record("a", "first  one", RNA), Record("b|x", "second", RNA + "NRYK")]
    assert skipped == []


def test_old_mac_line_ends_and_a_missing_last_one(tmp_path: Path):
    assert read_fasta(write(tmp_path / "x.fa", f">a\r{RNA}\r>b\r{RNA}"))[0] == [
        Record("a", "", RNA),
        Record("b", "", RNA),
    ]


def test_gzip_and_bgzip(tmp_path: Path):
    import pysam

    plain = write(tmp_path / "x.fa", f">a\n{RNA}\n>b\n{RNA[::-1]}\n")
    expected = read_fasta(plain)
    assert read_fasta(write(tmp_path / "y.gz", gzip.compress(plain.read_bytes(), mtime=0))) == expected
    pysam.tabix_compress(str(plain), str(tmp_path / "z.gz"))
    assert read_fasta(tmp_path / "z.gz") == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "x.fa: is empty.*Remedy"),
        (b" \n\n", "is empty"),
        (gzip.compress(b"", mtime=0), "is empty"),
        (b"hello\n", "is not FASTA: the first line is 'hello' and does not begin with '>'"),
        (b"@r1\nACGU\n+\nIIII\n", r"is not FASTA \(FASTQ\?\)"),
        (b"# STOCKHOLM 1.0\n", r"is not FASTA \(Stockholm\?\)"),
        (b">a\nACGU\x00ACGU\n", "is binary, not text.*0x00 at offset 7"),
        (b"\x7fELF\x02\x01\xff\xfe", "is binary, not text"),
        (gzip.compress(b">a\nACGUACGUACGUACGUACGU\n", mtime=0)[:-9], "truncated or damaged gzip"),
        (b">p\nMKVLAWTREQPFILDESNGHYC\n", "record 'p': looks like protein.*nucleotide sequences"),
        (b">a\nACGUACGUACGUACGU\n>b\n>c\nACGU\n", "record 'b': has no sequence"),
        (b">a\nACGUACGUACGUACGU\n>b", "record 'b': has no sequence"),
        (
            b">a\nACGUACGUACGUACGU\n>a\nACGUACGUACGUACGU\n",
            "record 'a': the name is used twice, by records number 1 and 2",
        ),
        (
            b">a\nACGUACGUAC\nGUJCGUACGUACGU\n",
            "'a': letter 'J' at position 13 is no IUPAC nucleotide code",
        ),
        ("\n>a\nACGUACGUACÄUACGUACGU\n".encode(), "letter 'Ä' at position 11"),
        (b">a\nACGUACGUAC-GUACGU\n", "gap '-' at position 11"),
        (b">a\nACGUACGUAC GUACGU\n", "blank ' ' at position 11"),
        (b">a\nNNNNNNNNNNNNNNNNNNNN\n", "record 'a': is all N"),
        (b">a\nRYRYRYRYRYRYRYRYRYRY\n", "record 'a': holds no A, C, G, U or T"),
        (b">a\nACGUACGU\n", "record 'a': has 8 nucleotides, fewer than the 15"),
        (b"> a\nACGUACGUACGUACGU\n", "record number 1: the header has no name"),
        (b">a\nACGUACGUACGUACGU\n>\nACGU\n", "record number 2: the header has no name"),
        (b">a\x1b[31m\nACGUACGUACGUACGU\n", "unprintable characters"),
    ],
)
def test_bad_input_is_refused_by_name(tmp_path: Path, content: bytes, message: str):
    with pytest.raises(InputError, match=message) as caught:
        read_fasta(write(tmp_path / "x.fa", content))
    assert str(caught.value).startswith(str(tmp_path / "x.fa"))
    assert "Remedy: " in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path):
    with pytest.raises(InputError, match="no such file"):
        read_fasta(tmp_path / "none.fa")
    with pytest.raises(InputError, match="is a directory"):
        read_fasta(tmp_path)


def test_short_and_long_records_are_skipped_on_request(tmp_path: Path):
    path = write(tmp_path / "x.fa", f">s d\nACGU\n>a\n{RNA}\n>l\n{RNA * 3}\n")
    records, skipped = read_fasta(path, short="skip", max_length=50)
    assert [record.id for record in records] == ["a"]
    assert [(record.id, record.length) for record in skipped] == [("s", 4), ("l", 60)]
    assert "fewer than the 15" in skipped[0].reason
    assert "more than the 50" in skipped[1].reason
    with pytest.raises(InputError, match="'l': has 60 nucleotides, more than"):
        read_fasta(path, min_length=1, max_length=50)


@given(st.dictionaries(names, rna, min_size=1, max_size=8), st.sampled_from([None, 1, 7, 80]))
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, content: dict[str, str], width: int | None):
    path = tmp_path_factory.mktemp("fasta") / "x.fa"
    records = [Record(name, "", sequence) for name, sequence in content.items()]
    write_fasta(path, records, width=width)
    assert read_fasta(path) == (records, [])


def test_writing_keeps_descriptions(tmp_path: Path):
    write_fasta(tmp_path / "x.fa", [Record("a", "b c", "ACGUA")], width=3)
    assert (tmp_path / "x.fa").read_text() == ">a b c\nACG\nUA\n"


@given(rna)
def test_reverse_complement_agrees_with_biopython(sequence: str):
    from Bio.Seq import Seq

    assert reverse_complement(sequence) == str(Seq(sequence).reverse_complement_rna())
    assert reverse_complement(reverse_complement(sequence)) == sequence


def test_digests_differ():
    assert digest("ACGU") == digest("ACGU") != digest("ACGA")
    assert len(digest("ACGU")) == 32


@given(st.lists(st.text(max_size=300), min_size=2, max_size=6, unique=True))
def test_safe_names_are_injective_and_safe(texts: list[str]):
    safe = [safe_name(text) for text in texts]
    assert len(set(safe)) == len(texts)
    for name in safe:
        assert set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-%")
        assert name[0] not in ".-"
        assert 0 < len(name) <= 200


def test_safe_names_are_readable():
    assert safe_name("tRNA-Phe_1.2") == "tRNA-Phe_1.2"
    assert safe_name("../a;b") == "%2E.%2Fa%3Bb"
    assert safe_name("$(rm -rf x)") == "%24%28rm%20-rf%20x%29"
    assert safe_name("100%") == "100%25"
    assert safe_name("hits.tsv") == "%68its.tsv"
    assert safe_name("pipeline_info") == "%70ipeline_info"
