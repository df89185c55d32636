"""How large a benchmark is."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from rhoma.errors import InputError

PresetName = Literal["quick", "standard", "full"]


class DatasetConfig(BaseModel):
    """Settings of a benchmark's databases.

    Attributes:
        families: test families of each size class (<10, 10-99, >=100) that are queried at most.
        targets: members of a test family in the database at most, the query counted.
        negatives: members of training families in the database.
        decoys: dinucleotide shuffles for each member of a test family.
        flanks: shortest and longest flank on each side.
        longest_query: longer ones are left to shorter members of the family.
        identity: near copies above this are removed within a family.
        seed: of every choice.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    families: int = Field(ge=1)
    targets: int = Field(ge=2)
    negatives: int = Field(ge=0)
    decoys: int = Field(default=10, ge=0)
    flanks: tuple[int, int] = (100, 1000)
    longest_query: int = Field(default=1500, ge=50)
    identity: float = Field(default=0.8, gt=0, le=1)
    seed: int = 1


class Preset(BaseModel):
    """A preset: the databases, and how much is measured on them.

    Attributes:
        dataset: settings of the databases.
        ablation_queries: queries of the ablations; 0 leaves them out.
        alignment_queries: queries of the alignment figures.
        embedding_families: families in the figures of the embedding space.
        calibrate: whether Infernal's models are calibrated (seconds to minutes a query).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: DatasetConfig
    ablation_queries: int = 0
    alignment_queries: int = 0
    embedding_families: int = 400
    calibrate: bool = False


PRESETS: dict[str, Preset] = {
    "quick": Preset(
        dataset=DatasetConfig(families=3, targets=8, negatives=60, decoys=3, flanks=(50, 200), longest_query=200),
        alignment_queries=3,
        embedding_families=40,
    ),
    "standard": Preset(
        dataset=DatasetConfig(families=20, targets=20, negatives=1500, longest_query=600),
        ablation_queries=24,
        alignment_queries=15,
    ),
    "full": Preset(
        dataset=DatasetConfig(families=1000, targets=200, negatives=10_000),
        ablation_queries=100,
        alignment_queries=60,
        calibrate=True,
    ),
}


def preset(name: str) -> Preset:
    """Returns a preset by name.

    Raises:
        InputError: there is none of that name.
    """
    if name not in PRESETS:
        raise InputError(f"there is no preset {name!r}", remedy=f"choose one of {', '.join(PRESETS)}")
    return PRESETS[name]
