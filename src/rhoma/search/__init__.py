"""Search: retrieve windows, score them with a model of the query, look for more, judge, align."""

from __future__ import annotations

from rhoma.search.config import SearchConfig
from rhoma.search.database import Database
from rhoma.search.pipeline import SearchResult, search
from rhoma.search.query import QueryVectors, embed_queries
from rhoma.search.searcher import Searcher

__all__ = ["Database", "QueryVectors", "SearchConfig", "SearchResult", "Searcher", "embed_queries", "search"]
