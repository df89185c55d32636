from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rhoma.alignment import Alignment, ungapped
from rhoma.errors import InputError, ToolError
from rhoma.msa.mafft import mafft_alignment, parse_aligned, require_xinsi, unaligned_fasta

if TYPE_CHECKING:
    from pathlib import Path

ROWS = ("GGGCGAAAGCCC", "GCGCGAAGCGC-", "GGACGAAAGUCC")


def program(directory: Path, name: str) -> None:
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\nexit 0\n")
    path.chmod(0o755)


def test_input_of_mafft_has_no_gaps() -> None:
    assert unaligned_fasta(["s0", "s1"], ["A-C", "--G"]) == ">s0\nAC\n>s1\nG\n"


def test_aligned_rows_get_our_names_and_letters() -> None:
    read = parse_aligned(">x\nac-\nt\n>y\n-cgu\n", ["q", "a/1-3"], ["ACU", "C-GU"], path="f.afa")
    assert read == Alignment(("q", "a/1-3"), ("AC-U", "-CGU"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (">x\nACU\n", "does not hold the query and its homologs"),
        (">x\nACU\n>y\nCGG\n", "does not hold the query and its homologs"),
        (">y\nCGU\n>x\nACU\n", "does not hold the query and its homologs"),
        (">x\nACU\n>y\nC-GU\n", "rows of different lengths"),
        ("", "does not hold the query and its homologs"),
    ],
)
def test_other_sequences_are_refused(text: str, said: str) -> None:
    with pytest.raises(InputError, match=rf"f\.afa: .*{said}"):
        parse_aligned(text, ["q", "a"], ["ACU", "CGU"], path="f.afa")


def test_xinsi_is_refused_by_name_where_it_is_missing(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("MAFFT_BINARIES", raising=False)
    with pytest.raises(ToolError, match=r"mafft-xinsi: no such program on PATH.*Remedy: .*extensions"):
        require_xinsi()
    program(tmp_path / "bin", "mafft-xinsi")
    with pytest.raises(ToolError, match="mxscarnamod is not installed"):
        require_xinsi()
    program(tmp_path / "libexec" / "mafft", "mxscarnamod")
    assert require_xinsi() == str(tmp_path / "bin" / "mafft-xinsi")


@pytest.mark.tool("mafft")
def test_mafft_aligns_the_same_sequences_in_the_same_order() -> None:
    start = Alignment(("q", "$(id)/1-11", "b/1-12"), ROWS)
    done = mafft_alignment(start, "linsi")
    assert done.names == start.names
    assert [ungapped(row) for row in done.rows] == [ungapped(row) for row in ROWS]
