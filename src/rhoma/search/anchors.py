"""MMseqs2's hits of queries: places that are scored whatever the vectors say.

MMseqs2 makes a table of the k-mers of its targets, whatever is asked of them, and of a large database that takes a
hundred times as long as all else. So the queries, both their strands, are its targets here, and the database is what
asks: each of its letters is read once.
"""

from __future__ import annotations

import heapq
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rhoma import tools
from rhoma.artifacts import atomic_write
from rhoma.io.fasta import write_fasta
from rhoma.io.m8 import read_anchors
from rhoma.sequences import Record, reverse_complement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rhoma.io.m8 import Anchor

# Largest E-value, by the letters of query and database and the bits, and most places of a query, the best ones.
EVALUE = 100.0
MOST = 1000
# No E-value is asked of MMseqs2: its own would be that of a database of queries. Long sequences of a compressed
# database are cut up as copies: as links into it, the default, they crash MMseqs2 14 (segmentation fault).
_OPTIONS = ("-k", "9", "--strand", "1", "-e", "inf", "--sequence-split-mode", "0")
# Whole headers, not the default's names: those are cut where a name looks like sp|P12345|X.
_COLUMNS = "theader,qheader,pident,alnlen,mismatch,gapopen,tstart,tend,qstart,qend,bits"


def find_anchors(
    queries: Sequence[Record], database: Path | None, nucleotides: int, *, threads: int = 1
) -> dict[str, list[Anchor]]:
    """Returns the places that MMseqs2 finds, by query; the arguments are those of `write_anchors`."""
    with tempfile.TemporaryDirectory(prefix="rhoma-anchors-") as place:
        table = Path(place) / "anchors.m8"
        write_anchors(table, queries, database, nucleotides, threads=threads)
        return read_anchors(table)


def write_anchors(
    path: Path, queries: Sequence[Record], database: Path | None, nucleotides: int, *, threads: int = 1
) -> None:
    """Writes the places that MMseqs2 finds as an m8 table, by query, the best first.

    What is found of a query does not depend on the others.

    Args:
        path: The table.
        queries: The queries; their names reach no program.
        database: MMseqs2 database of the index (a prefix of file names); the table is empty where there is none.
        nucleotides: Letters of the database, for the E-values.
        threads: For MMseqs2.

    Raises:
        ToolError: MMseqs2 is missing or has failed.
    """
    best: list[list[tuple[float, list[str]]]] = [[] for _ in queries]
    if queries and database is not None:
        with tempfile.TemporaryDirectory(prefix="rhoma-mmseqs-") as place:
            table = _search(queries, database, Path(place), threads)
            with open(table, encoding="utf-8") as lines:
                best = _best(lines, queries, nucleotides)
    with atomic_write(path) as draft, open(draft, "w", encoding="utf-8") as out:
        for places in best:
            for _, cells in sorted(places, reverse=True):
                out.write("\t".join(cells) + "\n")


def _search(queries: Sequence[Record], database: Path, work: Path, threads: int) -> Path:
    """Returns MMseqs2's table: query n is called 2n, its reverse complement 2n + 1."""
    common = ["--search-type", "3", "--threads", str(threads), "-v", "1"]
    strands = ((2 * n + minus, query.sequence, minus) for n, query in enumerate(queries) for minus in (0, 1))
    write_fasta(
        work / "queries.fa",
        (Record(str(name), "", reverse_complement(text) if minus else text) for name, text, minus in strands),
    )
    for end in database.parent.glob(f"{database.name}*"):
        (work / f"db{end.name.removeprefix(database.name)}").symlink_to(end.absolute())
    tools.run(["mmseqs", "createdb", "queries.fa", "queries", "--dbtype", "2", "-v", "1"], cwd=work)
    most = ["--max-seqs", str(max(MOST, 2 * len(queries)))]
    tools.run(["mmseqs", "search", "db", "queries", "found", "tmp", *_OPTIONS, *most, *common], cwd=work)
    table = ["mmseqs", "convertalis", "db", "queries", "found", "hits.m8", "--format-output", _COLUMNS]
    tools.run([*table, *common], cwd=work)
    return work / "hits.m8"


def _best(lines: Iterable[str], queries: Sequence[Record], nucleotides: int) -> list[list[tuple[float, list[str]]]]:
    """Returns the best (bits, cells of an m8 line) of each query."""
    best: list[list[tuple[float, list[str]]]] = [[] for _ in queries]
    for line in lines:
        name, *cells, bits = line.rstrip("\n").split("\t")
        number, minus = divmod(int(name), 2)
        query = queries[number]
        length = len(query.sequence)
        evalue = length * nucleotides * 2.0 ** -float(bits)
        if evalue > EVALUE:
            continue
        start, end = int(cells[5]), int(cells[6])
        # on more than one thread MMseqs2 14 calls some of its hits reversed, and counts their positions from the end
        if (start > end) != minus:
            cells[5:7] = [str(length + 1 - start), str(length + 1 - end)]
        entry = (float(bits), [query.id, *cells, f"{evalue:.2e}", bits])
        if len(best[number]) < MOST:
            heapq.heappush(best[number], entry)
        else:
            heapq.heappushpop(best[number], entry)
    return best
