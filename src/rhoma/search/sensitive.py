"""The covariance model in the rounds: it picks the first homologs and ranks the last list."""

from __future__ import annotations

import math
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rhoma import cm
from rhoma.search.chains import Chain, plus
from rhoma.search.regions import Choice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyhmmer.easel import RNA, DigitalMSA

    from rhoma.profile import ProfileScorer
    from rhoma.search.config import SearchConfig
    from rhoma.search.database import Database
    from rhoma.search.outcome import Outcome
    from rhoma.search.piece import Piece

# Regions that the covariance model is shown, in either place.
REGIONS = 150
# Bits from which the first homologs are believed, where the database is so small that chance gives fewer.
FIRST_BITS = 15.0
FIRST_EVALUE = 1.0
# Bits from which a hit of the last model counts.
LAST_BITS = 5.0
# Consensus structures of more rows than this take longer and change little.
FOLD_ROWS = 100
_QUERY = "query"


class CovarianceStep:
    """The covariance model's part in the search of one piece.

    Attributes:
        lines: Lines of Infernal's table for the last list, with names and positions of the targets.
        seconds: Seconds spent on the first homologs.
    """

    def __init__(self, database: Database, scorer: ProfileScorer, piece: Piece, config: SearchConfig) -> None:
        self.database = database
        self.scorer = scorer
        self.piece = piece
        self.config = config
        self.lines: list[str] = []
        self.seconds = 0.0
        self._structure = cm.fold(piece.sequence)
        self._residues = 2.0 * database.index.total_residues

    def first_homologs(self, outcome: Outcome) -> tuple[DigitalMSA[RNA] | None, list[Choice]]:
        """Returns the alignment of the query (first) with the hits of its own covariance model, and these.

        Without a base pair in the query's structure, or without a hit, (None, []): the profile has to choose.
        """
        if "(" not in self._structure:
            return None, []
        began = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="rhoma-cm-") as name:
            directory = Path(name)
            cm.build([self.piece.sequence], self._structure, directory / "query.cm", name=_QUERY)
            fasta = self._regions(outcome, directory, with_query=True)
            aligned = directory / "hits.sto"
            hits = cm.search(directory / "query.cm", fasta, directory, bits=self._first_bits(), alignment=aligned)
            alignment = self._read(aligned) if any(hit.name == _QUERY for hit in hits) else None
        choices = []
        for hit in hits:
            if hit.name != _QUERY:
                choices.append(Choice(int(hit.name), *outcome.regions[int(hit.name)].locate(hit.start, hit.end)))
        self.seconds += time.perf_counter() - began
        return (alignment, choices) if alignment is not None and choices else (None, [])

    def _first_bits(self) -> float:
        return max(FIRST_BITS, cm.bits_at(FIRST_EVALUE, self._residues))

    def rank(self, outcome: Outcome, chains: Sequence[Chain], piece: int) -> list[Chain]:
        """Returns the chains with those that the last covariance model knows scored by it.

        The smaller of the two P-values counts, doubled, since either could have been the smaller by chance.

        Args:
            outcome: Last round.
            chains: Its chains, resolved.
            piece: Number of the piece.
        """
        rows = self._rows(outcome)
        structure = cm.fold_alignment(rows[:FOLD_ROWS]) if len(rows) > 1 else self._structure
        if "(" not in structure:
            return list(chains)
        with tempfile.TemporaryDirectory(prefix="rhoma-cm-") as name:
            directory = Path(name)
            cm.build(rows, structure, directory / "last.cm", name=_QUERY)
            fasta = self._regions(outcome, directory, with_query=False)
            hits = cm.search(directory / "last.cm", fasta, directory, bits=LAST_BITS)
        return self._combine(outcome, chains, hits, piece)

    def _combine(self, outcome: Outcome, chains: Sequence[Chain], hits: Sequence[cm.CmHit], piece: int) -> list[Chain]:
        left = list(chains)
        for hit in hits:
            region = outcome.regions[int(hit.name)]
            low, high = region.locate(hit.start, hit.end)
            start, end = plus(region.strand, low, high)
            log_pvalue = cm.log_evalue(hit.bits, self._residues) - math.log(self.piece.size)
            self._note(hit, region.sequence, region.strand, low, high)
            place = next(
                (
                    number
                    for number, chain in enumerate(left)
                    if (chain.sequence, chain.strand) == (region.sequence, region.strand)
                    and chain.source == "profile"
                    and min(end, chain.end) > max(start, chain.start)
                ),
                None,
            )
            if place is None:
                left.append(
                    Chain(
                        sequence=region.sequence,
                        strand=region.strand,
                        qstart=self.piece.offset,
                        qend=self.piece.offset + len(self.piece.sequence),
                        start=start,
                        end=end,
                        length=0,
                        identical=0,
                        gapopens=0,
                        bits=hit.bits,
                        log_pvalue=log_pvalue + math.log(2),
                        cosine=float(outcome.cosines[int(hit.name)]),
                        parts=(),
                        source="cm",
                    )
                )
            elif log_pvalue < left[place].log_pvalue:
                left[place] = replace(left[place], bits=hit.bits, log_pvalue=log_pvalue + math.log(2), source="cm")
            else:
                left[place] = replace(left[place], log_pvalue=left[place].log_pvalue + math.log(2))
        return left

    def _note(self, hit: cm.CmHit, sequence: int, strand: str, low: int, high: int) -> None:
        """Keeps a line of Infernal's table with the target's name and positions in place of the region's."""
        cells = hit.line.split()
        cells[0], cells[2], cells[9] = self.database.index.names[sequence], self.piece.name, strand
        first, last = (low + 1, high) if strand == "+" else (high, low + 1)
        cells[7], cells[8] = str(first), str(last)
        cells[15] = f"{math.exp(min(cm.log_evalue(hit.bits, self._residues), 700)):.2g}"
        self.lines.append(" ".join(cells))

    def _regions(self, outcome: Outcome, directory: Path, *, with_query: bool) -> Path:
        """Returns the file of the best regions (by model score, then by the lists), named by number."""
        order = list(dict.fromkeys([*(match.region for match in outcome.found), *outcome.ranked]))
        path = directory / "regions.fa"
        with path.open("w") as handle:
            if with_query:
                handle.write(f">{_QUERY}\n{self.piece.sequence}\n")
            for number in order[:REGIONS]:
                region = outcome.regions[number]
                letters = self.database.fetch(region.sequence, region.start, region.end, region.strand)
                handle.write(f">{number}\n{letters}\n")
        return path

    def _rows(self, outcome: Outcome) -> list[str]:
        """Returns the aligned rows of the query (first) and the included homologs, gaps as ``-``."""
        if not any(hit.included for hit in outcome.hits):
            return [self.piece.sequence]
        text = self.scorer.align_text(outcome.hits, outcome.model)
        return [letters.upper().replace(".", "-") for _, letters in text[:-1]]

    def _read(self, path: Path) -> DigitalMSA[RNA] | None:
        """Returns cmsearch's alignment with the query first, None where the query is not whole in it."""
        from pyhmmer import easel

        with easel.MSAFile(path, format="stockholm") as handle:
            text = handle.read()
        if text is None:
            return None
        rows = sorted(zip(text.names, text.alignment, strict=True), key=lambda row: not row[0].startswith(f"{_QUERY}/"))
        return easel.TextMSA(
            name=self.piece.name,
            sequences=[easel.TextSequence(name=name, sequence=row) for name, row in rows],
        ).digitize(self.scorer.alphabet)
