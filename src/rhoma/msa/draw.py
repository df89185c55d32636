"""The consensus structure of the query as SVG: letters coloured by conservation, pairs by evidence."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

import numpy as np

from rhoma.alignment import as_cells, ungapped
from rhoma.structure import dot_bracket, pair_evidence, query_pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rhoma.alignment import Alignment

# Longer queries are drawn as a row of their conservation and their pairs' arcs are left out: nobody reads
# 5,000 letters.
LONGEST_DRAWING = 3_000
_STEP = 15.5  # between neighbours; a pair is 1.4 times as long
_PUZZLER_STEP = 25.0  # the same, as ViennaRNA draws
_PER_LINE = 50  # letters of a line, where there is no structure
_TAIL = 15
_MARGIN = 26.0
PAIR_COLOURS = {
    "covarying": "#1a9850",
    "compatible": "#2c7fb8",
    "conserved": "#8a8f98",
    "inconsistent": "#d73027",
    "unknown": "#c3c7cd",
}
PAIR_WORDS = {
    "covarying": "compensatory change",
    "compatible": "one-sided change",
    "conserved": "no change",
    "inconsistent": "often unpaired",
    "unknown": "no evidence",
}
# What rims pairs that covary significantly, and how wide the pairs are drawn.
SIGNIFICANT_RIM = "#1f2937"
_WIDE, _RIM_WIDE = 3.5, 6.5
_SIGNIFICANT_WORDS = "covaries significantly"
# White to amber in five steps, by the share of rows that have the query's letter.
CONSERVATION = ("#ffffff", "#fff3d6", "#fde3a7", "#f9c65d", "#f0a21f")
_FONT = "font-family='Helvetica,Arial,sans-serif'"


def conservation(rows: Sequence[str]) -> NDArray[np.float64]:
    """Returns the share of rows that have the query's letter at each of its positions; shape (n,)."""
    codes = as_cells(rows)
    own = codes[:, codes[0] != ord("-")]
    return np.asarray((own == own[0]).mean(axis=0), dtype=np.float64)


def _shade(share: float) -> str:
    """Returns the colour of a share: steps at 0.4, 0.6, 0.75 and 0.9."""
    return CONSERVATION[sum(share >= limit for limit in (0.4, 0.6, 0.75, 0.9))]


