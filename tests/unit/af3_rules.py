"""What AlphaFold 3 asks of its input, written down from its documentation (docs/input.md) for the tests."""

from __future__ import annotations

import re
import string
from typing import Any

_KEYS = {"name", "modelSeeds", "sequences", "dialect", "version", "bondedAtomPairs", "userCCD", "userCCDPath"}
_RNA = {"id", "sequence", "modifications", "unpairedMsa", "unpairedMsaPath", "description"}


def sanitised(name: str) -> str:
    """Returns what AlphaFold 3 makes a directory of (folding_input.Input.sanitised_name)."""
    return "".join(c for c in name.lower().replace(" ", "_") if c in string.ascii_lowercase + string.digits + "_-.")


def rows_of(a3m: str) -> list[tuple[str, str]]:
    """Returns (header, row) of A3M text."""
    parts = [chunk.split("\n", 1) for chunk in a3m.split(">")[1:]]
    return [(name, body.replace("\n", "")) for name, body in parts]


def check_a3m(a3m: str, sequence: str) -> None:
    """Asserts that an alignment is one for an RNA chain of this sequence."""
    rows = rows_of(a3m)
    assert rows[0][1] == sequence
    for _, row in rows:
        assert len(re.sub("[a-z]", "", row)) == len(sequence)
        assert set(row.upper()) <= set("ACGUN-")


def check_job(job: dict[str, Any]) -> None:
    """Asserts that a job is one that AlphaFold 3 takes, as far as RNA chains are concerned."""
    assert set(job) <= _KEYS
    assert re.search("[a-z]", sanitised(job["name"]))
    assert len(sanitised(job["name"])) < 200
    assert job["dialect"] == "alphafold3"
    assert job["version"] in (1, 2, 3, 4)
    assert job["modelSeeds"]
    assert all(isinstance(seed, int) and 0 <= seed < 2**32 for seed in job["modelSeeds"])
    seen: list[str] = []
    for entry in job["sequences"]:
        (kind,) = entry
        chain = entry[kind]
        ids = chain["id"] if isinstance(chain["id"], list) else [chain["id"]]
        assert all(re.fullmatch("[A-Z]+", one) for one in ids)
        seen += ids
        if kind == "rna":
            assert set(chain) <= _RNA
            assert chain["sequence"].isalpha()
            assert not {"unpairedMsa", "unpairedMsaPath"} <= set(chain)
            assert job["version"] > 1 or "unpairedMsaPath" not in chain
            if chain.get("unpairedMsa"):
                check_a3m(chain["unpairedMsa"], chain["sequence"])
    assert len(seen) == len(set(seen)) > 0
