"""What the results of a run depend on: a run with the same text goes on where that was stopped, and no other does."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from rhoma import __version__
from rhoma.artifacts import MANIFEST
from rhoma.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rhoma.io.fasta import Skipped
    from rhoma.models.embedder import Embedder
    from rhoma.run.search import SearchRun
    from rhoma.sequences import Record


def parameters_of(run: SearchRun, queries: Sequence[Record | Skipped], embedder: Embedder) -> str:
    """Returns all that the results of a run depend on, as the text of ``parameters.json``.

    Raises:
        InputError: A file is missing.
    """
    database = run.database / MANIFEST if run.database.is_dir() else run.database
    values: dict[str, Any] = {
        **run.search.model_dump(exclude={"threads"}, exclude_none=True),
        "queries": str(run.queries),
        "queries_sha256": hashlib.sha256(repr(queries).encode()).hexdigest(),
        "database": str(run.database),
        "database_sha256": sha256(database),
        **_file("labels", run.labels),
        **_file("rfam_cm", run.rfam_cm),
        **_file("rfam_clanin", run.rfam_clanin),
        "rfam_hits": None if run.rfam_cm is None else run.rfam_hits,
        "model": embedder.name,
        "model_sha256": embedder.sha256,
        "strict": run.strict,
        "aligner": run.aligner,
        "calibrate": run.calibrate,
        "max_homologs": run.max_homologs,
        "batch_size": run.batch_size,
        "version": __version__,
    }
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


def _file(name: str, path: Path | None) -> dict[str, str]:
    """Returns a file that may be given, with its sha256."""
    return {} if path is None else {name: str(path), f"{name}_sha256": sha256(path)}
