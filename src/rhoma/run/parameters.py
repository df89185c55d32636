"""What the results of a run depend on: a run with the same text goes on where that was stopped, and no other does."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from rhoma import __version__
from rhoma.artifacts import MANIFEST
from rhoma.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rhoma.io.fasta import Skipped
    from rhoma.models.embedder import Embedder
    from rhoma.search.config import SearchConfig
    from rhoma.sequences import Record


def parameters_of(
    search: SearchConfig,
    queries: Sequence[Record | Skipped],
    embedder: Embedder,
    files: Mapping[str, Path | None],
    others: Mapping[str, object],
) -> str:
    """Returns all that the results of a run depend on, as the text of ``parameters.json``.

    Args:
        search: Settings of the search.
        queries: All of them, also those that are too short.
        embedder: What embeds them.
        files: By the names of their parameters; of an index its manifest says what it is.
        others: All other parameters.

    Raises:
        InputError: A file is missing.
    """
    values: dict[str, Any] = {
        **search.model_dump(exclude={"threads"}, exclude_none=True),
        "queries_sha256": hashlib.sha256(repr(queries).encode()).hexdigest(),
        "model": embedder.name,
        "model_sha256": embedder.sha256,
        **others,
        "version": __version__,
    }
    for name, path in files.items():
        if path is not None:
            what = path / MANIFEST if name == "database" and path.is_dir() else path
            values |= {name: str(path), f"{name}_sha256": sha256(what)}
    values = {key: value for key, value in sorted(values.items()) if value is not None}
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"


def sha256(path: Path) -> str:
    """Returns the sha256 of a file.

    Raises:
        InputError: It is missing.
    """
    if not path.is_file():
        raise InputError("no such file", path=path, remedy="check the path")
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
