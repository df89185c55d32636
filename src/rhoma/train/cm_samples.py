"""Samples of covariance models for families with few members (Infernal's cmbuild and cmemit)."""

from __future__ import annotations

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import torch.distributed as dist

from rhoma import infernal
from rhoma.alignment import Alignment
from rhoma.artifacts import artefact_directory
from rhoma.errors import ArtefactError
from rhoma.rfam import SEED, read_seed
from rhoma.train.data import add_aligned
from rhoma.train.distributed import world

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from rhoma.rfam import Seed
    from rhoma.train.data import Family
    from rhoma.train.settings import RunConfig

_TABLE = "cm_samples.json"
# a model is made for its samples only, so its search filters are calibrated as shortly as cmbuild allows
_SHORT = [argument for option in ("--EmN", "--EvN", "--ElfN", "--EgfN") for argument in (option, "50")]


def write_cm_samples(
    rfam: Path,
    wanted: Mapping[str, int],
    directory: Path,
    *,
    seed: int = 1,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Return `directory` once its ``seed.sto.gz`` holds samples, aligned to their models with SS_cons.

    A model is built of the family's seed alignment with cmbuild's default entropy weighting, so that its samples are as
    far from each other as remote homologs are. What is there already from the same request is used again.

    Args:
        rfam: directory with the seed alignments.
        wanted: family -> number of samples.
        directory: made here.
        seed: of cmemit.
        threads: models built at a time.
        progress: told (families done, families in all).

    Raises:
        ArtefactError: `directory` holds the samples of another request.
        InputError: the seed alignments cannot be read.
        ToolError: Infernal is missing or fails.
    """
    request = {"seed": seed, "wanted": dict(sorted(wanted.items()))}
    if directory.exists():
        try:
            found = json.loads((directory / _TABLE).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ArtefactError(f"cannot be read ({error})", path=directory, remedy="delete it") from error
        if found != request:
            raise ArtefactError("holds samples for other families or settings", path=directory, remedy="delete it")
        return directory
    alignments = [alignment for alignment in read_seed(rfam) if wanted.get(alignment.accession)]

    def sample(alignment: Seed) -> str:
        return _samples(alignment, wanted[alignment.accession], seed)

    with artefact_directory(directory) as made, ThreadPoolExecutor(threads) as pool:
        with gzip.open(made / SEED, "wt", encoding="utf-8") as handle:
            for number, text in enumerate(pool.map(sample, alignments), start=1):
                handle.write(text)
                if progress is not None:
                    progress(number, len(alignments))
        (made / _TABLE).write_text(json.dumps(request), encoding="utf-8")
    return directory


def add_cm_samples(
    families: list[Family],
    rfam: Path,
    config: RunConfig,
    directory: Path,
    *,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Fill the small ones of `families` up to ``config.cm_samples`` members, by samples kept in `directory`.

    Raises:
        ArtefactError: `directory` holds other samples.
        ToolError: Infernal is missing or fails.
    """
    wanted = {f.name: config.cm_samples - len(f.members) for f in families if len(f.members) < config.cm_samples}
    rank, ranks = world()
    if rank == 0:
        write_cm_samples(rfam, wanted, directory, seed=config.train.seed, threads=threads, progress=progress)
    if ranks > 1:
        dist.barrier()
    add_aligned(families, directory, min_length=config.min_length, max_length=config.max_length)


def _samples(alignment: Seed, count: int, seed: int) -> str:
    """Return a Stockholm alignment of `count` samples of the alignment's covariance model."""
    names, rows = zip(*alignment.rows, strict=True)
    known = Alignment(names, rows, alignment.structure)
    model = infernal.build(known, name=alignment.accession, hand=False, options=_SHORT)
    first, rest = infernal.emit(model, count, seed=seed, aligned=True).split("\n", 1)
    return f"{first}\n#=GF AC {alignment.accession}\n{rest}"
