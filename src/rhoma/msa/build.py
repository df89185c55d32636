"""From a query and its homologs to the alignment with structure, model and evidence.

A core of diverse rows makes the covariance model. As many of it as time allows are aligned by letters and structures at
once, folded and modelled, and the core aligned to that is folded and modelled again; aligned by letters alone, it is
aligned to its model, and so again until the structure stays. All rows are aligned to the last model, as far as time
allows; the others to its profile.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from rhoma import infernal
from rhoma.alignment import Alignment, as_cells, ungapped
from rhoma.errors import InputError, ToolCrashError, ToolError
from rhoma.msa.aligners import Aligner, choose_aligner
from rhoma.msa.consensus import fold
from rhoma.msa.covariation import MOST_COLUMNS, CovaryingPair, covariation, covariation_line, too_wide
from rhoma.msa.embedded import embedded_alignment
from rhoma.msa.first import profile_alignment
from rhoma.msa.join import join
from rhoma.msa.mafft import mafft_alignment
from rhoma.msa.pseudoknots import crossing_helices, with_pseudoknots
from rhoma.msa.quality import FEW_EFFECTIVE
from rhoma.msa.rscape import disagreement, rscape_pairs
from rhoma.msa.select import effective_sequences, fragments, select
from rhoma.msa.structural import rows_within, structural_alignment
from rhoma.structure import LONG, annotate, query_pairs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rhoma.msa.embedded import States

# cmbuild takes about a minute at this length, and its time grows with the square.
LONGEST_MODEL = 3_000
# Rows that make the model: more make it slower and hardly better.
CORE = 60
# Seconds of a core that aligning all rows to the model may take, and what a row of 100 nt takes at most; the time grows
# with the square of the length.
_CMALIGN_BUDGET = 12.0
_CMALIGN_ROW = 0.02
_CMALIGN_SECONDS = 1_800.0
# What calibrating a model may take.
_CALIBRATE_SECONDS = 7_200.0


class BuildConfig(BaseModel):
    """Settings of an alignment.

    Attributes:
        max_homologs: most homologs in an alignment.
        max_identity: homologs more alike than this to a better one are left out.
        aligner: what aligns the core before the covariance model does: letters and structures at once
            (``structural``), letters and an encoder's states (``embed``), the profile (``cm``), MAFFT L-INS-i
            (``linsi``) or X-INS-i (``xinsi``), or what suits the rows (``auto``).
        rounds: how often model and alignment are made from each other at most; ``structural`` makes one, or
            two where it could not align the whole core.
        calibrate: whether the model gets E-value parameters (``cmcalibrate``), which takes longer than all else.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    max_homologs: int = Field(default=5_000, ge=1)
    max_identity: float = Field(default=0.95, gt=0, le=1)
    aligner: Aligner = "auto"
    rounds: int = Field(default=3, ge=1, le=5)
    calibrate: bool = False


@dataclass(frozen=True, slots=True)
class Built:
    """An alignment with its model and evidence.

    Attributes:
        alignment: the query first; with structure (and pseudoknots), reference line and the line ``cov``.
        model: text of the covariance model, as ``cmbuild`` makes it from this alignment; empty above 3,000 nt, and
            where ``cmbuild`` crashes.
        method: ``cm``, ``structural+cm``, ``embed+cm``, ``linsi+cm``, ``xinsi+cm``, what stands before the plus where
            no model could align, ``profile`` for ``cm`` then, and ``single`` for the query alone.
        reason: why this aligner.
        covariation: the pairs of the structure and the others that covary.
        warnings: what to mind.
    """

    alignment: Alignment
    model: str
    method: str
    reason: str
    covariation: tuple[CovaryingPair, ...]
    warnings: tuple[str, ...]


def choose_rows(start: Alignment, config: BuildConfig) -> list[int]:
    """Returns the rows to align, the query (0) first, then the homologs in their order."""
    ranked = range(1, len(start.rows))
    cells = as_cells(start.rows)
    return [0, *select(cells, ranked, most=config.max_homologs, max_identity=config.max_identity)]


