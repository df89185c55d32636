"""Settings of a search."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Effort = Literal["fast", "auto", "sensitive"]


class SearchConfig(BaseModel):
    """How a query is searched; frozen, unknown names are refused.

    Attributes:
        effort: When a covariance model of the query chooses homologs: never (``fast``), where the first pass of the
            profile finds few or nothing more is new, if one tile holds the query (``auto``), or in every round
            (``sensitive``). Wherever one may be asked, models of what is known then look for more in the last list.
        shortlist: Windows of a tile's first list; the list grows while its tail holds enough homologs.
        longest_shortlist: Windows that it may grow to.
        iterations: Rounds at most; 1 is a single pass.
        evalue: Hits up to this E-value are homologs: they enter the alignment.
        report_evalue: Hits up to this E-value are reported.
        inclusion_evalue: Hits up to this E-value build the next round's model; None is ten times ``evalue`` and at
            most 0.01.
        inclusion_bits: Bit score that they need besides.
        expansion: Homologs whose stored vectors are new queries, a round.
        pad: Nucleotides added to each end of where a window says that the query lies.
        tile: Longest stretch of a query that one profile covers; longer queries are cut.
        overlap: Nucleotides that two neighbouring tiles share.
        database_size: Comparisons that the whole database stands for (Z), where this index is only a part of it.
        threads: Queries searched at the same time; fewer queries share them.
        seed: Seed of HMMER.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    effort: Effort = "auto"
    shortlist: int = Field(1000, ge=1)
    longest_shortlist: int = Field(32_000, ge=1)
    iterations: int = Field(5, ge=1)
    evalue: float = Field(1e-3, gt=0)
    report_evalue: float = Field(10.0, gt=0)
    inclusion_evalue: float | None = Field(None, gt=0)
    inclusion_bits: float = 12.0
    expansion: int = Field(20, ge=0)
    pad: int = Field(150, ge=0)
    tile: int = Field(500, ge=100)
    overlap: int = Field(100, ge=0)
    database_size: float | None = Field(None, gt=0)
    threads: int = Field(1, ge=1)
    seed: int = Field(42, ge=1, lt=2**32)

    @property
    def inclusion(self) -> float:
        """Returns the E-value up to which a hit builds the next round's model."""
        return min(0.01, 10 * self.evalue) if self.inclusion_evalue is None else self.inclusion_evalue

    @property
    def core(self) -> float:
        """Returns the E-value up to which a hit may build a model that judges others."""
        return min(1e-3, self.evalue)
