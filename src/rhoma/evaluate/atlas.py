"""An interactive map of sequences as one HTML fragment: no library, no network."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rhoma.evaluate.tables import Row

_SCRIPT = """\
(() => {
  const data = JSON.parse(document.getElementById("atlas-data").textContent);
  const canvas = document.getElementById("atlas"), pen = canvas.getContext("2d");
  const tip = document.getElementById("atlas-tip"), choose = document.getElementById("atlas-colour");
  const find = document.getElementById("atlas-find");
  let scale = 1, dx = 0, dy = 0, drag = null;
  const colours = (key) => {
    const names = [...new Set(data.map((p) => p[key]))].sort();
    return new Map(names.map((n, i) => [n, n === "none" ? "#bbb" :
      `hsl(${(i * 137.508) % 360} 65% ${40 + 15 * (i % 3)}%)`]));
  };
  let table = colours(choose.value);
  const inside = (t) => (t * 0.94 + 0.03) * scale;
  const place = (p) => [inside(p.x) * canvas.width + dx, inside(p.y) * canvas.height + dy];
  const draw = () => {
    pen.clearRect(0, 0, canvas.width, canvas.height);
    const wanted = find.value.toLowerCase();
    for (const p of data) {
      const [x, y] = place(p);
      const hit = !wanted || [p.id, p.family, p.clan, p.type].some((t) => t.toLowerCase().includes(wanted));
      pen.globalAlpha = hit ? 0.85 : 0.08;
      pen.fillStyle = table.get(p[choose.value]);
      pen.beginPath(); pen.arc(x, y, 4, 0, 7); pen.fill();
    }
  };
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    const wide = canvas.width / box.width, high = canvas.height / box.height;
    return [(event.clientX - box.left) * wide, (event.clientY - box.top) * high];
  };
  canvas.onmousemove = (event) => {
    const [x, y] = at(event);
    if (drag) { dx += x - drag[0]; dy += y - drag[1]; drag = [x, y]; draw(); return; }
    let best = null, least = 144;
    for (const p of data) {
      const [a, b] = place(p), d = (a - x) ** 2 + (b - y) ** 2;
      if (d < least) { least = d; best = p; }
    }
    tip.textContent = best ? [best.id, best.family, `clan ${best.clan}`, best.type].join(", ") : "\\u00a0";
  };
  canvas.onmousedown = (event) => { drag = at(event); };
  window.addEventListener("mouseup", () => { drag = null; });
  canvas.onwheel = (event) => {
    event.preventDefault();
    const [x, y] = at(event), f = event.deltaY < 0 ? 1.2 : 1 / 1.2;
    scale *= f; dx = x - (x - dx) * f; dy = y - (y - dy) * f; draw();
  };
  choose.onchange = () => { table = colours(choose.value); draw(); };
  find.oninput = draw;
  draw();
})();
"""


def atlas(points: Sequence[Row]) -> str:
    """Returns the HTML of the map: colour by family, clan or type, search, zoom with the wheel, drag to move.

    Args:
        points: rows with id, family, clan, type, and x and y between 0 and 1.
    """
    rows = [{**point, "x": round(point["x"], 4), "y": round(point["y"], 4)} for point in points]
    # A closing tag inside the data would end the script element.
    data = json.dumps(rows).replace("</", "<\\/")
    return (
        '<p><label>Colour <select id="atlas-colour"><option>family</option><option>clan</option>'
        '<option>type</option></select></label> <label>Find <input id="atlas-find" size="24"></label></p>\n'
        '<canvas id="atlas" width="960" height="600" aria-label="map of sequences"></canvas>\n'
        '<p id="atlas-tip">&nbsp;</p>\n'
        f'<script type="application/json" id="atlas-data">{data}</script>\n<script>\n{_SCRIPT}</script>\n'
    )
