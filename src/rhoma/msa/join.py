"""Alignments to one model, side by side: their model columns are the same, insertions share columns from the left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rhoma.alignment import Alignment, as_cells, as_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_GAP = ord("-")


def join(parts: Sequence[Alignment]) -> Alignment:
    """Returns all rows of alignments to one model, in their order, with the lines of the first.

    Args:
        parts: At least one, each with the same number of model columns in its reference line.

    Raises:
        ValueError: The numbers of model columns differ.
    """
    cells = [as_cells(part.rows) for part in parts]
    models = [np.array([sign != "." for sign in part.rf]) for part in parts]
    sizes = {int(model.sum()) for model in models}
    if len(sizes) != 1:
        raise ValueError("the alignments are not to one model")
    (size,) = sizes
    widths = np.zeros(size + 1, dtype=np.int64)
    for part, model in zip(cells, models, strict=True):
        for slot, columns in _slots(model):
            widths[slot] = max(widths[slot], int((part[:, columns] != _GAP).sum(axis=1).max(initial=0)))
    # where insertions before a model column begin, and the column itself
    begin = np.concatenate([[0], np.cumsum(widths[:-1] + 1)])
    places = begin[:-1] + widths[:-1]
    whole = np.full((sum(map(len, cells)), int(begin[-1] + widths[-1])), _GAP, dtype=np.uint8)
    row = 0
    for part, model in zip(cells, models, strict=True):
        block = whole[row : row + len(part)]
        block[:, places] = part[:, model]
        for slot, columns in _slots(model):
            letters = part[:, columns]
            run = np.cumsum(letters != _GAP, axis=1) - 1
            at, column = np.nonzero(letters != _GAP)
            block[at, begin[slot] + run[at, column]] = letters[at, column]
        row += len(part)

    def spread(line: str) -> str:
        signs = ["."] * whole.shape[1]
        for place, sign in zip(places.tolist(), (s for s, m in zip(line, models[0], strict=True) if m), strict=True):
            signs[place] = sign
        return "".join(signs)

    first = parts[0]
    names = tuple(name for part in parts for name in part.names)
    return Alignment(
        names, as_rows(whole), spread(first.ss_cons) if first.ss_cons else "", spread(first.rf), first.notes
    )


def _slots(model: NDArray[np.bool_]) -> list[tuple[int, NDArray[np.int64]]]:
    """Returns the insertion columns by the number of model columns before them."""
    inserted = np.flatnonzero(~model)
    before = np.cumsum(model)[inserted]
    return [(int(slot), inserted[before == slot]) for slot in np.unique(before)]