def core_of(start: Alignment, *, most: int = CORE) -> list[int]:
    """Returns the rows that make the model: all of few, the most different of many; the query (0) first."""
    if len(start.rows) <= most:
        return list(range(len(start.rows)))
    return [0, *select(as_cells(start.rows), range(1, len(start.rows)), most=most - 1, max_identity=1.0)]


def build(
    start: Alignment,
    config: BuildConfig,
    *,
    name: str,
    threads: int = 1,
    core: Alignment | None = None,
    states: States | None = None,
) -> Built:
    """Returns the alignment of a query and its homologs, with structure, model and evidence.

    Args:
        start: the query first, then the homologs that :func:`choose_rows` has chosen, best first, aligned by the
            search or by :func:`rhoma.msa.first.first_alignment`.
        config: settings; what selects rows has no effect here.
        name: of the model, one word.
        threads: for the external programs.
        core: the rows of :func:`core_of` as another run of MAFFT has aligned them.
        states: gives the encoder's states, for the aligner ``embed``.

    Raises:
        InputError: the aligner is ``embed`` and there are no states.
        ToolError: a program is missing, or cmbuild or MAFFT has failed.
    """
    length = len(ungapped(start.rows[0]))
    finished = partial(_finished, name=name, length=length, calibrate=config.calibrate, threads=threads)
    if len(start.rows) == 1:
        return finished(annotate(start, fold), "single", "no homolog")
    if length > LONG:
        reason = f"the query is longer than {LONG:,} nt: no covariance model aligns"
        return finished(annotate(start, fold), "profile", reason)
    rows = core_of(start)
    longest = max(len(ungapped(start.rows[row])) for row in rows)
    # what MAFFT has aligned elsewhere was asked for
    wanted = "linsi" if core is not None and config.aligner == "auto" else config.aligner
    choice = choose_aligner(wanted, rows=len(rows), length=longest)
    structural = choice.aligner == "structural"
    if choice.aligner in ("structural", "embed"):
        rows = core_of(start, most=max(2, rows_within(longest)))
    known: dict[str, NDArray[np.float64]] = {}
    first = start.keep(rows) if core is None else core
    if choice.aligner == "structural":
        first = structural_alignment(first, known, threads=threads)
    elif choice.aligner == "embed":
        if states is None:
            raise InputError("the aligner 'embed' needs an encoder", remedy="name a model, or use another aligner")
        first = embedded_alignment(first, states)
    elif core is None and choice.aligner != "cm":
        first = mafft_alignment(first, choice.aligner, threads=threads)
    folded = partial(fold, known=known)
    covarying = partial(_fold_covarying, folded)
    try:
        if structural:
            whole = annotate(first, folded)
            more = core_of(start)
            # rows of the core that structures could not align in time have a say in the model, too
            twice = len(rows) < len(more) and config.rounds > 1
            for some in (start.keep(more), start) if twice else (start,):
                whole = annotate(_deep(whole, some, threads).with_lines(ss_cons="", rf=""), covarying)
        else:
            whole = _refine(annotate(first, folded), config.rounds, covarying, threads)
            if len(rows) < len(start.rows):
                whole = annotate(_deep(whole, start, threads).with_lines(ss_cons="", rf=""), covarying)
    except ToolError as error:
        if error.tool != "cmalign" and not isinstance(error, ToolCrashError):
            raise
        # A matrix too large, a run too long, a crash: the alignment at hand stays.
        kept = first if len(rows) == len(start.rows) else start
        at_hand = "profile" if choice.aligner == "cm" or kept is start else choice.aligner
        return finished(annotate(kept, fold), at_hand, f"{choice.reason}; {error.tool}: {error.problem}")
    method = "cm" if choice.aligner == "cm" else f"{choice.aligner}+cm"
    return finished(whole, method, choice.reason)


def _refine(annotated: Alignment, rounds: int, folded: Callable[[Sequence[str]], str], threads: int) -> Alignment:
    """Returns the rows aligned to the model of their structure, again until that stays, with what is then folded."""
    for _ in range(rounds):
        before = [pair[:2] for pair in query_pairs(annotated)]
        model = infernal.build(annotated, name="core")
        aligned = infernal.align(model, annotated, threads=threads, timeout=_CMALIGN_SECONDS)
        annotated = annotate(aligned.with_lines(ss_cons="", rf=""), folded)
        if [pair[:2] for pair in query_pairs(annotated)] == before:
            break
    return annotated


