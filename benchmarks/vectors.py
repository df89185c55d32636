"""What an encoder's vectors are worth alone, how well they can be approximated, and what training gave them.

    python benchmarks/vectors.py --rfam ../shared/data/rfam --part powers
    python benchmarks/vectors.py --rfam ../shared/data/rfam --part untrained
    python benchmarks/vectors.py --rfam ../shared/data/rfam --part windows
    python benchmarks/vectors.py --rfam ../shared/data/rfam --part index

Figures are those of the validation families of the bundle's split (rhoma.train.validate): their members in random
flanks among members of training families; mean average precision, recall at 100 and at 1,000.

powers     the whitening fitted anew with other powers and numbers of axes; with `--decoys 4` among so many dinucleotide
           shuffles of each target and in flanks of 100 to 600 nt, as the benchmark's database `flanked` has them
untrained  the bundle beside `--draws` untrained words encoders of its shape: `plain` are random words that count
           letters, `start` what training begins with (transitions count, too); the gain over the mean of the draws
           has the 95 % interval of a paired bootstrap over queries
windows    other lengths and distances of windows
index      `--windows` windows of flanked members, 200 of validation families as queries: effective dimension (of the
           covariance, tr(C)^2 / tr(C^2)); recall at 10, 100 and 1,000 against exact search, of 512 inverted lists of
           which 32 are probed, of a 4-bit PQ scan whose best 3,000 are rescored, of vectors as they are stored, and of
           lists and codes of a vector whitened with a lower power whose finds are rescored by the whitened one.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import torch

from rhoma.evaluate.splits import read_split
from rhoma.index.pq import PqIndex
from rhoma.index.rows import Rows
from rhoma.models.embedder import shipped_bundle
from rhoma.models.whitening import Whitening
from rhoma.train.data import Data
from rhoma.train.factory import make_network, read_network
from rhoma.train.settings import SETTINGS, resolve
from rhoma.train.validate import Validation, embed_sequences, flanked
from rhoma.train.whiten import background_windows
from rhoma.windows import tile

Array = np.ndarray[Any, Any]
FIGURES = ("learned_map", "learned_recall100", "learned_recall1000", "both_map")
DEPTHS = (10, 100, 1000)
# letters that match count one, others nothing
PLAIN_WORDS = {"transitions": 0.0, "threshold": 3.0}
LISTS, PROBES, RESCORED = 512, 32, 3000


def whitened(vectors: list[Array], power: float, axes: int) -> list[Array]:
    """Return all but the first of `vectors`, whitened by the first."""
    whitening = Whitening(vectors[0].shape[1], axes)
    whitening.fit(torch.from_numpy(vectors[0]), power)
    return [whitening(torch.from_numpy(part)).numpy() for part in vectors[1:]]


def interval(difference: Array) -> str:
    """Return the mean with its 95 % interval (10,000 draws of queries)."""
    rows = np.random.default_rng(0).integers(len(difference), size=(10_000, len(difference)))
    low, high = np.percentile(difference[rows].mean(axis=1), [2.5, 97.5])
    return f"{difference.mean():+.4f} ({low:+.4f} to {high:+.4f})"


def recall(found: Array, exact: Array) -> str:
    """Return the share of the first 10, 100 and 1,000 exact neighbours among as many found."""
    shares = []
    for depth in DEPTHS:
        pairs = zip(found[:, :depth], exact[:, :depth], strict=True)
        shares.append(np.mean([len(np.intersect1d(a[a >= 0], b)) / depth for a, b in pairs]))
    return " / ".join(f"{share:.3f}" for share in shares)


def nearest(base: Array, queries: Array, depth: int) -> Array:
    """Return the rows of the `depth` nearest of `base`, exactly."""
    index = faiss.IndexFlatIP(base.shape[1])
    index.add(base)
    rows: Array = index.search(queries, depth)[1]
    return rows


def rescored(candidates: list[Array], base: Array, queries: Array) -> Array:
    """Return the best 1,000 of each query's candidates by exact cosine, -1 where there are fewer."""
    out = np.full((len(queries), DEPTHS[-1]), -1, dtype=np.int64)
    for row, rows in enumerate(candidates):
        order = np.argsort(-(base[rows] @ queries[row]), kind="stable")[: DEPTHS[-1]]
        out[row, : len(order)] = rows[order]
    return out


