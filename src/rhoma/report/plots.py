"""The report's plots as inline SVG, drawn with the classes of the page's style sheet."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from rhoma.hits import format_evalue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rhoma.hits import Hit

# Upper limits of the E-value classes, best first; class "e4" is everything above the threshold of the last.
EVALUE_CLASSES = (1e-30, 1e-10, 1e-5, 1e-3)
MOST_BARS = 60
MOST_POINTS = 300
_WIDTH, _LEFT, _RIGHT = 640, 46, 12
_FLOOR = 1e-300


def evalue_class(evalue: float) -> str:
    """Returns the CSS class (``e0``, the best, to ``e4``) of an E-value."""
    return f"e{sum(evalue > limit for limit in EVALUE_CLASSES)}"


def _strength(evalue: float) -> float:
    """Returns minus the decimal logarithm of an E-value, at most 300 (E-values underflow to zero)."""
    return -math.log10(max(evalue, _FLOOR))


def _svg(height: float, label: str, body: Sequence[str]) -> str:
    return (
        f'<svg class="plot" viewBox="0 0 {_WIDTH} {height:.0f}" role="img" aria-label="{escape(label)}">'
        + "".join(body)
        + "</svg>"
    )


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Returns about ``count`` round numbers (1, 2 or 5 times a power of ten apart) within [low, high]."""
    if high <= low:
        return [low]
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def _axis_x(length: int, y: float) -> list[str]:
    """Returns the axis of query positions at height y."""
    scale = (_WIDTH - _LEFT - _RIGHT) / max(length, 1)
    parts = [f'<path class="axis" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}"/>']
    for position in sorted({1, *(int(t) for t in ticks(0, length, 8) if 1 <= t <= length)}):
        x = _LEFT + scale * (position - 0.5)
        parts.append(
            f'<path class="axis" d="M{x:.1f} {y:.1f}v4"/>'
            f'<text class="tick" x="{x:.1f}" y="{y + 14:.1f}" text-anchor="middle">{position}</text>'
        )
    return parts


def score_plot(hits: Sequence[Hit], *, evalue: float) -> str:
    """Returns the E-values of the hits by rank, with the threshold's line.

    At most ``MOST_POINTS`` hits are drawn, the best. No hits: an empty string.
    """
    if not hits:
        return ""
    shown = sorted(hits, key=lambda hit: hit.evalue)[:MOST_POINTS]
    values = [_strength(hit.evalue) for hit in shown]
    threshold = _strength(evalue)
    low, high = min(*values, threshold, 0.0), max(*values, threshold, 1.0)
    top, bottom = 14.0, 176.0

    def y_of(value: float) -> float:
        return bottom - (bottom - top) * (value - low) / (high - low)

    step = (_WIDTH - _LEFT - _RIGHT) / max(len(shown), 1)
    body = []
    for tick in ticks(low, high):
        y = y_of(tick)
        body.append(
            f'<path class="grid" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}"/>'
            f'<text class="tick" x="{_LEFT - 6}" y="{y + 3.5:.1f}" text-anchor="end">{tick:g}</text>'
        )
    y = y_of(threshold)
    body.append(
        f'<path class="limit" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}"/>'
        f'<text class="limit-text" x="{_WIDTH - _RIGHT}" y="{y - 4:.1f}" text-anchor="end">'
        f"E = {evalue:g}</text>"
    )
    for rank, (hit, value) in enumerate(zip(shown, values, strict=True)):
        x = _LEFT + step * (rank + 0.5)
        kind = evalue_class(hit.evalue)
        tip = escape(f"{rank + 1}. {hit.target} ({hit.source}) E {format_evalue(hit.evalue)} {hit.family}".rstrip())
        body.append(f'<circle class="{kind}" cx="{x:.1f}" cy="{y_of(value):.1f}" r="3.4"><title>{tip}</title></circle>')
    body.append(f'<path class="axis" d="M{_LEFT} {top}V{bottom}H{_WIDTH - _RIGHT}"/>')
    below, middle = bottom + 14, (_WIDTH + _LEFT) / 2
    body.append(f'<text class="tick" x="{_LEFT}" y="{below:.0f}">1</text>')
    body.append(f'<text class="tick" x="{_WIDTH - _RIGHT}" y="{below:.0f}" text-anchor="end">{len(shown)}</text>')
    body.append(
        f'<text class="label" x="{middle:.0f}" y="{below + 12:.0f}" text-anchor="middle">rank</text>'
        f'<text class="label" transform="translate(11 {(top + bottom) / 2:.0f}) rotate(-90)" '
        'text-anchor="middle">−log₁₀ E-value</text>'
    )
    return _svg(bottom + 32, "E-values of the hits by rank", body)


