"""What an index is, in numbers."""

from __future__ import annotations

from pathlib import Path

from rhoma.index.bundle import Index


def describe_index(path: Path | str) -> dict[str, object]:
    """Returns the manifest of an index but its files, and what follows from them.

    ``n_representatives`` sequences have windows; ``bytes`` is all the index takes, ``bytes_per_nucleotide`` that over
    the nucleotides of its live names.

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
    return facts
