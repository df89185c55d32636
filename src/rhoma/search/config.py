"""Settings of a search."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class SearchConfig(BaseModel):
    """How a query is searched; frozen, unknown names are refused.

    Attributes:
        shortlist: Best windows that vectors bring on each strand, and how many targets the list of
            ``mode="list"`` holds.
        iterations: Rounds at most; 1 is a single pass.
        evalue: Hits up to this E-value are homologs: they enter the alignment.
        report_evalue: Hits up to this E-value are reported.
        inclusion_bits: Bit score from which a match builds the next round's model.
        inclusion_evalue: E-value up to which it does; both must hold.
        expansion: Homologs whose stored vectors are new queries, a round.
        sensitive: A covariance model picks the first homologs and ranks the last list.
        mode: ``rounds``; ``profile`` (a single pass of the query's profile); ``list`` (the list alone).
        pad: Nucleotides added to each end of a window before it is scored.
        piece: Longest stretch of a query that one profile covers; longer queries are cut.
        overlap: Nucleotides that two neighbouring pieces share.
        database_size: Comparisons that the whole database stands for (Z), where this index is only a part of
            it.
        threads: Queries searched at the same time.
        seed: Seed of shuffles and of HMMER.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    shortlist: int = Field(1000, ge=1)
    iterations: int = Field(5, ge=1)
    evalue: float = Field(1e-3, gt=0)
    report_evalue: float = Field(10.0, gt=0)
    inclusion_bits: float = 12.0
    inclusion_evalue: float = Field(0.01, gt=0)
    expansion: int = Field(20, ge=0)
    sensitive: bool = False
    mode: Literal["rounds", "profile", "list"] = "rounds"
    pad: int = Field(150, ge=0)
    piece: int = Field(500, ge=100)
    overlap: int = Field(100, ge=0)
    database_size: float | None = Field(None, gt=0)
    threads: int = Field(1, ge=1)
    seed: int = Field(42, ge=1, lt=2**32)

    @property
    def rounds(self) -> int:
        """Returns the number of rounds that may be run."""
        return 1 if self.mode == "profile" else self.iterations