def coordinate_plot(hits: Sequence[Hit], length: int, depth: Sequence[int]) -> str:
    """Returns the depth of the alignment and the hits as bars, both along the query.

    At most ``MOST_BARS`` hits are drawn, the best. Neither depth nor hits: an empty string.

    Args:
        hits: of the query, with 1-based inclusive query coordinates.
        length: nucleotides of the query.
        depth: rows with a letter at each position; empty where there is no alignment.
    """
    if length <= 0 or not (hits or depth):
        return ""
    scale = (_WIDTH - _LEFT - _RIGHT) / length
    body: list[str] = []
    y = 8.0
    if depth:
        body += _depth_area(depth, y, scale)
        y += 84
    shown = sorted(hits, key=lambda hit: hit.evalue)[:MOST_BARS]
    pitch = 7.0 if len(shown) <= 30 else 4.5
    for hit in shown:
        x, width = _LEFT + scale * (hit.qstart - 1), max(scale * (hit.qend - hit.qstart + 1), 1.5)
        place = f"{hit.target} {hit.strand} {hit.tstart}-{hit.tend}, E {format_evalue(hit.evalue)}"
        body.append(
            f'<rect class="{evalue_class(hit.evalue)}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
            f'height="{pitch - 2:.1f}" rx="1"><title>{escape(place)}</title></rect>'
        )
        y += pitch
    body += _axis_x(length, y + 3)
    body.append(
        f'<text class="label" x="{(_WIDTH + _LEFT) / 2:.0f}" y="{y + 30:.0f}" text-anchor="middle">'
        "position on the query</text>"
    )
    return _svg(y + 36, "Depth of the alignment and hits along the query", body)


def _depth_area(depth: Sequence[int], top: float, scale: float) -> list[str]:
    """Returns the SVG of the depth as an area, its stretches of equal depth drawn as one."""
    high, height = max(depth), 70.0
    path = [f"M{_LEFT} {top + height:.1f}"]
    last = None
    # Above two positions a pixel, the mean of a stretch is all that can be seen.
    size = max(1, round(0.5 / scale))
    for start in range(0, len(depth), size):
        part = depth[start : start + size]
        value = sum(part) / len(part)
        if value != last:
            path.append(f"H{_LEFT + scale * start:.1f}V{top + height * (1 - value / high):.1f}")
            last = value
    path.append(f"H{_LEFT + scale * len(depth):.1f}V{top + height:.1f}Z")
    parts = [f'<path class="area" d="{"".join(path)}"/>']
    for tick in sorted({0, high}):
        y = top + height * (1 - tick / high)
        parts.append(f'<text class="tick" x="{_LEFT - 6}" y="{y + 3.5:.1f}" text-anchor="end">{tick}</text>')
    parts.append(f'<path class="axis" d="M{_LEFT} {top + height:.1f}H{_WIDTH - _RIGHT}"/>')
    parts.append(
        f'<text class="label" transform="translate(11 {top + height / 2:.0f}) rotate(-90)" '
        'text-anchor="middle">depth</text>'
    )
    return parts
