"""Profile models of the query (HMMER, in process) and the stretches of regions that they match.

A model has one match state for each position of the query, whether it is built from the query alone or from the query
with its homologs: what is inserted relative to the query is an insertion in every model. So all stretches, of any
round, have coordinates on the query and fit into one alignment.

The filters of the pipeline are relaxed (F1 0.1, F2 0.05, F3 0.01): the shortlist has done the filtering.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from rhoma.alignment import lay_out, whole_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray
    from pyhmmer.easel import RNA, DigitalSequence
    from pyhmmer.plan7 import HMM, Background, Domain, OptimizedProfile

# Far beyond any E-value: what passes the filters is reported, and our own thresholds decide.
_EVERYTHING = 1e12
# Bits that a gap costs when the ends of a stretch are chosen.
_GAP_OPEN, _GAP_EXTEND = 4.0, 0.5
_LETTERS = "ACGU"
# Fewer regions are scored in one thread.
_SIDE_BY_SIDE = 100


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """One locally aligned stretch (HMMER's domain) of a region.

    Attributes:
        region: Number of the region in the list that was scored.
        start: First position on the region, 0-based.
        end: End on the region, exclusive.
        columns: (end - start,) int32: position of the query for each letter of the region, -1 for an inserted one;
            the first and the last letter have one.
        bits: Bit score.
        log_pvalue: Natural logarithm of the P-value in one comparison with a region of this length.
    """

    region: int
    start: int
    end: int
    columns: NDArray[np.int32]
    bits: float
    log_pvalue: float


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A profile of the query.

    Attributes:
        hmm: HMMER's model.
        optimized: The same, ready for the pipeline.
        odds: (positions, 256) float32: bits of each letter (ASCII) at each position; 0 for ambiguous letters.
    """

    hmm: HMM[RNA]
    optimized: OptimizedProfile[RNA]
    odds: NDArray[np.float32]

    def log_pvalue(self, bits: float) -> float:
        """Returns the natural logarithm of the P-value of a Forward score: its tail is exponential."""
        parameters = self.hmm.evalue_parameters
        tau, slope = parameters.f_tau, parameters.f_lambda
        if tau is None or slope is None:
            raise ValueError("the model is not calibrated")
        return min(0.0, -slope * (bits - tau))


class ProfileScorer:
    """Builds models and scores regions with them. Not for several threads at once: give each its own.

    Args:
        seed: Seed of HMMER's calibration and stochastic traces.
        threads: For scoring; what is found is the same for any number.
    """

    def __init__(self, *, seed: int = 42, threads: int = 1) -> None:
        from pyhmmer import easel, plan7

        self._alphabet: RNA = easel.Alphabet.rna()
        self._background: Background[RNA] = plan7.Background(self._alphabet)
        self._builder = plan7.Builder(self._alphabet, architecture="hand", seed=seed)
        self._seed = seed
        self._threads = threads

    def digitize(self, sequence: str) -> DigitalSequence[RNA]:
        """Returns a sequence (upper-case RNA with IUPAC codes) as HMMER sees it."""
        from pyhmmer import easel

        return easel.TextSequence(name="", sequence=sequence).digitize(self._alphabet)

    def single(self, query: str) -> Model:
        """Returns the model of one sequence, by the score system that nhmmer uses for a single query."""
        with _plain_command_line():
            hmm, _, optimized = self._builder.build(self._named("query", query), self._background)
        return Model(hmm, optimized, self._odds(hmm))

    def family(self, query: str, rows: Sequence[tuple[NDArray[np.int32], NDArray[np.uint8]]]) -> Model:
        """Returns the model of the query with its homologs.

        Args:
            query: Letters of the query.
            rows: Homologs as :func:`rhoma.alignment.lay_out` takes them.
        """
        return self._built(*lay_out([whole_row(query), *rows], len(query)))

    def without_query(self, length: int, rows: Sequence[tuple[NDArray[np.int32], NDArray[np.uint8]]]) -> Model:
        """Returns the model of homologs alone: its match states are the columns that half of the rows fill.

        Args:
            length: Positions of the query.
            rows: Homologs, at least one.
        """
        cells, _ = lay_out(rows, length)
        filled = 2 * (cells != ord("-")).sum(axis=0) >= len(rows)
        return self._built(cells, filled)

    def _built(self, cells: NDArray[np.uint8], positions: NDArray[np.bool_]) -> Model:
        from pyhmmer import easel

        text = easel.TextMSA(
            name="query",
            sequences=[
                easel.TextSequence(name=str(number), sequence=row.tobytes().decode("ascii"))
                for number, row in enumerate(cells)
            ],
        )
        text.reference = "".join("x" if position else "." for position in positions.tolist())
        with _plain_command_line():
            hmm, _, optimized = self._builder.build_msa(text.digitize(self._alphabet), self._background)
        return Model(hmm, optimized, self._odds(hmm))

    def _named(self, name: str, sequence: str) -> DigitalSequence[RNA]:
        digital = self.digitize(sequence)
        digital.name = name
        return digital

    def _odds(self, hmm: HMM[RNA]) -> NDArray[np.float32]:
        # pyhmmer's type stubs do not know it
        table: object = hmm.match_emissions  # type: ignore[attr-defined]
        emissions = np.asarray(table, dtype=np.float64)[1:]
        background = np.asarray(self._background.residue_frequencies, dtype=np.float64)
        odds = np.zeros((hmm.M, 256), dtype=np.float32)
        odds[:, [ord(letter) for letter in _LETTERS]] = np.log2(np.maximum(emissions, 1e-9) / background)
        return odds

    def score(self, model: Model, regions: Iterable[DigitalSequence[RNA]]) -> list[Stretch]:
        """Returns every stretch that passes the filters, best first (bits, then number and start of the region).

        Args:
            model: The profile.
            regions: Regions in their reading direction.
        """
        numbered = list(enumerate(regions))
        parts = [numbered[part :: self._threads] for part in range(self._threads)]
        if len(numbered) < _SIDE_BY_SIDE or self._threads == 1:
            found = self._scored(model, numbered)
        else:
            with ThreadPoolExecutor(self._threads) as pool:
                found = [stretch for part in pool.map(partial(self._scored, model), parts) for stretch in part]
        found.sort(key=lambda s: (-s.bits, s.region, s.start))
        return found

    def _scored(self, model: Model, numbered: Sequence[tuple[int, DigitalSequence[RNA]]]) -> list[Stretch]:
        """Returns the stretches of regions with their numbers; HMMER begins each with the same random numbers."""
        from pyhmmer import easel, plan7

        block = easel.DigitalSequenceBlock(self._alphabet)
        for number, region in numbered:
            region.name = str(number)
            block.append(region)
        pipeline = plan7.Pipeline(
            self._alphabet,
            self._background.copy(),
            seed=self._seed,
            Z=1,
            domZ=1,
            E=_EVERYTHING,
            domE=_EVERYTHING,
            F1=0.1,
            F2=0.05,
            F3=0.01,
        )
        # a search sets the profile to the length of each region
        return [
            stretch
            for hit in pipeline.search_hmm(model.optimized.copy(), block)
            for domain in hit.domains
            if (stretch := _stretch(domain, int(hit.name), model)) is not None
        ]


@contextmanager
def _plain_command_line() -> Iterator[None]:
    """Hides the arguments of this process: pyhmmer writes them into models, and fails where a path is no UTF-8."""
    before = sys.argv
    sys.argv = ["rhoma"]
    try:
        yield
    finally:
        sys.argv = before


def _stretch(domain: Domain, region: int, model: Model) -> Stretch | None:
    """Returns a domain with its ends where its score ends, None where nothing of it scores."""
    alignment = domain.alignment
    states = np.frombuffer(alignment.hmm_sequence.encode("ascii"), dtype=np.uint8)
    letters = np.frombuffer(alignment.target_sequence.upper().encode("ascii"), dtype=np.uint8)
    match, residue = states != ord("."), letters != ord("-")
    position = alignment.hmm_from - 2 + np.cumsum(match)
    low, high = best_part(_contributions(model.odds, position, letters, match & residue))
    if high <= low:
        return None
    columns = np.where(match, position, -1)[low:high][residue[low:high]].astype(np.int32)
    start = alignment.target_from - 1 + int(residue[:low].sum())
    return Stretch(region, start, start + len(columns), columns, domain.score, model.log_pvalue(domain.score))


def _contributions(
    odds: NDArray[np.float32],
    position: NDArray[np.int64],
    letters: NDArray[np.uint8],
    both: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Returns the bits that each column of an alignment adds: letters by the model, gaps a cost."""
    values = np.where(both, odds[np.maximum(position, 0), letters], -_GAP_EXTEND).astype(np.float64)
    opens = ~both
    opens[1:] &= both[:-1]
    values[opens] -= _GAP_OPEN
    return values


def best_part(values: NDArray[np.float64]) -> tuple[int, int]:
    """Returns (start, end) of the contiguous part with the largest sum, the shortest such; (0, 0) if none is above 0.

    The ends of HMMER's alignments reach into unrelated flanks: a model that was built with them would reach further
    yet (Gonzalez and Pearson 2010, homologous over-extension).
    """
    sums = np.concatenate([[0.0], np.cumsum(values)])
    lowest = np.minimum.accumulate(sums)
    gain = sums - lowest
    end = int(np.argmax(gain))
    if gain[end] <= 0:
        return 0, 0
    start = int(np.flatnonzero(sums[: end + 1] == lowest[end])[-1])
    return start, end