def probed(base: Array, queries: Array) -> list[Array]:
    """Return the rows of the lists that are probed for each query."""
    quantiser = faiss.IndexFlatIP(base.shape[1])
    index = faiss.IndexIVFFlat(quantiser, base.shape[1], LISTS, faiss.METRIC_INNER_PRODUCT)
    index.train(base)
    index.add(base)
    index.nprobe = PROBES
    rows = index.search(queries, len(base))[1]
    return [found[found >= 0] for found in rows]


def scanned(base: Array, queries: Array) -> list[Array]:
    """Return the best rows of a scan of 4-bit codes, as the index makes them."""
    index = PqIndex.train(base, len(base))
    index.add(base)
    return list(index.search(queries, RESCORED)[1])


def stored(vectors: Array) -> Array:
    """Return unit vectors as the index holds them, in 4-bit numbers."""
    return np.concatenate(list(Rows.of(vectors).blocks()))


class Measured:
    """A bundle, its families, and the validation's sequences as the head's vectors.

    Args:
        bundle: the bundle.
        rfam: directory of the Rfam files.
        decoys: of each target of the validation.
    """

    def __init__(self, bundle: Path, rfam: Path, decoys: int = 0) -> None:
        self.network = read_network(bundle)[0]
        self.config = resolve(file=bundle / SETTINGS)
        data = Data(rfam, {row.family: row.split for row in read_split(bundle / "split.tsv")}, "")
        self.families, self.held_out = (data.load(which, self.config) for which in ("train", "validation"))
        self.window, self.views = self.config.index_window(), self.config.train.augment.window
        self.decoys = decoys
        self.validation = self.with_windows(self.window, self.config.stride)

    def with_windows(self, window: int, stride: int) -> Validation:
        """Return the validation with windows of another length and distance."""
        hard = {"flanks": (100, 600), "decoys": self.decoys, "per_family": 5} if self.decoys else {}
        return Validation(self.held_out, self.families, window=window, stride=stride, **hard)

    def vectors(self, network: Any, validation: Validation) -> list[Array]:
        """Return the head's vectors of the background, and of the validation's query and target windows."""
        texts = (background_windows(self.families, self.views), validation.query_windows, validation.target_windows)
        return [embed_sequences(network, text, network.learned) for text in texts]

    def figures(self, vectors: list[Array], power: float, axes: int, validation: Validation | None = None) -> Any:
        """Return the figures by query of vectors that are whitened so."""
        return (validation or self.validation).measure(*whitened(vectors, power, axes))


def shown(figures: Any) -> str:
    """Return the means of the figures that are shown."""
    return "\t".join(f"{figures[name].mean():.4f}" for name in FIGURES)


def powers(measured: Measured) -> None:
    """Print the figures of other powers and numbers of axes."""
    vectors = measured.vectors(measured.network, measured.validation)
    print("axes\tpower\t" + "\t".join(FIGURES))
    for axes in (512, 640, 768, 1024, 1280):
        for power in (0.0, 0.25, 0.5, 0.7, 0.85, 1.0) if axes == measured.config.whitened else (measured.config.power,):
            print(f"{axes}\t{power}\t{shown(measured.figures(vectors, power, axes))}", flush=True)
    alone = measured.figures(vectors, measured.config.power, measured.config.whitened)
    print(
        "7-mers\t-\t" + "\t".join(f"{alone[f'words_{name}'].mean():.4f}" for name in ("map", "recall100", "recall1000"))
    )


