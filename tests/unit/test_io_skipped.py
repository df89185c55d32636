from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhoma.errors import InputError
from rhoma.io.fasta import Skipped
from rhoma.io.skipped import read_skipped, write_skipped

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "file\trecord\tline\tlength\treason\n"
texts = st.text(max_size=12).filter(str.isprintable)
numbers = st.integers(0, 10**12)


@given(st.lists(st.builds(Skipped, texts, numbers, texts, texts, numbers), max_size=5))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, skipped: list[Skipped]) -> None:
    path = tmp_path_factory.mktemp("skipped") / "skipped.tsv"
    write_skipped(path, skipped)
    assert read_skipped(path) == skipped


def test_no_text_makes_a_row_or_a_column(tmp_path: Path) -> None:
    path = tmp_path / "skipped.tsv"
    write_skipped(path, [Skipped("a\u2028b", 3, "tab\there", "new\nline.fa", 1)])
    assert path.read_text() == HEADER + "new\\nline.fa\ta\\u2028b\t1\t3\ttab\\there\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("id\tlength\treason\n", "line 1 is not: file, record"),
        (HEADER + "f\ta\n", "line 2 is not"),
        (HEADER + "f\ta\tx\t1\treason\n", "line 2: invalid literal"),
    ],
)
def test_damaged_tables_are_named(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "skipped.tsv"
    with pytest.raises(InputError, match=r"skipped\.tsv: no such file"):
        read_skipped(path)
    path.write_text(content)
    with pytest.raises(InputError, match=said):
        read_skipped(path)
