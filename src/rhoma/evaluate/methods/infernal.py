"""Infernal by the single-query protocol, and with the family's own model as an oracle.

Single query: structure of the query by RNAfold, ``cmbuild``, ``cmsearch``. ``cmsearch`` wants E-value
parameters; where a model is not calibrated (seconds to minutes each) it gets those of another model, which
changes no bit score, and its E-values are left out.
"""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

from rhoma import infernal, tools
from rhoma.alignment import Alignment
from rhoma.errors import InputError, ToolError
from rhoma.evaluate.ranking import Answer, RankedHit, measured
from rhoma.io.stockholm import read_stockholm
from rhoma.sequences import safe_name
from rhoma.structure import fold_consensus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rhoma.evaluate.methods.base import Task
    from rhoma.sequences import Record

logger = logging.getLogger(__name__)

_LIMIT_SECONDS = 1800.0
_INCLUSION_BITS = 15.0


class Infernal:
    """``cmbuild`` and ``cmsearch`` a query.

    Options: ``rounds`` (default 1; later models are built from the alignment of the hits above 15 bits, or
    with E <= 1e-3 where calibrated), ``calibrate`` (default false), ``oracle`` (the model of the family's
    seed alignment).
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._rounds = int(task.options.get("rounds", 1))
        self._calibrate = bool(task.options.get("calibrate", False))
        self._oracle = bool(task.options.get("oracle", False))
        self._lost: set[str] = set()

    def build(self) -> list[Path]:
        """Returns the FASTA file, which is searched as it is."""
        for program in ("cmbuild", "cmsearch"):
            tools.require(program)
        return [self._task.targets]

    def search(self, queries: Sequence[Record]) -> Iterator[Answer]:
        """Yields the hits of each query, scored in bits; a query that takes too long or too much memory has none.

        Raises:
            ToolError: the first query fails, so that nothing is to be expected of the others.
            InputError: the oracle is asked for a family without reference alignment.
        """
        for number, query in enumerate(queries):
            stages: dict[str, float] = {}
            hits: list[RankedHit] = []
            with measured() as cost:
                try:
                    hits = self._one(query, stages)
                except ToolError as error:
                    if number == 0:
                        raise
                    logger.warning("query %s has no answer: %s", query.id, error)
                    self._lost.add(query.id)
            yield Answer(query.id, hits, cost, stages)

    def _one(self, query: Record, stages: dict[str, float]) -> list[RankedHit]:
        models: dict[str, str] = self._task.shared.setdefault("models", {})
        with measured() as cost:
            if query.id not in models:
                start = self._seed(query) if self._oracle else folded(query)
                models[query.id] = self._model(start, query.id)
        stages["model"] = cost.wall
        model = models[query.id]
        found: list[infernal.CmHit] = []
        included: set[str] = set()
        # Without calibration E-values mean nothing, and thresholds are in bits.
        options = ["-E", "100", "--incE", "1e-3"] if self._calibrate else ["-T", "5", "--incT", str(_INCLUSION_BITS)]
        with measured() as cost:
            for number in range(self._rounds):
                found, alignment = infernal.search(
                    model,
                    self._task.targets,
                    options=options,
                    aligned=True,
                    threads=self._task.threads,
                    timeout=_LIMIT_SECONDS,
                )
                rows = set() if alignment is None else set(alignment.names)
                if number + 1 == self._rounds or alignment is None or rows == included:
                    break
                included = rows
                model = self._model(alignment, query.id)
        stages["search"] = cost.wall
        # of a model that is not calibrated E-values are not its own
        return [
            RankedHit(query.id, hit.name, hit.strand, hit.bits, hit.evalue if self._calibrate else math.nan)
            for hit in found
        ]

    def _seed(self, query: Record) -> Alignment:
        family = self._task.families.get(query.id, "")
        path = self._task.seeds / f"{family}.sto" if self._task.seeds else None
        if path is None or not path.is_file():
            raise InputError("the family has no reference alignment", record=query.id)
        return read_stockholm(path)

    def _model(self, alignment: Alignment, name: str) -> str:
        model = infernal.build(alignment, name=safe_name(name), hand=False, timeout=_LIMIT_SECONDS)
        if not self._calibrate:
            return model
        return infernal.calibrate(model, megabases=0.02, threads=self._task.threads, timeout=_LIMIT_SECONDS)

    def version(self) -> str:
        """Returns the version of Infernal, and how many queries it could not answer."""
        lost = f" ({len(self._lost)} queries without an answer)" if self._lost else ""
        return tools.version("cmsearch") + lost


def folded(query: Record) -> Alignment:
    """Returns the query alone, with the structure that RNAfold predicts."""
    return Alignment((query.id,), (query.sequence,), fold_consensus([query.sequence]))
