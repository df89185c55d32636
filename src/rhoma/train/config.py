"""Settings of a training run; the resolved file is written beside its outputs."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from rhoma.train.augment import AugmentConfig

Precision = Literal["auto", "bf16", "fp32"]


class TrainConfig(BaseModel):
    """Everything that decides a training, apart from the data.

    Attributes:
        seed: of everything random.
        steps: of the optimiser.
        families: real families a step.
        synthetic: synthetic families a step (a random ancestor with a real fold, evolved).
        views: views of each family.
        negatives: views a step that are shuffled or reverse-complemented and have no positives.
        clan: what other families of the same clan are: left out of the loss, positives, or negatives.
        hard: share of families whose views are chosen to share few 6-mers.
        nearest: share of the families of a step that are drawn from those nearest to another one of the step, by
            4-mers, and of another clan: the negatives that are hardest to tell apart.
        loss: contrastive, or ranks: how many strangers score higher than each relative.
        temperature: of the contrastive loss; the loss of ranks counts a stranger by a sigmoid of this width in cosine.
        learning_rate: the largest.
        weight_decay: of AdamW, for matrices.
        warmup: share of the steps in which the learning rate rises; afterwards it falls as a cosine.
        clip: largest norm of the gradient.
        precision: bf16, fp32, or auto for bf16 where the device multiplies it.
        micro_batch: views a forward pass with gradients, larger batches are cached (GradCache); 0: all at once.
        validate_every: steps between validations.
        patience: validations without a better score before training stops; 0 never stops early.
        checkpoint_every: steps between checkpoints.
        masked: weight of the masked-language-model loss of the encoder's states; 0 leaves it out.
        aligned: weight of the structural alignment loss (states at aligned positions of seed alignments close
            together, after RNABERT); 0 leaves it out.
        auxiliary_views: sequences a step for each of these two losses.
        augment: how far the views of one RNA may differ.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 1
    steps: int = Field(default=4000, gt=0)
    families: int = Field(default=96, ge=1)
    synthetic: int = Field(default=64, ge=0)
    views: int = Field(default=4, ge=2)
    negatives: int = Field(default=64, ge=0)
    clan: Literal["ignore", "positive", "negative"] = "ignore"
    hard: float = Field(default=0.5, ge=0, le=1)
    nearest: float = Field(default=0.5, ge=0, lt=1)
    loss: Literal["contrastive", "ranks"] = "contrastive"
    temperature: float = Field(default=0.07, gt=0)
    learning_rate: float = Field(default=1e-3, ge=0)
    weight_decay: float = Field(default=0.05, ge=0)
    warmup: float = Field(default=0.1, ge=0, le=1)
    clip: float = Field(default=1.0, gt=0)
    precision: Precision = "auto"
    micro_batch: int = Field(default=0, ge=0)
    validate_every: int = Field(default=500, ge=1)
    patience: int = Field(default=0, ge=0)
    checkpoint_every: int = Field(default=100, ge=1)
    masked: float = Field(default=0.0, ge=0)
    aligned: float = Field(default=0.0, ge=0)
    auxiliary_views: int = Field(default=32, ge=2)
    augment: AugmentConfig = AugmentConfig()
