"""Where a run works: a hidden directory beside its output, taken up again by the same run, and no other."""

from __future__ import annotations

import json
import logging
import shutil
from typing import TYPE_CHECKING

from rhoma import __version__, tools
from rhoma.artifacts import atomic_write
from rhoma.errors import InputError
from rhoma.report.write import PAGE

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)

PARAMETERS = "parameters.json"
VERSIONS = "versions.yml"
QUERIES = "queries"
_SCRATCH = "scratch"


def complete(out: Path, parameters: str, *, overwrite: bool) -> bool:
    """Returns whether the results of these parameters are in their place.

    Args:
        out: The directory.
        parameters: All that results depend on, as text.
        overwrite: Whether they are to be made again, and those of another run may be replaced.

    Raises:
        InputError: There are other results, or something else.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    written = out / PARAMETERS
    if not (written.is_file() and (out / PAGE).is_file()):
        raise InputError("exists and holds no results of a search", path=out, remedy="choose another name or remove it")
    if overwrite:
        return False
    if written.read_text(encoding="utf-8") == parameters:
        return True
    raise InputError("holds the results of another search", path=out, remedy="choose another name, or give --overwrite")


def begin(work: Path, parameters: str) -> Path:
    """Returns the directory of intermediate results; what another run has left is removed."""
    written = work / PARAMETERS
    if written.is_file() and written.read_text(encoding="utf-8") == parameters:
        logger.info("going on where a run with the same parameters was stopped")
        for draft in work.glob(".*.tmp"):
            draft.unlink()
    else:
        for entry in work.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        programs = {name: tools.version(name) for name in ("mmseqs", "cmbuild") if shutil.which(name)}
        lines = (f"{name}: {json.dumps(text)}\n" for name, text in {"rhoma": __version__, **programs}.items())
        (work / VERSIONS).write_text("".join(lines), encoding="utf-8")
        with atomic_write(written) as draft:
            draft.write_text(parameters, encoding="utf-8")
    (work / _SCRATCH).mkdir(exist_ok=True)
    return work / _SCRATCH


def lay_out(work: Path, scratch: Path) -> None:
    """Puts the directories of queries in their place and removes what is needed no more."""
    (work / QUERIES).mkdir(exist_ok=True)
    for directory in sorted(scratch.glob("*.aligned/*/")):
        directory.rename(work / QUERIES / directory.name)
    shutil.rmtree(scratch)
