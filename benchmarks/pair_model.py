"""What matches and gaps count in structural alignments, so that the alignments of seeds are most likely.

    python benchmarks/pair_model.py --rfam DIR --split assets/encoder/split.tsv

Takes seeds of training families (those of ``--split``), cuts them to a few rows, and aligns and folds them as
:func:`rhoma.msa.structural.tell` does. Pairs of rows are then drawn, those that are alike more seldom, and the numbers
of :mod:`rhoma.msa.structural` and :mod:`rhoma.msa.pairhmm` are fitted by the likelihood of their curated alignments: a
conditional random field, as CONTRAlign is one (Do, Gross and Batzoglou 2006, RECOMB, LNCS 3909:160). Prints minus the
logarithm of the likelihood a match, of pairs of validation families, and then the numbers, which go into the two
modules by hand. As what is fitted is also what aligns and folds first, a second run moves them a little.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from rhoma.alignment import ungapped
from rhoma.evaluate.splits import read_split
from rhoma.msa import pairhmm, structural
from rhoma.rfam import read_seed
from rhoma.structure import known_letters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_NONE = -1e30
# pairs that are alike to the last letter are drawn too, so much as those that differ in so many of their letters
_LEAST_UNLIKE = 0.03
# pairs of a step are of families whose lengths are neighbours by so much of the families' number
_NEIGHBOURS = 0.1


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sequences whose alignment is known.

    Attributes:
        codes: Letters of both.
        pairing: Of both, as :func:`rhoma.msa.structural.pairing` gives it.
        partners: (letter, letter, value) as :func:`rhoma.msa.structural.partners_aligned` gives it.
        matches: Letters of both that are aligned.
        counts: Gaps between matches, their letters behind the first, gaps at the ends, their letters behind the first.
        unlike: Share of the shorter one's letters that are not aligned to an equal one.
    """

    codes: tuple[NDArray[np.int64], NDArray[np.int64]]
    pairing: tuple[NDArray[np.float32], NDArray[np.float32]]
    partners: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]
    matches: tuple[NDArray[np.int64], NDArray[np.int64]]
    counts: tuple[int, int, int, int]
    unlike: float


def pairs_of(rows: Sequence[str]) -> list[Pair]:
    """Returns the pairs of rows of an alignment that have a match."""
    letters = known_letters([ungapped(row) for row in rows])
    columns = [np.array([n for n, sign in enumerate(row) if sign not in "-."]) for row in rows]
    told = structural.tell(letters)
    sums = structural.pairing(told.probabilities)
    carried = [structural.worth_carrying(matrix) for matrix in told.probabilities]
    found = []
    for (a, b), match in zip(told.pairs, told.matches, strict=True):
        _, i, j = np.intersect1d(columns[a], columns[b], return_indices=True)
        if not len(i):
            continue
        codes = told.codes[a, : len(letters[a])], told.codes[b, : len(letters[b])]
        aligned = structural.partners_aligned(carried[a], structural.worth_carrying(match), carried[b])
        equal = int((codes[0][i] == codes[1][j]).sum())
        found.append(
            Pair(
                codes,
                (sums[a, : len(codes[0])], sums[b, : len(codes[1])]),
                (aligned.row, aligned.col, aligned.data),
                (i, j),
                gaps(i, j, len(codes[0]), len(codes[1])),
                1 - equal / min(map(len, codes)),
            )
        )
    return found


def gaps(i: NDArray[np.int64], j: NDArray[np.int64], first: int, second: int) -> tuple[int, int, int, int]:
    """Returns what :class:`Pair` counts, of matches of sequences of these lengths."""
    within = np.concatenate([np.diff(i), np.diff(j)]) - 1
    ends = np.array([i[0], j[0], first - 1 - i[-1], second - 1 - j[-1]])
    within, ends = within[within > 0], ends[ends > 0]
    return len(within), int((within - 1).sum()), len(ends), int((ends - 1).sum())


