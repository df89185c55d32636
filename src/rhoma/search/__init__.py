"""Search: retrieve windows, score them with a model of the query, look for more, calibrate, align."""

from __future__ import annotations

from rhoma.search.config import SearchConfig
from rhoma.search.database import Database, SearchableIndex
from rhoma.search.engine import SearchResult, search
from rhoma.search.piece import QueryVectors, embed_queries

__all__ = [
    "Database",
    "QueryVectors",
    "SearchConfig",
    "SearchResult",
    "SearchableIndex",
    "embed_queries",
    "search",
]
