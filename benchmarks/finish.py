"""What whitening and soft words are worth, and how the axes and powers of rhoma.models.whitening were chosen.

    python benchmarks/finish.py --rfam ../shared/data/rfam --threads 2

Takes the encoder and head that are shipped, fits each way of finishing their vectors to the training families, as
`rhoma train whiten` does, and measures it on the validation families (rhoma.train.validate). Prints a row a way: the
axes, mean average precision and recall at 1,000 of the vectors alone, and of vectors and 7-mer counts together.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch.nn import functional

from rhoma.evaluate.splits import read_split
from rhoma.models.embedder import shipped_bundle
from rhoma.models.whitening import POWER, WORD_POWER, SoftWords, Whitening
from rhoma.train.factory import begin_with, make_network
from rhoma.train.run import Data, Validate
from rhoma.train.settings import resolve
from rhoma.train.validate import embed_sequences
from rhoma.train.whiten import background_windows

# axes and power of the head's vector, then of the soft words
WAYS = [
    *(((192, power), (0, 0.0)) for power in (0.0, 0.25, POWER, 0.75, 1.0)),
    *(((0, 0.0), (320, power)) for power in (0.5, WORD_POWER, 1.0)),
    *(((0, 0.0), (axes, WORD_POWER)) for axes in (512, 832)),
    *(((axes, POWER), (512 - axes, WORD_POWER)) for axes in (128, 192, 256)),
]
_SHOWN = ("map", "recall1000")


def main() -> None:
    """Embed once, finish in every way, and print the table."""
    parser = argparse.ArgumentParser(description="ways of finishing vectors")
    parser.add_argument("--rfam", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    bundle = shipped_bundle()
    config = resolve(file=bundle / "config.yaml")
    split = {row.family: row.split for row in read_split(bundle / "split.tsv")}
    data = Data(options.rfam, split, "")
    families, held_out = (data.load(which, config) for which in ("train", "validation"))
    network, info = make_network(config)
    begin_with(network, info, bundle)
    network.eval()
    soft = SoftWords()
    validation = Validate(held_out, families, config).retrieval
    background = background_windows(families, config.train.augment.window)
    texts = (background, validation.query_windows, validation.target_windows)
    heads = [torch.from_numpy(embed_sequences(network, t, network.learned)) for t in texts]
    counts = [torch.from_numpy(embed_sequences(network, t, lambda b: soft(b.letters))) for t in texts]

    print(
        "\t".join(("head", "power", "words", "power", *_SHOWN, *(f"with_7mers_{name}" for name in _SHOWN))), flush=True
    )
    rows = [(("512", "-", "0", "-"), heads[1:])]
    for (axes, power), (word_axes, word_power) in WAYS:
        parts = [finished(heads, axes, power), finished(counts, word_axes, word_power)]
        vectors = [functional.normalize(torch.cat(both, dim=1), dim=1) for both in zip(*parts, strict=True)]
        rows.append(((str(axes), str(power), str(word_axes), str(word_power)), vectors))
    for cells, (query, target) in rows:
        figures = validation.measure(query.numpy(), target.numpy())
        shown = [figures[f"{which}_{name}"].mean() for which in ("learned", "both") for name in _SHOWN]
        print("\t".join((*cells, *(f"{value:.4f}" for value in shown))), flush=True)
    alone = [f"{figures[f'words_{name}'].mean():.4f}" for name in _SHOWN]
    print("\t".join(("7-mers alone", "", "", "", *alone)))


def finished(vectors: list[torch.Tensor], axes: int, power: float) -> list[torch.Tensor]:
    """Return queries and targets whitened by the background, which is first of `vectors`; (n, 0) without axes."""
    background, *others = vectors
    if not axes:
        return [part[:, :0] for part in others]
    whitening = Whitening(background.shape[1], axes)
    with torch.no_grad():
        whitening.fit(background, power)
        return [whitening(part) for part in others]


if __name__ == "__main__":
    main()
