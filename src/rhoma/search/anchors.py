"""MMseqs2's hits of queries: places that are scored whatever the vectors say."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rhoma import tools
from rhoma.io.fasta import write_fasta
from rhoma.io.m8 import read_anchors
from rhoma.sequences import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rhoma.io.m8 import Anchor

# As sensitive as nucleotide search goes; the list is sorted out by the profile afterwards.
OPTIONS = ("-k", "9", "-s", "7.5", "--strand", "2", "-e", "100", "--max-seqs", "1000")
# Whole headers, not the default's names: those are cut where a name looks like sp|P12345|X.
_COLUMNS = "qheader,theader,pident,alnlen,mismatch,gapopen,qstart,qend,tstart,tend,evalue,bits"


def find_anchors(queries: Sequence[Record], database: Path, *, threads: int = 1) -> dict[str, list[Anchor]]:
    """Returns the places that MMseqs2 finds, by query.

    Args:
        queries: The queries; their names reach no program.
        database: MMseqs2 database of the index (a prefix of file names).
        threads: For MMseqs2.

    Raises:
        ToolError: MMseqs2 is missing or has failed.
    """
    if not queries:
        return {}
    common = ["--search-type", "3", "--threads", str(threads), "-v", "1"]
    with tempfile.TemporaryDirectory(prefix="rhoma-mmseqs-") as place:
        work = Path(place)
        write_fasta(work / "queries.fa", (Record(str(n), "", q.sequence) for n, q in enumerate(queries)))
        for end in database.parent.glob(f"{database.name}*"):
            (work / f"db{end.name.removeprefix(database.name)}").symlink_to(end.absolute())
        tools.run(["mmseqs", "createdb", "queries.fa", "queries", "--dbtype", "2", "-v", "1"], cwd=work)
        tools.run(["mmseqs", "search", "queries", "db", "found", "tmp", *common, *OPTIONS], cwd=work)
        table = ["mmseqs", "convertalis", "queries", "db", "found", "hits.m8", "--format-output", _COLUMNS]
        tools.run([*table, *common], cwd=work)
        found = read_anchors(work / "hits.m8")
    return {queries[int(number)].id: places for number, places in found.items()}
