"""Rhoma finds the homologs of an RNA in large databases and aligns them.

Rooms, from the ground up; a room imports only lower ones:

* ``errors``, ``artifacts``, ``manifest``, ``checksums``, ``tools``, ``processes``: errors, files that appear whole,
  external programs, tasks in processes of their own.
* ``sequences``, ``shuffle``, ``kmers``, ``windows``, ``alignment``, ``hits``, ``evalue``: letters, null sequences,
  words, windows, rows and columns, hits, what scores are worth.
* ``io``: each file format in one module.
* ``transfer``, ``download``: files of a server, continued, checked and recorded.
* ``rfam``, ``databases``: Rfam in files; releases of public databases.
* ``models``: from a sequence to a unit vector.
* ``store``, ``index``: embedding shards; the vectors and letters of a database in one bundle.
* ``profile``, ``infernal``, ``structure``: the models of a query.
* ``search``: retrieve, score, iterate, chain, judge, align.
* ``msa``: what is made of a query's homologs.
* ``train``, ``evaluate``, ``report``: learning, measuring, showing.
* ``run``: whole searches without Nextflow.
* ``cli``: the typer applications that ``bin/`` and the ``rhoma`` command call.

For Python, :class:`rhoma.Searcher` is the door; on the command line, ``rhoma search``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rhoma.io.fasta import read_fasta
    from rhoma.search.config import SearchConfig
    from rhoma.search.searcher import Searcher

__version__ = "0.1.0"
__all__ = ["SearchConfig", "Searcher", "read_fasta"]

_PLACES = {
    "SearchConfig": "rhoma.search.config",
    "Searcher": "rhoma.search.searcher",
    "read_fasta": "rhoma.io.fasta",
}


def __getattr__(name: str) -> Any:
    """Returns what the package offers by name, importing its module when it is first asked for."""
    if name not in _PLACES:
        raise AttributeError(f"module 'rhoma' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_PLACES[name]), name)
