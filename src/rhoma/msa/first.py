"""Alignments without structure: to a profile (HMMER, in process), and of long sequences to the query (MAFFT)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rhoma import tools
from rhoma.alignment import Alignment, as_cells
from rhoma.msa.mafft import parse_aligned, unaligned_fasta

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rhoma.sequences import Record

# A profile's matrix for one row grows with the square: a gigabyte at about this length.
LONGEST_PROFILE = 4_000
# Rows that the second profile is built from.
_MEMBERS = 200


def first_alignment(query: Record, homologs: Sequence[Record], *, threads: int = 1) -> Alignment:
    """Returns the query and its homologs, whole, aligned to the query: what selection and models begin with.

    Up to 4,000 nt everything is aligned to the profile of the query, and again to that of the rows most like it; above,
    MAFFT adds each sequence to the query.

    Args:
        query: The first row.
        homologs: The others; their names are the rows' names.
        threads: For MAFFT.

    Raises:
        ToolError: MAFFT is needed and missing, or has failed.
    """
    names = (query.id, *(record.id for record in homologs))
    letters = [query.sequence, *(record.sequence for record in homologs)]
    if len(letters) == 1:
        return Alignment(names, (query.sequence,), rf="x" * len(query.sequence))
    if max(map(len, letters)) > LONGEST_PROFILE:
        return _added(names, letters, threads=threads)
    alone = Alignment((query.id,), (query.sequence,), rf="x" * len(query.sequence))
    once = profile_alignment(alone, names, letters)
    cells = as_cells(once.rows)
    model = np.array([sign != "." for sign in once.rf])
    like = ((cells == cells[0]) & (cells != ord("-")))[:, model].sum(axis=1)
    near = np.argsort(-like, kind="stable")[:_MEMBERS]
    # the query stays first: its positions are the model's
    return profile_alignment(once.keep([0, *(int(row) for row in near if row)]), names, letters)


def profile_alignment(model: Alignment, names: Sequence[str], letters: Sequence[str]) -> Alignment:
    """Returns sequences aligned, whole, to the profile of an alignment; its model columns are the profile's.

    Args:
        model: With a reference line.
        names: Names of the sequences.
        letters: Their letters.
    """
    from pyhmmer import easel, hmmer, plan7

    alphabet = easel.Alphabet.rna()
    text = easel.TextMSA(
        name="model",
        sequences=[easel.TextSequence(name=str(n), sequence=row) for n, row in enumerate(model.rows)],
    )
    text.reference = model.rf
    builder, background = plan7.Builder(alphabet, architecture="hand", seed=42), plan7.Background(alphabet)
    if len(model.rows) == 1:
        only = text.digitize(alphabet).sequences[0]
        hmm, _, _ = builder.build(only, background)
    else:
        hmm, _, _ = builder.build_msa(text.digitize(alphabet), background)
    # the stubs of pyhmmer want any alphabet and do not know the rows
    block: Any = easel.DigitalSequenceBlock(
        alphabet,
        [easel.TextSequence(name=str(n), sequence=row).digitize(alphabet) for n, row in enumerate(letters)],
    )
    made: Any = hmmer.hmmalign(hmm, block, all_consensus_cols=True)
    rows = tuple(str(row).upper().replace(".", "-").replace("T", "U") for row in made.alignment)
    return Alignment(tuple(names), rows, rf="".join("." if sign == "." else "x" for sign in str(made.reference)))


def _added(names: Sequence[str], letters: Sequence[str], *, threads: int) -> Alignment:
    """Returns the sequences added one by one to the query by MAFFT."""
    with tempfile.TemporaryDirectory(prefix="rhoma-mafft-") as place:
        work = Path(place)
        plain = [f"s{number}" for number in range(len(letters))]
        (work / "query.fa").write_text(unaligned_fasta(plain[:1], letters[:1]), encoding="utf-8")
        (work / "others.fa").write_text(unaligned_fasta(plain[1:], letters[1:]), encoding="utf-8")
        options = ["--nuc", "--6merpair", "--thread", str(threads), "--quiet"]
        done = tools.run(["mafft", *options, "--addfragments", "others.fa", "query.fa"], cwd=work)
    made = parse_aligned(done.stdout, names, letters, path="mafft")
    own = ["." if sign == "-" else "x" for sign in made.rows[0]]
    return made.with_lines(rf="".join(own))
