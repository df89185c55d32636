"""The index bundle: distinct sequences and the vectors of their windows, in append-only segments.

Reading, from the ground up:

* ``letters``, ``names``, ``rows``: what a segment stores, memory-mapped.
* ``protocol``, ``flat``, ``pq``, ``hnsw``, ``ivfpq``: vector indexes behind one protocol; ``approximate``: what three
  of them share.
* ``segment``: one segment. ``nearest``, ``topk``: the search over all of them. ``bundle``: the whole index.

Writing:

* ``representatives``: which sequences stand for others. ``contents``: what goes into a segment. ``vectors``: theirs.
* ``build``: an index in one process. ``shards``, ``join``: the same in parallel tasks.
* ``change``: delete, verify, and what all changes share. ``add``, ``compact``.
* ``mmseqs``: the MMseqs2 database. ``describe``: an index in numbers.
"""

from __future__ import annotations
