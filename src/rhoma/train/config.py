"""Settings of a training run; the resolved file is written beside its outputs."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from rhoma.train.augment import AugmentConfig

Precision = Literal["auto", "bf16", "fp32"]


class TrainConfig(BaseModel):
    """Everything that decides a training, apart from the data.

    Attributes:
        families: real families a step.
        synthetic: synthetic families a step (a random ancestor with a real fold, evolved).
        views: views of each family.
        negatives: views a step that are shuffled or reverse-complemented and have no positives.
        clan: what other families of the same clan are: left out of the loss, positives, or negatives.
        hard: share of families whose views are chosen to share few 6-mers.
        nearest: share of the families of a step that are drawn from those nearest to another one of the step, by
            4-mers, and of another clan: the negatives that are hardest to tell apart.
        micro_batch: views a forward pass with gradients; more than that are cached (GradCache).
        patience: validations without a better score before training stops; 0 never stops early.
        masked: weight of the masked-language-model loss of the encoder's states; 0 leaves it out.
        aligned: weight of the structural alignment loss (states at aligned positions of seed alignments close
            together, after RNABERT); 0 leaves it out.
        auxiliary_views: sequences a step for each of these two losses.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 1
    steps: int = Field(default=4000, gt=0)
    families: int = 96
    synthetic: int = 64
    views: int = 4
    negatives: int = 64
    clan: Literal["ignore", "positive", "negative"] = "ignore"
    hard: float = 0.5
    nearest: float = Field(default=0.5, ge=0, lt=1)
    temperature: float = Field(default=0.07, gt=0)
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup: float = 0.1
    clip: float = 1.0
    precision: Precision = "auto"
    micro_batch: int = 0
    validate_every: int = 500
    patience: int = 0
    checkpoint_every: int = 100
    masked: float = Field(default=0.0, ge=0)
    aligned: float = Field(default=0.0, ge=0)
    auxiliary_views: int = Field(default=32, ge=2)
    augment: AugmentConfig = AugmentConfig()