def _fold_covarying(folded: Callable[..., str], rows: Sequence[str]) -> str:
    """Returns the structure of rows, for which their significantly covarying columns speak too."""
    alignment = Alignment(tuple(map(str, range(len(rows)))), tuple(rows), "." * len(rows[0]))
    return folded(rows, covarying=[(pair.left, pair.right) for pair in covariation(alignment) if pair.significant])


def _deep(refined: Alignment, start: Alignment, threads: int) -> Alignment:
    """Returns all rows: as many as the budget allows aligned to the model, the others to the profile of the core."""
    model = infernal.build(refined, name="core")
    size = sum(sign != "." for sign in refined.rf)
    most = max(CORE, int(_CMALIGN_BUDGET / (_CMALIGN_ROW * (size / 100) ** 2)))
    near = start.keep(range(min(most, len(start.rows))))
    aligned = infernal.align(model, near, threads=threads, timeout=_CMALIGN_SECONDS)
    if most >= len(start.rows):
        return aligned
    rest = [ungapped(row) for row in start.rows[most:]]
    return join([aligned, profile_alignment(refined, start.names[most:], rest)])


def _model(alignment: Alignment, name: str, *, calibrate: bool, threads: int) -> tuple[str, str]:
    """Returns the covariance model of an alignment, empty where cmbuild crashes, and what could not be done."""
    try:
        model = infernal.build(alignment, name=name)
    except ToolCrashError as error:
        return "", f"no covariance model: {error}"
    if not calibrate:
        return model, ""
    try:
        return infernal.calibrate(model, threads=threads, timeout=_CALIBRATE_SECONDS), ""
    except ToolError as error:
        return model, f"the covariance model is not calibrated: {error}"


def _finished(
    alignment: Alignment, method: str, reason: str, *, name: str, length: int, calibrate: bool, threads: int
) -> Built:
    """Returns the alignment with its model, evidence and warnings."""
    short = length <= LONGEST_MODEL
    model, problem = _model(alignment, name, calibrate=calibrate, threads=threads) if short else ("", "")
    said = [problem]
    theirs: dict[tuple[int, int], float] | None = None
    try:
        theirs = rscape_pairs(alignment)
    except ToolError as error:
        # our own test stands without it
        said.append(str(error))
    pairs = tuple(covariation(alignment, rscape=theirs))
    if theirs is not None:
        said.append(disagreement({(p.left, p.right): p.significant for p in pairs if p.paired}, theirs))
    lines = {"cov": covariation_line(pairs, alignment.columns)} if pairs else {}
    known = with_pseudoknots(replace(alignment, lines=lines), crossing_helices(alignment, pairs))
    warnings = [*_warnings(alignment, pairs, method), *filter(None, said)]
    return Built(known, model, method, reason, pairs, tuple(warnings))


def _warnings(alignment: Alignment, pairs: Sequence[CovaryingPair], method: str) -> list[str]:
    """Returns what the user should mind."""
    if method == "single":
        return ["no homolog: the structure is that of the query alone"]
    cells = as_cells(alignment.rows)
    found = []
    effective = effective_sequences(cells[:, cells[0] != ord("-")])
    if effective < FEW_EFFECTIVE:
        found.append(f"only {effective:.1f} effective sequences: little evidence of structure")
    parts = int(fragments(cells).sum())
    if 2 * parts > len(cells):
        found.append(f"{parts} of {len(cells) - 1} homologs are fragments")
    if too_wide(alignment):
        found.append(f"covariation is tested up to {MOST_COLUMNS:,} columns, and was not")
    paired = [pair for pair in pairs if pair.paired]
    expected = sum(pair.power for pair in paired)
    if paired and expected >= 3 and not any(pair.significant for pair in paired):
        found.append(f"no base pair covaries significantly, where {expected:.0f} were to be expected")
    return found
