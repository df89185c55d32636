"""Infernal by the single-query protocol, and with the family's own model as an oracle.

Single query: structure of the query by RNAfold, ``cmbuild``, ``cmsearch``. ``cmsearch`` wants E-value
parameters; where a model is not calibrated (seconds to minutes each) it gets those of another model, which
changes no bit score, and its E-values are left out.
"""

from __future__ import annotations

import logging
import math
import re
from typing import TYPE_CHECKING

from rhoma import tools
from rhoma.errors import InputError, ToolError
from rhoma.evaluate.methods.nhmmer import stockholm_names
from rhoma.evaluate.ranking import Answer, RankedHit, measured
from rhoma.sequences import safe_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rhoma.evaluate.methods.base import Task
    from rhoma.sequences import Record

logger = logging.getLogger(__name__)

# Parameters of a calibrated 71-column tRNA model; any will do, for the bit scores do not depend on them.
_PARAMETERS = """\
ECMLC    0.62369    -8.95393     0.81339     1600000      531557  0.002258
ECMGC    0.42792   -14.49103    -3.20105     1600000       50144  0.007977
ECMLI    0.53383    -8.38474     2.25076     1600000      350673  0.003422
ECMGI    0.47628    -9.31019     0.57693     1600000       44378  0.009013
"""
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
        work = self._task.work
        models: dict[str, str] = self._task.shared.setdefault("models", {})
        with measured() as cost:
            if query.id not in models:
                source = work / "start.sto"
                if self._oracle:
                    source = self._seed(query)
                else:
                    source.write_text(folded(query), encoding="utf-8")
                models[query.id] = self._model(source, query.id)
        stages["model"] = cost.wall
        model = work / "query.cm"
        model.write_text(models[query.id], encoding="utf-8")
        hits: list[RankedHit] = []
        included: set[str] = set()
        with measured() as cost:
            for number in range(self._rounds):
                table, alignment = work / "hits.tbl", work / "included.sto"
                options: list[str | Path] = ["--noali", "--cpu", str(self._task.threads), "--tblout", table]
                options += ["-A", alignment, "-o", work / "out"]
                # Without calibration E-values mean nothing, and thresholds are in bits.
                options += ["-E", "100", "--incE", "1e-3"] if self._calibrate else ["-T", "5"]
                options += [] if self._calibrate else ["--incT", str(_INCLUSION_BITS)]
                alignment.unlink(missing_ok=True)
                done = ["cmsearch", *options, model, self._task.targets]
                tools.run(done, timeout=_LIMIT_SECONDS)
                hits = read_table(table, query.id, evalues=self._calibrate)
                rows = stockholm_names(alignment)
                if number + 1 == self._rounds or not rows or rows == included:
                    break
                included = rows
                model.write_text(self._model(alignment, query.id), encoding="utf-8")
        stages["search"] = cost.wall
        return hits

    def _seed(self, query: Record) -> Path:
        family = self._task.families.get(query.id, "")
        path = self._task.seeds / f"{family}.sto" if self._task.seeds else None
        if path is None or not path.is_file():
            raise InputError("the family has no reference alignment", record=query.id)
        return path

    def _model(self, source: Path, name: str) -> str:
        model = self._task.work / "built.cm"
        options = ["-F", "-n", safe_name(name)]
        # A structure without pairs needs --noss, and then the model is no more than a profile.
        if not any(mark in _structure(source) for mark in "<([{"):
            options.append("--noss")
        tools.run(["cmbuild", *options, model, source], timeout=_LIMIT_SECONDS)
        if self._calibrate:
            threads = ["--cpu", str(self._task.threads)]
            tools.run(["cmcalibrate", *threads, "-L", "0.02", model], timeout=_LIMIT_SECONDS)
            return model.read_text(encoding="utf-8")
        return paste_parameters(model.read_text(encoding="utf-8"))

    def version(self) -> str:
        """Returns the version of Infernal, and how many queries it could not answer."""
        lost = f" ({len(self._lost)} queries without an answer)" if self._lost else ""
        return tools.version("cmsearch") + lost


def paste_parameters(model: str) -> str:
    """Returns the text of a covariance model with E-value parameters that are not its own."""
    return re.sub(r"^CM\n", _PARAMETERS + "CM\n", model, count=1, flags=re.MULTILINE)


def folded(query: Record) -> str:
    """Returns a Stockholm alignment of the query alone, with the structure that RNAfold predicts."""
    import RNA

    structure, _ = RNA.fold(query.sequence)
    width = max(len(query.id), len("#=GC SS_cons"))
    rows = [f"{name:<{width}} {row}" for name, row in ((query.id, query.sequence), ("#=GC SS_cons", structure))]
    return "\n".join(["# STOCKHOLM 1.0", *rows, "//", ""])


def _structure(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    return "".join(line.split()[2] for line in lines if line.startswith("#=GC SS_cons"))


def read_table(path: Path, query: str, *, evalues: bool = True) -> list[RankedHit]:
    """Returns the hits of cmsearch's ``--tblout``; E-values are nan where they are not asked for."""
    hits = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            cells = line.split()
            evalue = float(cells[15]) if evalues else math.nan
            hits.append(RankedHit(query, cells[0], cells[9], float(cells[14]), evalue))
    return hits
