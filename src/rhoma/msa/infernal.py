"""cmbuild and cmalign: a covariance model from an annotated alignment, and the homologs aligned to it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rhoma import tools
from rhoma.alignment import Alignment, ungapped
from rhoma.io.stockholm import format_stockholm, parse_stockholm

if TYPE_CHECKING:
    from pathlib import Path

# The date and the command line would make the same model differ from run to run.
_VOLATILE = re.compile(r"^(DATE|COM)\b.*\n", re.MULTILINE)


def build_model(alignment: Alignment, *, name: str, out: Path, timeout: float | None = None) -> None:
    """Writes the covariance model of an alignment with structure and reference line (``cmbuild --hand``).

    The model's columns are those that the reference line marks. The file holds no date and no command line,
    so that the same alignment gives the same bytes. It is not calibrated.

    Args:
        alignment: with ``ss_cons`` and ``rf``.
        name: name of the model, one word.
        out: the model file; an alignment file ``<out>.sto`` beside it is written and removed.
        timeout: limit in seconds.

    Raises:
        ToolError: cmbuild is missing, has failed or has run past the limit.
    """
    source = out.with_name(out.name + ".sto")
    # Short names: cmbuild's limits on names are not the user's.
    plain = Alignment(
        tuple(f"s{i}" for i in range(len(alignment.rows))), alignment.rows, alignment.ss_cons, alignment.rf
    )
    source.write_text(format_stockholm(plain), encoding="utf-8")
    try:
        tools.run(["cmbuild", "-F", "--hand", "-n", name, out, source], timeout=timeout)
    finally:
        source.unlink()
    out.write_text(_VOLATILE.sub("", out.read_text(encoding="utf-8")), encoding="utf-8")


def align_to_model(
    model: Path,
    alignment: Alignment,
    *,
    threads: int = 1,
    megabytes: int = 2048,
    timeout: float | None = None,
) -> Alignment:
    """Returns the same sequences, in the same order, aligned to a model by ``cmalign``, with SS_cons and RF.

    Args:
        model: a covariance model.
        alignment: the rows whose letters are to be aligned; their present gaps do not count.
        threads: for ``--cpu``.
        megabytes: for ``--mxsize``, the largest matrix.
        timeout: limit in seconds; unrelated sequences take very long.

    Raises:
        ToolError: cmalign is missing, needs a larger matrix, or has run past the limit.
    """
    source = model.with_name(model.name + ".fa")
    source.write_text("".join(f">s{i}\n{ungapped(row)}\n" for i, row in enumerate(alignment.rows)))
    try:
        done = tools.run(
            [
                "cmalign",
                "--cpu",
                # One worker and no worker are the same work; without one no thread is started.
                str(threads if threads > 1 else 0),
                "--mxsize",
                str(megabytes),
                "--noprob",
                "--outformat",
                "Pfam",
                model,
                source,
            ],
            timeout=timeout,
        )
    finally:
        source.unlink()
    aligned = parse_stockholm(done.stdout, path="cmalign")
    rows = dict(zip(aligned.names, aligned.rows, strict=True))
    ordered = tuple(rows[f"s{i}"] for i in range(len(alignment.rows)))
    return Alignment(alignment.names, ordered, aligned.ss_cons, aligned.rf)
