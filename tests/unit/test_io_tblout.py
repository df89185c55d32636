from __future__ import annotations

from typing import TYPE_CHECKING

from rhoma.io.tblout import merge_tblout, write_tblout

if TYPE_CHECKING:
    from pathlib import Path


def test_tables_are_joined_under_one_header_and_keep_every_target(tmp_path: Path) -> None:
    write_tblout(tmp_path / "a", ["t - q - cm 1 9 1 9 + no 1 0.5 0.0 20.0 1e-3 ! -", "#t - q"])
    write_tblout(tmp_path / "b", [])
    write_tblout(tmp_path / "c", ["//u - r"])
    merge_tblout([tmp_path / "a", tmp_path / "b", tmp_path / "c"], tmp_path / "all")
    header, *rows = (tmp_path / "all").read_text().splitlines()
    assert header.startswith("#target name accession query name")
    assert [row.split()[0] for row in rows] == ["t", "%23t", "//u"]
    assert (tmp_path / "b").read_text() == f"{header}\n"
