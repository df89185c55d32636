from __future__ import annotations

import pickle

import pytest

from rhoma.errors import ArtefactError, DeviceError, DeviceMemoryError, InputError, RhomaError, ToolError


def test_a_message_names_file_record_problem_and_remedy():
    error = InputError("letter 'J' at position 12 is no IUPAC code", path="q.fa", record="x", remedy="write N")
    assert str(error) == "q.fa: record 'x': letter 'J' at position 12 is no IUPAC code. Remedy: write N"
    assert str(InputError("has no name", path="q.fa", record=3)) == "q.fa: record number 3: has no name"
    assert str(InputError("is empty")) == "is empty"
    assert str(ArtefactError("is truncated", path="index")) == "index: is truncated"
    assert str(ToolError("mmseqs", "is missing", remedy="install it")) == "mmseqs: is missing. Remedy: install it"


@pytest.mark.parametrize(
    "error",
    [
        InputError("bad", path="f", record="r", remedy="mend"),
        ArtefactError("bad", path="f"),
        ToolError("tool", "bad"),
        DeviceError("no GPU"),
    ],
)
def test_errors_survive_pickling(error: RhomaError):
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert again.__dict__ == error.__dict__


def test_exit_codes():
    assert RhomaError("x").exit_code == 1
    assert InputError("x").exit_code == 1
    assert DeviceMemoryError("x").exit_code == 75