class Field(nn.Module):
    """The numbers that are fitted, begun at those in use."""

    def __init__(self) -> None:
        super().__init__()
        four = structural.letter_scores(np.arange(4)[None], np.arange(4)[None])[0]
        self.letters = nn.Parameter(torch.tensor(four, dtype=torch.float32))
        self.paired = nn.Parameter(torch.tensor(structural.PAIRED))
        self.free = nn.Parameter(torch.tensor(structural.FREE))
        self.partners = nn.Parameter(torch.tensor(structural.PARTNERS))
        gap = (pairhmm.OPEN, pairhmm.EXTEND, pairhmm.END_OPEN, pairhmm.END_EXTEND)
        self.gap = nn.Parameter(torch.tensor(gap))

    def forward(self, pairs: Sequence[Pair]) -> Tensor:
        """Returns minus the logarithm of the likelihood of each alignment, a match."""
        sizes = torch.tensor([list(map(len, pair.codes)) for pair in pairs])
        rows, columns = sizes.amax(dim=0).tolist()
        codes = [torch.full((len(pairs), size), 4) for size in (rows, columns)]
        sums = [torch.zeros(len(pairs), size, 3) for size in (rows, columns)]
        aligned = torch.zeros(len(pairs), rows, columns)
        for number, pair in enumerate(pairs):
            for side in (0, 1):
                codes[side][number, : len(pair.codes[side])] = torch.from_numpy(pair.codes[side])
                sums[side][number, : len(pair.codes[side])] = torch.from_numpy(pair.pairing[side])
            i, j, value = (torch.from_numpy(array) for array in pair.partners)
            aligned[number, i.long(), j.long()] = value.float()
        letters = nn.functional.pad((self.letters + self.letters.T) / 2, (0, 1, 0, 1))
        weights = torch.stack([self.paired, self.paired, self.free])
        scores = letters[codes[0][:, :, None], codes[1][:, None, :]] + self.partners * aligned
        scores = scores + (sums[0] * weights) @ sums[1].transpose(1, 2)
        known = [
            scores[number, pair.matches[0], pair.matches[1]].sum() + self.gap @ torch.tensor(pair.counts).float()
            for number, pair in enumerate(pairs)
        ]
        count = torch.tensor([len(pair.matches[0]) for pair in pairs])
        return (self._all(scores, sizes) - torch.stack(known)) / count

    def _all(self, scores: Tensor, sizes: Tensor) -> Tensor:
        """Returns the logarithm of the summed weights of all alignments, (pairs,); summed diagonal by diagonal."""
        pairs, rows, columns = scores.shape
        opened, extended, end_opened, end_extended = self.gap.unbind()

        def at_end(letters: Tensor) -> Tensor:
            return torch.where(letters > 0, end_opened + end_extended * (letters - 1).clamp(min=0), 0.0)

        row = torch.arange(rows)
        column = torch.arange(rows + columns - 1)[:, None] - row
        place = column.clamp(0, columns - 1)
        first, second = sizes[:, :1, None], sizes[:, 1:, None]
        inside = (column >= 0) & (column < second) & (row < first)
        begun = at_end(row) + at_end(place)
        ended = at_end((first - 1 - row).clamp(min=0)) + at_end((second - 1 - column).clamp(min=0))
        nothing = scores.new_full((pairs, 1), _NONE)

        def above(state: Tensor) -> Tensor:
            return torch.cat([nothing, state[:, :-1]], dim=1)

        # [pair, diagonal, row]
        skewed = scores[:, row.expand_as(place), place].masked_fill(~inside, _NONE)
        match = down = across = latest = before = scores.new_full((pairs, rows), _NONE)
        matches = []
        for number, weight in enumerate(skewed.unbind(1)):
            new = weight + torch.logaddexp(begun[number], above(before))
            across = torch.logaddexp(torch.logaddexp(match, down) + opened, across + extended)
            down = torch.logaddexp(above(match) + opened, above(down) + extended)
            match, before = new, latest
            # what may stand before a match
            latest = torch.logaddexp(match, torch.logaddexp(down, across))
            matches.append(match)
        return torch.logsumexp((torch.stack(matches, dim=1) + ended).flatten(1), dim=1)


