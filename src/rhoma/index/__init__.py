"""The index bundle: unique sequences and their window vectors, in append-only segments.

* ``protocol``: what every vector index can do. ``flat``, ``hnsw``, ``ivfpq``: the three of them.
* ``topk``: the best k with stable ties, and the merging of such lists.
* ``segment``, ``bundle``: reading. ``build``, ``change``, ``mmseqs``: writing.
"""

from __future__ import annotations
