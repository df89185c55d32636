from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhoma.errors import InputError
from rhoma.io.fasta import read_database, read_fasta, stream_fasta, write_fasta
from rhoma.sequences import IUPAC, Record

CASES = Path(__file__).resolve().parents[1] / "cases"
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
            "record 'a': the name is used twice, in lines 1 and 3",
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
        (b">a b\xd7c\nACGUACGUACGUACGU\n", "record number 1: the header holds the byte 0xd7, which is no UTF-8.*iconv"),
        (b"BZh91AY&SY\x00", "is a bzip2 file.*Remedy: unpack it"),
    ],
)
def test_bad_input_is_refused_by_name(tmp_path: Path, content: bytes, message: str):
    with pytest.raises(InputError, match=message) as caught:
        read_fasta(write(tmp_path / "x.fa", content))
    assert str(caught.value).startswith(str(tmp_path / "x.fa"))
    assert "Remedy: " in str(caught.value)


def listed(path: Path) -> tuple[list[str], list[tuple[str, int, str]]]:
    records, skipped = read_fasta(path, skip="bad")
    assert {one.file for one in skipped} <= {path.name}
    return [record.id for record in records], [(one.id, one.line, one.reason) for one in skipped]


@pytest.mark.parametrize(
    ("name", "kept", "skipped", "refusal"),
    [
        ("dupsame", ["AABF01000026.1/2165-2294", "c"], [], "'AABF01000026.1/2165-2294': the name is used twice"),
        ("alln", ["a", "b"], [("x1", 3, "is all N"), ("x2", 7, "is all N")], "'x1': is all N"),
        ("empty", ["a", "b"], [("empty", 3, "has no sequence")], "'empty': has no sequence"),
        (
            "pdbx",
            ["a"],
            [
                ("b", 3, "letter 'X' at position 31 is no IUPAC nucleotide code"),
                ("c", 5, "gap '-' at position 31"),
                ("d", 7, "letter '*' at position 74 is no IUPAC nucleotide code"),
            ],
            "'b': letter 'X' at position 31",
        ),
        ("latin1", ["a"], [], "record number 1: the header holds the byte 0xd7, which is no UTF-8"),
    ],
)
def test_a_database_is_read_without_its_bad_records(
    name: str, kept: list[str], skipped: list[tuple[str, int, str]], refusal: str
):
    path = CASES / f"{name}.fa"
    assert listed(path) == (kept, skipped)
    assert [record.id for record in read_database(path)[0]] == kept
    for refuse in (lambda: read_database(path, strict=True), lambda: read_fasta(path, skip="short")):
        with pytest.raises(InputError, match=refusal):
            refuse()


def test_what_a_header_may_hold(tmp_path: Path):
    assert read_fasta(CASES / "bom.fa")[0][0].id == "a"
    assert read_fasta(CASES / "latin1.fa", skip="bad")[0][0].description == "Neotyphodium ×siegelii"
    path = write(tmp_path / "x.fa", f">\n{RNA}\n> a\n{RNA}\n>b\x07\n{RNA}\n>核\n{RNA}\n")
    assert listed(path) == (
        ["核"],
        [
            ("", 1, "the header has no name after '>'"),
            ("", 3, "the header has no name after '>'"),
            ("", 5, "the name 'b\\x07' holds unprintable characters"),
        ],
    )


def test_a_name_is_taken_by_the_first_record_that_can_be_used(tmp_path: Path):
    path = write(tmp_path / "x.fa", f">a\nACGU\n>a\n{RNA}\n>a\n{RNA}\n>a\n{RNA}A\n")
    records, skipped = read_fasta(path, skip="bad")
    assert records == [Record("a", "", RNA)]
    assert [(one.line, one.reason[:20]) for one in skipped] == [
        (1, "has 4 nucleotides, f"),
        (7, "the name is used twi"),
    ]


def test_a_database_without_any_usable_record_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="no record that can be used; of 2, the first, record 'p': looks like protein"):
        read_database(write(tmp_path / "x.fa", ">p\nMKVLAWTREQPFILDESNGHYC\n>\nACGU\n"))


def test_a_large_file_is_read_record_by_record(tmp_path: Path):
    path = tmp_path / "x.fa.gz"
    with gzip.open(path, "wb", compresslevel=1) as handle:
        for number in range(400):
            handle.write(b">r%d\n" % number + (b"ACGU" * 15_000 + b"\n")[number % 4 :])
    tracemalloc.start()
    try:
        count = sum(1 for _ in stream_fasta(path))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 400
    assert most < 2_000_000


parts = st.one_of(
    st.builds(lambda name, text: ("good", name, text), names, rna),
    st.builds(lambda name, text: ("bad", name, text + "X" * 3), names, rna),
    st.builds(lambda name: ("bad", name, "N" * 20), names),
    st.builds(lambda name: ("bad", name, ""), names),
)


@given(
    st.lists(parts, min_size=1, max_size=8), st.sampled_from(["\n", "\r\n", "\r"]), st.integers(1, 90), st.booleans()
)
def test_reading_agrees_with_a_plain_rule(
    tmp_path_factory: pytest.TempPathFactory, content: list[tuple[str, str, str]], end: str, width: int, packed: bool
):
    lines: list[str] = []
    good: dict[str, str] = {}
    bad = 0
    for kind, name, sequence in content:
        lines += [f">{name} about", *(sequence[i : i + width] for i in range(0, len(sequence), width))]
        clash = kind == "good" and good.get(name, sequence) != sequence
        bad += kind == "bad" or clash
        if kind == "good":
            good.setdefault(name, sequence)
    data = (end.join(lines) + end).encode()
    path = write(tmp_path_factory.mktemp("f") / "x.fa", gzip.compress(data, 1, mtime=0) if packed else data)
    records, skipped = read_fasta(path, skip="bad")
    assert {record.id: record.sequence for record in records} == good
    assert len(records) == len(good)
    assert len(skipped) == bad
    starts = [place for place, line in enumerate(lines, start=1) if line.startswith(">")]
    assert all(one.line in starts and lines[one.line - 1].startswith(f">{one.id} ") for one in skipped)


def test_files_that_cannot_be_read(tmp_path: Path):
    with pytest.raises(InputError, match="no such file"):
        read_fasta(tmp_path / "none.fa")
    with pytest.raises(InputError, match="is a directory"):
        read_fasta(tmp_path)


def test_short_and_long_records_are_skipped_on_request(tmp_path: Path):
    path = write(tmp_path / "x.fa", f">s d\nACGU\n>a\n{RNA}\n>l\n{RNA * 3}\n")
    records, skipped = read_fasta(path, skip="short", max_length=50)
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