def _layout(structure: str) -> NDArray[np.float64]:
    """Returns coordinates (n, 2) of the letters: RNApuzzler's drawing, free of overlaps, its stems upwards.

    Unpaired ends, which lie on one long line there, are folded into lines of fifteen.
    """
    import RNA

    if "(" not in structure:
        places = np.arange(len(structure))
        return _STEP * np.column_stack([places % _PER_LINE, 2 * (places // _PER_LINE)]).astype(np.float64)
    RNA.cvar.rna_plot_type = RNA.PLOT_TYPE_PUZZLER
    found = RNA.get_xy_coordinates(structure)
    points = np.array([(found.get(i).X, found.get(i).Y) for i in range(len(structure))], dtype=np.float64)
    points *= _STEP / _PUZZLER_STEP
    first, last = structure.index("("), structure.rindex(")")
    base = float(points[first, 1])
    if float(points[:, 1].mean()) > base:
        points[:, 1] = 2 * base - points[:, 1]
    for tail, side in ((range(first - 1, -1, -1), -1), (range(last + 1, len(structure)), 1)):
        anchor = points[first if side < 0 else last].copy()
        for count, index in enumerate(tail):
            line, column = divmod(count, _TAIL)
            column = column if line % 2 == 0 else _TAIL - 1 - column
            points[index] = anchor + _STEP * np.array([side * (column + 1), line])
    return np.asarray(points - points.min(axis=0), dtype=np.float64)


def _legend(x: float, y: float, kinds: Sequence[str], *, significant: bool, homologs: int) -> list[str]:
    """Returns the SVG lines of the legend with its top left corner at (x, y)."""
    lines = [f"<g {_FONT} font-size='11' fill='#444'>"]
    for kind in kinds:
        colour = PAIR_COLOURS[kind]
        lines.append(f"<path d='M{x:.0f} {y:.0f}h18' stroke='{colour}' stroke-width='{_WIDE}'/>")
        lines.append(f"<text x='{x + 24:.0f}' y='{y + 4:.0f}'>{PAIR_WORDS[kind]}</text>")
        x += 42 + 6 * len(PAIR_WORDS[kind])
    if significant:
        for colour, width in ((SIGNIFICANT_RIM, _RIM_WIDE), (CONSERVATION[0], _WIDE)):
            lines.append(f"<path d='M{x:.0f} {y:.0f}h18' stroke='{colour}' stroke-width='{width}'/>")
        lines.append(f"<text x='{x + 24:.0f}' y='{y + 4:.0f}'>{_SIGNIFICANT_WORDS}</text>")
        x += 42 + 6 * len(_SIGNIFICANT_WORDS)
    if homologs:
        lines.append(f"<text x='{x:.0f}' y='{y + 4:.0f}'>conserved</text>")
        x += 60
        for colour in CONSERVATION:
            lines.append(f"<rect x='{x:.0f}' y='{y - 6:.0f}' width='13' height='12' fill='{colour}' stroke='#bbb'/>")
            x += 13
    return [*lines, "</g>"]


def _frame(width: float, height: float, title: str, body: Sequence[str]) -> str:
    return "\n".join(
        [
            f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width:.0f} {height:.0f}' "
            f"width='{width:.0f}' height='{height:.0f}' role='img'>",
            f"<title>{escape(title)}</title>",
            *body,
            "</svg>",
            "",
        ]
    )


def draw_structure(alignment: Alignment, *, title: str) -> str:
    """Returns an SVG of the consensus structure over the query's letters.

    Pairs of SS_cons whose columns the query fills are drawn. Their colour tells the evidence of
    :func:`rhoma.structure.pair_evidence`, a dark rim that they covary significantly, the colour behind a letter the
    share of rows with the same letter. Queries longer than ``LONGEST_DRAWING`` get a strip of their conservation.

    Args:
        alignment: with ``ss_cons``, the query first; its line ``cov`` has ``2`` where pairs covary significantly.
        title: text of the drawing's title.
    """
    sequence = ungapped(alignment.rows[0])
    shares = conservation(alignment.rows)
    if len(sequence) > LONGEST_DRAWING:
        return _strip(shares, title)
    homologs = len(alignment.rows) - 1
    pairs = query_pairs(alignment)
    evidence = [pair_evidence(alignment.rows, i, j) if homologs else "unknown" for _, _, i, j in pairs]
    points = _layout(dot_bracket([(a, b) for a, b, _, _ in pairs], len(sequence))) + _MARGIN
    kinds = [kind for kind in PAIR_COLOURS if kind in evidence]
    covaries = alignment.lines.get("cov", "." * alignment.columns)
    rims = [covaries[i] == covaries[j] == "2" for _, _, i, j in pairs]
    # The legend needs its own width, whatever the drawing's.
    width = max(points[:, 0].max() + _MARGIN, 260.0 + 130.0 * len(kinds) + 174.0 * any(rims))
    height = points[:, 1].max() + _MARGIN + 30
    body = ["<path d='M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + "' fill='none' stroke='#d5d8dc'/>"]
    body.append(f"<g stroke-width='{_WIDE}' stroke-linecap='round'>")
    for (a, b, _, _), kind, rim in zip(pairs, evidence, rims, strict=True):
        (x1, y1), (x2, y2) = points[a], points[b]
        line = f"<path d='M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}'"
        if rim:
            body.append(f"{line} stroke='{SIGNIFICANT_RIM}' stroke-width='{_RIM_WIDE}'/>")
        body.append(f"{line} stroke='{PAIR_COLOURS[kind]}'/>")
    body.append("</g><g stroke='#8f959e' stroke-width='.6'>")
    for (x, y), share in zip(points, shares, strict=True):
        colour = _shade(float(share)) if homologs else CONSERVATION[0]
        body.append(f"<circle cx='{x:.1f}' cy='{y:.1f}' r='6.2' fill='{colour}'/>")
    body.append(f"</g><g {_FONT} font-size='8.5' text-anchor='middle' fill='#1f2937'>")
    body += [
        f"<text x='{x:.1f}' y='{y + 3:.1f}'>{letter}</text>" for (x, y), letter in zip(points, sequence, strict=True)
    ]
    body.append("</g>")
    body += _numbers(points)
    body += _legend(_MARGIN, height - 14, kinds, significant=any(rims), homologs=homologs)
    return _frame(width, height, title, body)


def _numbers(points: NDArray[np.float64]) -> list[str]:
    """Returns the SVG lines of position numbers: every 20th, every 100th above 500 nt."""
    every = 20 if len(points) <= 500 else 100
    centre = points.mean(axis=0)
    lines = [f"<g {_FONT} font-size='8' text-anchor='middle' fill='#6b7280'>"]
    for index in [0, *range(every - 1, len(points), every)]:
        before, after = points[max(index - 1, 0)], points[min(index + 1, len(points) - 1)]
        along = after - before
        size = math.hypot(*along) or 1.0
        normal = np.array([-along[1], along[0]]) / size
        if float(normal @ (points[index] - centre)) < 0:
            normal = -normal
        x, y = points[index] + 14 * normal
        lines.append(f"<text x='{x:.1f}' y='{y + 3:.1f}'>{index + 1}</text>")
    return [*lines, "</g>"]


def _strip(shares: NDArray[np.float64], title: str) -> str:
    """Returns an SVG strip of mean conservation in at most 800 stretches of the query."""
    parts = np.array_split(shares, min(800, len(shares)))
    body = [f"<g {_FONT} font-size='11' fill='#444'>"]
    body.append(f"<text x='24' y='22'>Conservation along {len(shares)} nt (too long to draw its structure)</text>")
    body.append("</g><g>")
    for number, part in enumerate(parts):
        high = 60 * float(part.mean())
        body.append(f"<rect x='{24 + number}' y='{94 - high:.1f}' width='1' height='{high:.1f}' fill='#f0a21f'/>")
    body.append("</g>")
    return _frame(len(parts) + 48, 110, title, body)
