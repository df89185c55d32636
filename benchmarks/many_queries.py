"""Time and memory of `rhoma search` by the number of queries: neither table nor report may need them all at once.

    python benchmarks/many_queries.py --queries 500 --queries 2000 --queries 10000

Queries are random RNA, the database is that of the demo. A line a number: seconds, and the largest resident memory of
the process.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

DATABASE = Path(__file__).parents[1] / "assets" / "demo" / "database.fasta"
SEARCH = [sys.executable, "-c", "from rhoma.cli import main; main()", "search"]


def write_queries(path: Path, count: int, length: int) -> None:
    """Write random queries."""
    letters = random.Random(1)
    with path.open("w", encoding="ascii") as handle:
        for number in range(count):
            handle.write(f">q{number}\n{''.join(letters.choices('ACGU', k=length))}\n")


def clocked(command: list[str | Path]) -> tuple[float, float]:
    """Return seconds and largest resident memory (MiB) of a command; it has to end well."""
    start = time.monotonic()
    process = subprocess.Popen(list(map(str, command)))
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(os.waitstatus_to_exitcode(status))
    return time.monotonic() - start, usage.ru_maxrss / 1024


def main(
    queries: Annotated[list[int], typer.Option(min=1, help="Number of queries; can be given again.")],
    length: Annotated[int, typer.Option(min=15, help="Letters of a query.")] = 30,
    threads: Annotated[int, typer.Option(min=1, help="Queries at a time.")] = 1,
    align: Annotated[bool, typer.Option("--align", help="Write alignments too.")] = False,
) -> None:
    """Search the demo's database with so many random queries."""
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        options: list[str | Path] = ["--effort", "fast", "--threads", str(threads), "--quiet"]
        options += [] if align else ["--no-align"]
        write_queries(work / "one.fasta", 1, length)
        clocked([*SEARCH, work / "one.fasta", DATABASE, "-o", work / "one", "--save-index", work / "index", *options])
        print("| queries | seconds | MiB |\n| --- | --- | --- |")
        for count in queries:
            write_queries(work / "queries.fasta", count, length)
            out = work / str(count)
            seconds, memory = clocked([*SEARCH, work / "queries.fasta", work / "index", "-o", out, *options])
            print(f"| {count:,} | {seconds:.0f} | {memory:.0f} |", flush=True)


if __name__ == "__main__":
    typer.run(main)
