"""The files of one alignment: for people, for Infernal and Rfam, and for structure predictors."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rhoma import __version__, infernal
from rhoma.io.a3m import format_a3m
from rhoma.io.af3 import format_af3
from rhoma.io.clustal import format_clustal
from rhoma.io.stockholm import format_stockholm
from rhoma.msa.covariation import format_covariation
from rhoma.msa.draw import draw_structure
from rhoma.sequences import safe_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rhoma.msa.build import Built


def features_of(built: Built, *, name: str) -> dict[str, str]:
    """Returns the ``#=GF`` lines of an alignment, in Rfam's order and with what is known.

    Tags: https://docs.rfam.org/en/latest/glossary.html and Rfam's DESC files. Thresholds, authors and references are
    the curator's.

    Args:
        built: the alignment.
        name: of the query or the family.
    """
    alone = len(built.alignment.rows) == 1
    folded = "(" in built.alignment.ss_cons or "<" in built.alignment.ss_cons
    return {
        "ID": safe_name(name),
        "DE": f"{name} alone" if alone else f"{name} and its homologs",
        "SE": f"Predicted; Rhoma {__version__}",
        "SS": f"Predicted; {'RNAfold' if alone else 'RNAalifold'}" if folded else "",
        "BM": "cmbuild --hand -F CM SEED" if built.model else "",
        "CB": "cmcalibrate CM" if infernal.calibrated(built.model) else "",
        "CC": "; ".join(built.warnings),
    }


def write_alignment(
    out: Path, built: Built, *, name: str, homologs: str, notes: Mapping[str, Mapping[str, str]], seed: int
) -> None:
    """Writes the files of an alignment.

    ``homologs.fasta``, ``msa.sto``, ``msa.a3m``, ``msa.aln``, ``af3.json``, ``covariation.tsv``, ``structure.svg`` and,
    where there is a model, ``model.cm``.

    Args:
        out: an existing directory.
        built: the alignment with its model and evidence, the query first.
        name: of the query or the family; it names the job of AlphaFold 3.
        homologs: the homologs without gaps, FASTA.
        notes: ``#=GS`` lines by row.
        seed: the model seed for AlphaFold 3.
    """
    final = replace(built.alignment, notes=notes)
    texts = {
        "homologs.fasta": homologs,
        "msa.sto": format_stockholm(final, features=features_of(built, name=name)),
        "msa.a3m": format_a3m(final),
        "msa.aln": format_clustal(final),
        "af3.json": format_af3(final, name=name, seed=seed),
        "covariation.tsv": format_covariation(built.covariation, final),
        "structure.svg": draw_structure(final, title=f"Consensus structure of {name}"),
        **({"model.cm": built.model} if built.model else {}),
    }
    for file, text in texts.items():
        (out / file).write_text(text, encoding="utf-8")
