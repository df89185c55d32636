"""The space of the learned vectors: how well families and clans keep together in it, beside 7-mer counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rhoma.evaluate.metrics import interval, mean
from rhoma.evaluate.similarity import deduplicate
from rhoma.rfam import read_families, read_sequences

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from rhoma.evaluate.benchmark import Benchmark
    from rhoma.evaluate.splits import SplitRow
    from rhoma.evaluate.tables import Row
    from rhoma.models.embedder import Embedder

EMBEDDING = (
    *("method", "sequences", "families", "silhouette", "silhouette_low", "silhouette_high"),
    *("nn_family", "nn_family_low", "nn_family_high", "nn_clan", "nn_clan_low", "nn_clan_high"),
    *("clan_sequences", "status"),
)
_SEED = 1
_MEMBERS = 10


@dataclass(frozen=True, slots=True)
class Space:
    """Sequences as points.

    Attributes:
        names: (n,) ids.
        families: (n,) family of each.
        clans: (n,) clan of each, or empty.
        similarity: (n, n) cosine; the diagonal is 1.
    """

    names: list[str]
    families: list[str]
    clans: list[str]
    similarity: NDArray[np.float32]


def silhouettes(similarity: NDArray[np.floating], labels: list[str]) -> NDArray[np.float64]:
    """Returns the silhouette of every point by cosine distance; nan where its label is alone or the only one.

    Source: P. J. Rousseeuw, J Comput Appl Math 20:53 (1987).
    """
    names, codes = np.unique(np.array(labels), return_inverse=True)
    counts = np.bincount(codes)
    distance = np.maximum(1.0 - np.asarray(similarity, dtype=np.float64), 0.0)
    np.fill_diagonal(distance, 0.0)
    sums = np.stack([distance[:, codes == label].sum(axis=1) for label in range(len(names))], axis=1)
    rows = np.arange(len(codes))
    own = counts[codes]
    inside = sums[rows, codes] / np.maximum(own - 1, 1)
    others = sums / counts
    others[rows, codes] = np.inf
    outside = others.min(axis=1)
    with np.errstate(invalid="ignore"):
        values = (outside - inside) / np.maximum(outside, inside)
    return np.where((own > 1) & np.isfinite(outside), values, np.nan)


def nearest_family(space: Space) -> NDArray[np.float64]:
    """Returns for every sequence whose family has others 1.0 if its nearest neighbour is one of them, else 0.0.

    nan where it is alone in its family.
    """
    families = np.array(space.families)
    similarity = space.similarity.astype(np.float64)
    np.fill_diagonal(similarity, -np.inf)
    counts = {family: int((families == family).sum()) for family in set(space.families)}
    same = families[similarity.argmax(axis=1)] == families
    alone = np.array([counts[family] < 2 for family in space.families])
    return np.where(alone, np.nan, same.astype(np.float64))


def nearest_clan(space: Space) -> NDArray[np.float64]:
    """Returns whether the nearest neighbour from another family is of the same clan (1.0 or 0.0).

    nan where no other family of the clan is there.
    """
    families, clans = np.array(space.families), np.array(space.clans)
    similarity = space.similarity.astype(np.float64)
    similarity[families[:, None] == families[None, :]] = -np.inf
    mates = (clans[:, None] == clans[None, :]) & (families[:, None] != families[None, :])
    usable = mates.any(axis=1) & (clans != "")
    same = clans[similarity.argmax(axis=1)] == clans
    return np.where(usable, same.astype(np.float64), np.nan)


def learned_space(
    sequences: dict[str, str], labels: dict[str, tuple[str, str]], embedder: Embedder
) -> tuple[Space, NDArray[np.float32]]:
    """Returns the space of sequences, each the mean of its windows' vectors, and those (n, d) unit rows.

    Args:
        sequences: id -> letters.
        labels: id -> (family, clan).
        embedder: the model.
    """
    from rhoma.windows import tile

    letters = list(sequences.values())
    windows = tile([len(sequence) for sequence in letters], embedder.window, embedder.stride)
    places = zip(windows.sequence.tolist(), windows.start.tolist(), windows.end.tolist(), strict=True)
    vectors = embedder.embed([letters[number][start:end] for number, start, end in places])
    means = np.zeros((len(letters), vectors.shape[1]), dtype=np.float32)
    np.add.at(means, windows.sequence, vectors)
    means = (means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)).astype(np.float32)
    return _space(list(sequences), labels, means @ means.T), means


def kmer_space(sequences: dict[str, str], labels: dict[str, tuple[str, str]]) -> Space:
    """Returns the space of 7-mer tf-idf vectors of whole sequences."""
    from rhoma.kmers import KmerVectors

    rows = KmerVectors.of(list(sequences.values())).rows
    similarity = (rows @ rows.T).toarray()
    return _space(list(sequences), labels, similarity)


def _space(names: list[str], labels: dict[str, tuple[str, str]], similarity: NDArray[np.float32]) -> Space:
    return Space(names, [labels[n][0] for n in names], [labels[n][1] for n in names], similarity)


def figures_of(method: str, space: Space) -> Row:
    """Returns the row of embedding.tsv of a space; intervals resample families."""
    found: Row = {
        "method": method,
        "sequences": len(space.names),
        "families": len(set(space.families)),
        "status": "ok",
    }
    clan_hits = nearest_clan(space)
    for name, values in (
        ("silhouette", silhouettes(space.similarity, space.families)),
        ("nn_family", nearest_family(space)),
        ("nn_clan", clan_hits),
    ):
        low, high = interval(values, space.families)
        found.update({name: mean(values), f"{name}_low": low, f"{name}_high": high})
    found["clan_sequences"] = int((~np.isnan(clan_hits)).sum())
    return found


def measure_embedding(
    benchmark: Benchmark,
    embedder: Embedder,
    *,
    rfam: Path | None = None,
    split: Sequence[SplitRow] = (),
    most_families: int = 400,
    threads: int = 1,
) -> tuple[list[Row], list[Row]]:
    """Returns the rows of embedding.tsv, and the points of the atlas (id, family, clan, type, x, y).

    Sequences are members of all test families (at most ten of each, no near copies), or the labelled targets where
    the benchmark is made of somebody's own sequences. The atlas is a t-SNE of the learned vectors by cosine distance.

    Args:
        benchmark: the benchmark.
        embedder: the model.
        rfam: directory of the Rfam files; None for own sequences.
        split: rows of the split file.
        most_families: only so many of them, those of clans first.
        threads: for MMseqs2.
    """
    if rfam is None:
        sequences, labels = _own_members(benchmark)
        titles: dict[str, tuple[str, str]] = {}
    else:
        sequences, labels = _test_members(rfam, split, most_families, threads)
        titles = {family.accession: (family.name, family.type.strip("; ")) for family in read_families(rfam)}
    learned, vectors = learned_space(sequences, labels, embedder)
    kmers = kmer_space(sequences, labels)
    points: list[Row] = []
    for name, family, clan, (x, y) in zip(
        learned.names, learned.families, learned.clans, project(vectors), strict=True
    ):
        title, kind = titles.get(family, ("", ""))
        where = {"family": f"{family} {title}".strip(), "clan": clan or "none", "type": kind or "unknown"}
        points.append({"id": name, **where, "x": float(x), "y": float(y)})
    return [figures_of("rhoma-vectors", learned), figures_of("kmer", kmers)], points


def _own_members(benchmark: Benchmark) -> tuple[dict[str, str], dict[str, tuple[str, str]]]:
    from rhoma.io.fasta import read_fasta

    records = read_fasta(benchmark.targets(benchmark.databases[0]), skip="short")[0]
    sequences = {r.id: r.sequence for r in records if benchmark.labels.get(r.id, ("", ""))[0]}
    return sequences, {name: benchmark.labels[name] for name in sequences}


def _test_members(
    rfam: Path, split: Sequence[SplitRow], most_families: int, threads: int
) -> tuple[dict[str, str], dict[str, tuple[str, str]]]:
    test = [row for row in split if row.split == "test"]
    rng = np.random.default_rng(_SEED)
    ranked = sorted(zip(rng.random(len(test)), test, strict=True), key=lambda pair: (not pair[1].clan, pair[0]))
    chosen = sorted((row for _, row in ranked[:most_families]), key=lambda row: row.family)
    every = read_sequences(rfam)
    distinct = deduplicate({row.family: every[row.family] for row in chosen}, identity=0.8, threads=threads)
    sequences: dict[str, str] = {}
    labels: dict[str, tuple[str, str]] = {}
    for row in chosen:
        members = list(distinct[row.family].items())
        for number in sorted(rng.permutation(len(members))[:_MEMBERS].tolist()):
            name, sequence = members[number]
            sequences[name] = sequence
            labels[name] = (row.family, row.clan)
    return sequences, labels


def project(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Returns (n, 2) coordinates between 0 and 1: t-SNE by cosine distance, the same for the same vectors."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    count = len(vectors)
    if count < 5:
        flat = np.linspace(0.0, 1.0, max(count, 1))
        return np.stack([flat, flat], axis=1)[:count]
    perplexity = min(30.0, (count - 1) / 3)
    model = TSNE(metric="cosine", init="random", perplexity=perplexity, random_state=_SEED, n_jobs=1)
    # On a busy machine OpenMP's threads wait for each other for minutes, and one gives the same bytes everywhere.
    with threadpool_limits(1):
        flat = np.asarray(model.fit_transform(vectors), dtype=np.float64)
    low, high = flat.min(axis=0), flat.max(axis=0)
    return np.asarray((flat - low) / np.maximum(high - low, 1e-12))
