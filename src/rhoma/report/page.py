"""The report page: one self-contained HTML file that opens without a network."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING
from urllib.parse import quote

from rhoma import __version__
from rhoma.artifacts import atomic_write
from rhoma.evalue import UNIT
from rhoma.hits import format_evalue
from rhoma.io.families import accessions_of
from rhoma.msa.draw import PAIR_COLOURS, PAIR_WORDS
from rhoma.report.alignment import MOST_ROWS, alignment_view
from rhoma.report.collect import depth
from rhoma.report.plots import EVALUE_CLASSES, coordinate_plot, evalue_class, score_plot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from markupsafe import Markup

    from rhoma.hits import Hit
    from rhoma.report.collect import QueryResult, Run

# Together the drawings and alignments may not make the page heavier than this; later ones are linked.
MOST_DRAWING_BYTES = 8_000_000
# Records of the database that were left out: so many are shown.
LEFT_OUT_ROWS = 50
# Warnings of queries at the head of the page, and families of a query's hits: so many are shown.
MOST_WARNINGS = 20
MOST_FAMILIES = 8
# How the things of a run are called.
_QUERIES = {"One": "Query", "Many": "Queries", "many": "queries"}
_FAMILIES = {"One": "Family", "Many": "Families", "many": "families"}
FILES = (
    *("homologs.fasta", "msa.sto", "msa.a3m", "msa.aln", "af3.json"),
    *("covariation.tsv", "model.cm", "structure.svg"),
)


@dataclass(frozen=True, slots=True)
class PageConfig:
    """Settings of the page.

    Attributes:
        title: heading.
        evalue: the threshold of a homolog.
        top: rows of a query's table of hits.
        sections: queries that get a section of their own; the others are in the overview alone.
        families: whether the queries are families of homologs that were aligned, without a search.
        files: where the queries' directories lie, from the page.
    """

    title: str = "RNA homology search"
    evalue: float = 1e-3
    top: int = 25
    sections: int = 500
    families: bool = False
    files: str = "queries"


@dataclass(frozen=True, slots=True)
class _Section:
    """A query as the template wants it."""

    number: int
    query: QueryResult
    passing: int
    best: Hit | None
    family: str
    clan: str
    families: tuple[tuple[str, int], ...]
    warnings: tuple[str, ...]
    scores: Markup
    coordinates: Markup
    alignment: Markup
    structure: Markup
    rows: tuple[Hit, ...]
    files: tuple[tuple[str, str], ...]
    detailed: bool


def family_call(hits: Sequence[Hit]) -> tuple[str, str]:
    """Returns ("family (n of m)", clan) of the commonest family among labelled hits; ("", "") without labels.

    Ties go to the alphabetically first family; m counts all the hits given.
    """
    counts = Counter((hit.family, hit.clan) for hit in hits if hit.family)
    if not counts:
        return "", ""
    (family, clan), count = min(counts.items(), key=lambda item: (-item[1], item[0]))
    return f"{family} ({count} of {len(hits)})", clan


def _files(query: QueryResult, place: str) -> tuple[tuple[str, str], ...]:
    """Returns (name, link relative to the page) of the alignment files that were written."""
    if query.msa is None:
        return ()
    return tuple((name, f"{place}/{quote(query.directory)}/{name}") for name in FILES if (query.msa / name).is_file())


def _sections(run: Run, config: PageConfig) -> list[_Section]:
    from markupsafe import Markup

    sections = []
    budget = MOST_DRAWING_BYTES
    for number, query in enumerate(run.queries, 1):
        passing = query.passing(config.evalue)
        alignment = None
        view = ""
        detailed = number <= config.sections and bool(query.hits or query.msa)
        structure = ""
        if detailed and query.msa is not None and (query.msa / "structure.svg").is_file():
            drawing = (query.msa / "structure.svg").read_text(encoding="utf-8")
            if len(drawing) <= budget:
                budget -= len(drawing)
                structure = drawing
        if detailed:
            alignment = query.alignment()
            # a view takes more than its letters: what cannot fit is not drawn
            letters = 0 if alignment is None else min(len(alignment.rows), MOST_ROWS) * alignment.columns
            view = alignment_view(alignment) if alignment is not None and letters <= budget else ""
            view = view if len(view) <= budget else ""
            budget -= len(view)
        family, clan = family_call(passing)
        sections.append(
            _Section(
                number=number,
                query=query,
                passing=len(passing),
                best=query.hits[0] if query.hits else None,
                family=family,
                clan=clan,
                families=tuple(Counter(hit.family for hit in passing).most_common(MOST_FAMILIES)),
                warnings=query.warnings(),
                # All text in these is escaped where they are made.
                scores=Markup(score_plot(query.hits, evalue=config.evalue) if detailed else ""),
                coordinates=Markup(coordinate_plot(query.hits, query.length, depth(alignment)) if detailed else ""),
                alignment=Markup(view),
                structure=Markup(structure),
                rows=query.hits[: config.top] if detailed else (),
                files=_files(query, config.files) if detailed else (),
                detailed=detailed,
            )
        )
    return sections


def _number(value: float | None, form: str = ".2f") -> str:
    """Returns a number for people, a dash where there is none."""
    return "–" if value is None or math.isnan(value) else format(value, form)


def _percent(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{100 * value:.0f} %"


def render(run: Run, config: PageConfig) -> str:
    """Returns the page. Every name and every value from outside is escaped by the template engine.

    Args:
        run: what :func:`rhoma.report.collect.collect` found.
        config: settings.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    package = resources.files("rhoma.report")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {
        "number": _number,
        "percent": _percent,
        "evalue": format_evalue,
        "evalue_class": evalue_class,
    }
    template = environment.from_string(package.joinpath("report.html.j2").read_text(encoding="utf-8"))
    sections = _sections(run, config)
    return template.render(
        title=config.title,
        config=config,
        words=_FAMILIES if config.families else _QUERIES,
        run=run,
        sections=sections,
        accessions=accessions_of(run.families),
        comparisons=" and ".join(f"{size:,.1f}" for size in run.comparisons),
        unit=UNIT,
        found=sum(section.passing > 0 for section in sections),
        hits=sum(section.passing for section in sections),
        warned=[section for section in sections if section.warnings],
        most_warnings=MOST_WARNINGS,
        left_out_rows=LEFT_OUT_ROWS,
        alignment_rows=MOST_ROWS,
        pair_colours=[(PAIR_COLOURS[kind], PAIR_WORDS[kind]) for kind in PAIR_COLOURS],
        classes=EVALUE_CLASSES,
        version=__version__,
        style=Markup(package.joinpath("report.css").read_text(encoding="utf-8")),
        script=Markup(package.joinpath("report.js").read_text(encoding="utf-8")),
    )


def write_page(run: Run, out: Path, config: PageConfig) -> None:
    """Writes the page to a file."""
    with atomic_write(out) as partial:
        partial.write_text(render(run, config), encoding="utf-8")
