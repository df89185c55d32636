"""From the hits of a search to a structure-aware multiple sequence alignment of one query."""
