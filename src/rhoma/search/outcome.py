"""What the rounds of a search leave."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rhoma.profile import Hits, Match, Model
    from rhoma.search.regions import Region
    from rhoma.search.retrieve import RankedList


@dataclass(frozen=True, slots=True)
class RoundStats:
    """What one round did.

    Attributes:
        round: 1 for the first.
        shortlist: Windows that were considered.
        regions: Regions that were scored.
        included: Homologs that the model of the next round is built from.
        new: Those that no earlier round had.
        seconds: Wall-clock seconds.
    """

    round: int
    shortlist: int
    regions: int
    included: int
    new: int
    seconds: float


@dataclass
class Outcome:
    """What the last round left.

    Attributes:
        model: Model of the last round.
        regions: Regions it scored.
        found: Its matches, best first.
        hits: HMMER's result, from which alignments are made.
        cosines: Best cosine of the windows of each region, nan where none was met by vectors.
        ranked: Regions in the order of the fused lists.
        own: Candidates by the cosine of the query's own learned vectors.
        stats: One entry a round.
        seconds: Seconds by stage.
    """

    model: Model
    regions: list[Region]
    found: list[Match]
    hits: Hits
    cosines: NDArray[np.float64]
    ranked: list[int]
    own: RankedList
    stats: list[RoundStats] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
