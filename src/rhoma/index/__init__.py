"""The index bundle: unique sequences, their window vectors and their k-mers, in append-only segments.

* ``protocol``: what every vector index can do. ``flat``, ``hnsw``, ``ivfpq``: the three of them.
* ``kmers``: exact cosine of sparse vectors of contiguous and spaced k-mers, an inverted index.
* ``topk``: the best k with stable ties, and the merging of such lists.
* ``segment``, ``bundle``: reading. ``build``, ``change``, ``mmseqs``: writing.
"""

from __future__ import annotations