def untrained(measured: Measured, draws: int) -> None:
    """Print the figures of the bundle and of untrained networks of its shape, and the gains over their means."""
    power, axes, config = measured.config.power, measured.config.whitened, measured.config

    def row(network: Any) -> Any:
        return measured.figures(measured.vectors(network, measured.validation), power, axes)

    print("network\t" + "\t".join(FIGURES))
    trained = row(measured.network)
    print(f"trained\t{shown(trained)}", flush=True)
    for name, sizes in (("plain", PLAIN_WORDS), ("start", {})):
        rows = []
        for seed in range(draws):
            drawn = config.model_copy(update={"sizes": config.sizes | sizes | {"seed": seed}})
            rows.append(row(make_network(drawn)[0].eval()))
            print(f"{name} {seed}\t{shown(rows[-1])}", flush=True)
        if rows:
            mean = {figure: np.mean([one[figure] for one in rows], axis=0) for figure in FIGURES}
            gains = (interval(trained[figure] - mean[figure]) for figure in FIGURES)
            print(f"gain over {name}\t" + "\t".join(gains), flush=True)


def windows(measured: Measured) -> None:
    """Print the figures of other lengths and distances of windows."""
    power, axes = measured.config.power, measured.config.whitened
    print("window\tstride\ttarget_windows\t" + "\t".join(FIGURES))
    for window, stride in ((96, 48), (128, 48), (128, 64), (128, 96), (160, 80), (192, 96)):
        validation = measured.with_windows(window, stride)
        figures = measured.figures(measured.vectors(measured.network, validation), power, axes, validation)
        print(f"{window}\t{stride}\t{len(validation.target_windows)}\t{shown(figures)}", flush=True)


def index(measured: Measured, count: int) -> None:
    """Print how well the vectors of `count` windows can be approximated."""
    rng = np.random.default_rng(4)
    drawn: list[str] = []
    while len(drawn) < count:
        family = measured.families[int(rng.integers(len(measured.families)))]
        text = flanked(family.members[int(rng.integers(len(family.members)))], rng)
        table = tile([len(text)], measured.window, measured.config.stride)
        drawn += [text[a:b] for a, b in zip(table.start.tolist(), table.end.tolist(), strict=True)]
    asked = measured.validation.query_windows
    texts = (background_windows(measured.families, measured.views), asked, drawn[:count])
    vectors = [embed_sequences(measured.network, text, measured.network.learned) for text in texts]
    picked = np.sort(rng.choice(len(asked), size=min(200, len(asked)), replace=False))
    axes = measured.config.whitened
    fine_query, fine = whitened(vectors, measured.config.power, axes)
    fine_query = fine_query[picked]
    exact = nearest(fine, fine_query, DEPTHS[-1])
    print("power\teffective_dimension\tlists\tcodes\tlists_rescored_whitened\tcodes_rescored_whitened")
    for power in (0.0, 0.25, 0.35, 0.5, measured.config.power):
        query, base = whitened(vectors, power, axes)
        query = query[picked]
        variances = np.linalg.eigvalsh(np.cov(base.T))
        effective = variances.sum() ** 2 / (variances**2).sum()
        own = nearest(base, query, DEPTHS[-1])
        lists, codes = probed(base, query), scanned(base, query)
        cells = [
            recall(rescored(lists, base, query), own),
            recall(rescored(codes, base, query), own),
            recall(rescored(lists, fine, fine_query), exact),
            recall(rescored(codes, fine, fine_query), exact),
        ]
        print(f"{power}\t{effective:.0f}\t" + "\t".join(cells), flush=True)
    print(f"stored\t\t{recall(nearest(stored(fine), fine_query, DEPTHS[-1]), exact)}")


def main() -> None:
    """Print the table of one part."""
    parser = argparse.ArgumentParser(description="what vectors are worth")
    parser.add_argument("--rfam", type=Path, required=True)
    parser.add_argument("--model", type=Path, help="bundle; default, the one that is shipped")
    parser.add_argument("--part", choices=("powers", "untrained", "windows", "index"), required=True)
    parser.add_argument("--windows", type=int, default=90_000, help="of the part index")
    parser.add_argument("--decoys", type=int, default=0, help="of each target; then flanks are long, too")
    parser.add_argument("--draws", type=int, default=3, help="untrained networks of each kind; 0: the bundle alone")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    faiss.omp_set_num_threads(options.threads)
    measured = Measured(options.model or shipped_bundle(), options.rfam, options.decoys)
    if options.part == "index":
        index(measured, options.windows)
    elif options.part == "untrained":
        untrained(measured, options.draws)
    else:
        {"powers": powers, "windows": windows}[options.part](measured)


if __name__ == "__main__":
    main()
