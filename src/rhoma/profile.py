"""Profile models of the query (HMMER, in process) and the stretches of regions that they match.

A model is built from the single query or from the alignment of the query with its homologs. Either way it
knows which query position each of its match states stands for, so every match has coordinates on the query.

The filters of the pipeline are relaxed (F1 0.1, F2 0.05, F3 0.01): the shortlist has done the filtering.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyhmmer.easel import RNA, DigitalMSA, DigitalSequence, DigitalSequenceBlock, TextMSA
    from pyhmmer.plan7 import HMM, Background, Domain, OptimizedProfile, Profile, TopHits, Trace

    Hits = TopHits[HMM[RNA] | Profile[RNA] | OptimizedProfile[RNA]]

# Far beyond any E-value: what passes the filters is reported, and our own thresholds decide.
_EVERYTHING = 1e12


@dataclass(frozen=True, slots=True)
class Segment:
    """One locally aligned stretch (a domain) of a region.

    Attributes:
        qstart: First query position, 0-based.
        qend: End on the query, exclusive.
        start: First position on the region, 0-based.
        end: End on the region, exclusive.
        length: Alignment columns in which query or target has a letter.
        identical: Columns in which both have the same letter.
        gapopens: Runs of gaps.
        bits: Bit score.
        log_pvalue: Natural logarithm of the P-value of this stretch alone.
        domain: Number of the domain in HMMER's hit.
    """

    qstart: int
    qend: int
    start: int
    end: int
    length: int
    identical: int
    gapopens: int
    bits: float
    log_pvalue: float
    domain: int


@dataclass(frozen=True, slots=True)
class Match:
    """What a model found in one region.

    Attributes:
        region: Number of the region in the list that was scored.
        bits: Bit score of all segments together.
        log_pvalue: Natural logarithm of the P-value of ``bits``.
        segments: In the order of the region.
    """

    region: int
    bits: float
    log_pvalue: float
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """A profile of the query.

    Attributes:
        hmm: HMMER's model.
        optimized: The same, ready for the pipeline.
        positions: Query position (0-based) of each match state, -1 where the query has a gap.
        query: The query as HMMER sees it.
        trace: How the query runs through the model.
    """

    hmm: HMM[RNA]
    optimized: OptimizedProfile[RNA]
    positions: tuple[int, ...]
    query: DigitalSequence[RNA]
    trace: Trace


class ProfileScorer:
    """Builds models and scores regions with them. Not for several threads at once: give each its own.

    Args:
        seed: Seed of HMMER's calibration and stochastic traces.
    """

    def __init__(self, *, seed: int = 42) -> None:
        from pyhmmer import easel, plan7

        self.alphabet: RNA = easel.Alphabet.rna()
        self.background: Background[RNA] = plan7.Background(self.alphabet)
        # local matches cover the query in part: a column that a fifth of the homologs have stays in the model
        self._builder = plan7.Builder(self.alphabet, seed=seed, symfrac=0.2)
        self._seed = seed

    def digitize(self, name: str, sequence: str) -> DigitalSequence[RNA]:
        """Returns a sequence (upper-case RNA with IUPAC codes) as HMMER sees it."""
        from pyhmmer import easel

        return easel.TextSequence(name=name, sequence=sequence).digitize(self.alphabet)

    def block(self, sequences: Iterable[DigitalSequence[RNA]]) -> DigitalSequenceBlock[RNA]:
        """Returns sequences as the block that :meth:`score` takes."""
        from pyhmmer import easel

        return easel.DigitalSequenceBlock(self.alphabet, sequences)

    def single(self, query: DigitalSequence[RNA]) -> Model:
        """Returns the model of one sequence, by the score system that nhmmer uses for a single query."""
        from pyhmmer import plan7

        hmm, _, optimized = self._builder.build(query, self.background)
        return Model(hmm, optimized, tuple(range(len(query))), query, plan7.Trace.from_sequence(query))

    def from_alignment(self, alignment: DigitalMSA[RNA], query: DigitalSequence[RNA]) -> Model:
        """Returns the model of an alignment, with ``query`` run through it.

        Args:
            alignment: Alignment of the homologs (its name is set to the query's).
            query: The query; its trace through the new model gives the positions.
        """
        from pyhmmer import plan7

        alignment.name = query.name
        hmm, _, optimized = self._builder.build_msa(alignment, self.background)
        aligner = plan7.TraceAligner()
        block = self.block([query])
        traces = aligner.compute_traces(hmm, block)
        row = aligner.align_traces(hmm, block, traces, digitize=False, all_consensus_cols=True)
        return Model(hmm, optimized, _positions(row), query, traces[0])

    def score(self, model: Model, regions: DigitalSequenceBlock[RNA], size: float) -> Hits:
        """Returns everything that passes the filters, with E-values for a database of ``size`` comparisons.

        Args:
            model: The profile.
            regions: Regions in their reading direction, named by their number.
            size: Z of :func:`rhoma.evalue.database_size`.
        """
        from pyhmmer import plan7

        pipeline = plan7.Pipeline(
            self.alphabet,
            self.background,
            seed=self._seed,
            Z=size,
            domZ=size,
            E=_EVERYTHING * size,
            domE=_EVERYTHING * size,
            F1=0.1,
            F2=0.05,
            F3=0.01,
        )
        return pipeline.search_hmm(model.optimized, regions)

    def align(self, hits: Hits, model: Model) -> DigitalMSA[RNA]:
        """Returns the alignment of the model's query (first, whole) and the domains marked as included."""
        from pyhmmer import easel

        alignment = hits.to_msa(
            self.alphabet,
            sequences=[model.query],
            traces=[model.trace],
            all_consensus_cols=True,
            digitize=True,
        )
        if not isinstance(alignment, easel.DigitalMSA):
            raise TypeError(f"a digital alignment was asked for, not {type(alignment).__name__}")
        return alignment

    def align_text(self, hits: Hits, model: Model) -> list[tuple[str, str]]:
        """Returns (name, letters) of the rows of the same alignment, and last the reference line.

        Letters of inserts are in lower case; a row of a region is ``number/start-end``, 1-based on it.
        """
        from pyhmmer import easel

        text = hits.to_msa(self.alphabet, sequences=[model.query], traces=[model.trace], all_consensus_cols=True)
        if not isinstance(text, easel.TextMSA):
            raise TypeError(f"an alignment as text was asked for, not {type(text).__name__}")
        rows = [(row.name, letters) for row, letters in zip(text.sequences, text.alignment, strict=True)]
        return [*rows, ("RF", text.reference or "x" * len(rows[0][1]))]


def _positions(row: TextMSA) -> tuple[int, ...]:
    """Returns the query position of each consensus column of a one-sequence alignment, -1 at gaps."""
    positions, place = [], 0
    for letter, reference in zip(row.alignment[0], row.reference or "", strict=True):
        residue = letter.isalpha()
        if reference == "x":
            positions.append(place if residue else -1)
        place += residue
    return tuple(positions)


def matches(hits: Hits, model: Model, query: str) -> list[Match]:
    """Returns the matches of a search, best first (score, then number of the region).

    Args:
        hits: Result of :meth:`ProfileScorer.score`; targets are named by their number.
        model: The model that was searched with.
        query: The query's letters.
    """
    found = []
    for hit in hits:
        segments = []
        for number, domain in enumerate(hit.domains):
            segment = _segment(domain, number, model.positions, query)
            if segment is not None:
                segments.append(segment)
        if segments:
            segments.sort(key=lambda s: (s.start, s.end))
            log_pvalue = math.log(hit.pvalue) if hit.pvalue > 0 else -hit.score * math.log(2)
            found.append(Match(int(hit.name), hit.score, log_pvalue, tuple(segments)))
    found.sort(key=lambda m: (-m.bits, m.region))
    return found


def _segment(domain: Domain, number: int, positions: Sequence[int], query: str) -> Segment | None:
    """Returns a domain in query and region coordinates, None where it meets no position of the query."""
    alignment = domain.alignment
    state, target = alignment.hmm_from - 1, alignment.target_from - 1
    pairs: list[tuple[int, int]] = []
    letters = alignment.target_sequence.upper()
    identical = 0
    for consensus, letter in zip(alignment.hmm_sequence, letters, strict=True):
        if consensus != ".":
            place = positions[state]
            state += 1
            if letter != "-" and place >= 0:
                pairs.append((place, target))
                identical += query[place] == letter
        target += letter != "-"
    if not pairs:
        return None
    (qstart, first), (qlast, last) = pairs[0], pairs[-1]
    start, end = alignment.target_from - 1, alignment.target_to
    # letters outside the outermost pairs stand against nothing of the query
    length, gapopens = len(pairs) + (first - start) + (end - 1 - last), (first > start) + (end - 1 > last)
    for (q0, t0), (q1, t1) in zip(pairs, pairs[1:], strict=False):
        length += (q1 - q0 - 1) + (t1 - t0 - 1)
        gapopens += (q1 - q0 > 1) + (t1 - t0 > 1)
    log_pvalue = math.log(domain.pvalue) if domain.pvalue > 0 else -domain.score * math.log(2)
    return Segment(qstart, qlast + 1, start, end, length, identical, gapopens, domain.score, log_pvalue, number)