def families(args: argparse.Namespace, parts: Sequence[str]) -> list[list[Pair]]:
    """Returns the pairs of each family of some parts of the split, the shortest first."""
    named = {row.family for row in read_split(args.split) if row.split in parts}
    cut = []
    for seed in read_seed(args.rfam):
        rows = [row for _, row in seed.rows]
        lengths = [len(ungapped(row)) for row in rows]
        if seed.accession in named and len(rows) >= args.fewest and np.median(lengths) <= args.longest:
            picked = np.random.default_rng(1).choice(len(rows), min(args.rows, len(rows)), replace=False)
            cut.append([rows[row] for row in sorted(picked.tolist()) if lengths[row] <= 1.3 * args.longest])
    cut = [rows for rows in cut if len(rows) > 1]
    with ProcessPoolExecutor(args.threads, get_context("spawn")) as pool:
        found = [pairs for pairs in pool.map(pairs_of, cut, chunksize=8) if pairs]
    return sorted(found, key=lambda pairs: max(len(codes) for pair in pairs for codes in pair.codes))


def draw(found: Sequence[list[Pair]], count: int, rng: np.random.Generator) -> list[Pair]:
    """Returns so many pairs, each of a family drawn from some of like length."""
    near = int(_NEIGHBOURS * len(found))
    places = np.clip(rng.integers(len(found)) + rng.integers(-near, near + 1, size=count), 0, len(found) - 1)
    drawn = []
    for place in places.tolist():
        weights = np.array([pair.unlike + _LEAST_UNLIKE for pair in found[place]])
        drawn.append(found[place][rng.choice(len(weights), p=weights / weights.sum())])
    return drawn


def main() -> None:
    """Fits and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rfam", type=Path, required=True)
    parser.add_argument("--split", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=8, help="rows of a seed")
    parser.add_argument("--fewest", type=int, default=4, help="rows that a seed has at least")
    parser.add_argument("--longest", type=int, default=200, help="median length of a seed's rows")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--batch", type=int, default=48, help="pairs of a step")
    parser.add_argument("--rate", type=float, default=0.015)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(1)
    training, validation = families(args, ["train"]), families(args, ["validation"])
    print(f"{len(training)} training families, {len(validation)} validation families", flush=True)
    field = Field()
    rng = np.random.default_rng(1)
    unseen = [draw(validation, args.batch, rng) for _ in range(16)]

    def show(step: int) -> None:
        with torch.inference_mode():
            likelihood = torch.cat([field(pairs) for pairs in unseen])
        error = likelihood.std() / len(likelihood) ** 0.5
        print(f"step {step}: {likelihood.mean():.4f} (standard error {error:.4f}) of unseen pairs", flush=True)

    optimizer = torch.optim.AdamW(field.parameters(), lr=args.rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, args.rate, total_steps=args.steps, pct_start=0.1)
    for step in range(args.steps):
        if step % 100 == 0:
            show(step)
        loss = field(draw(training, args.batch, rng)).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(field.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    show(args.steps)
    np.set_printoptions(precision=2, suppress=True)
    print("letters", ((field.letters + field.letters.T) / 2).detach().numpy(), sep="\n")
    print(
        "paired {:.2f}, free {:.2f}, partners {:.2f}".format(
            *(n.item() for n in (field.paired, field.free, field.partners))
        )
    )
    print("gap: first letter {:.2f}, further {:.2f}; at an end {:.2f}, {:.2f}".format(*field.gap.tolist()))


if __name__ == "__main__":
    main()
