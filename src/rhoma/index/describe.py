"""What an index is, in numbers."""

from __future__ import annotations

from pathlib import Path

from rhoma.evalue import database_size
from rhoma.index.bundle import Index


def describe_index(path: Path | str) -> dict[str, object]:
    """Returns the manifest of an index but its files, and what follows from them.

    ``n_representatives`` sequences have windows; ``bytes`` is all the index takes, ``bytes_per_nucleotide`` that over
    the nucleotides of its live names; ``database_size`` is Z, the comparisons that E-values refer to: the whole
    database's, however many segments it was made of.

    Raises:
        ArtefactError: the index is damaged.
    """
    index = Index.open(path)
    manifest = index.manifest
    size = sum(entry.size for entry in manifest.files.values()) + (Path(path) / "manifest.json").stat().st_size
    facts: dict[str, object] = manifest.model_dump(mode="json", exclude={"files"})
    facts["n_representatives"] = manifest.n_sequences - manifest.n_represented
    facts["bytes"] = size
    facts["bytes_per_nucleotide"] = round(size / manifest.n_residues, 2) if manifest.n_residues else None
    lengths = index.lengths[index.live_sequences]
    facts["database_size"] = round(database_size(lengths, total_residues=index.total_residues), 1)
    return facts
