from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from rhoma.train.loss import HomologyLoss, RankLoss, make_loss, related  # noqa: E402

LABELS = [0, 0, 0, 1, 1, 2, 2, 3, 4]
CLANS = [0, 0, 0, 0, 0, 1, 1, 2, 3]


def brute_force(vectors: np.ndarray, temperature: float, clan: str) -> float:
    """Returns SupCon (Khosla et al. 2020, eq. 2) by loops over pairs; anchors without a positive do not count."""
    size = len(LABELS)
    terms = []
    for anchor in range(size):
        positives, others = [], []
        for other in range(size):
            if other == anchor:
                continue
            same, mates = LABELS[anchor] == LABELS[other], CLANS[anchor] == CLANS[other]
            if same or (mates and clan == "positive"):
                positives.append(other)
            elif mates and clan == "ignore":
                continue
            others.append(other)
        if not positives:
            continue
        score = {o: float(vectors[anchor] @ vectors[o]) / temperature for o in others}
        total = math.log(sum(math.exp(s) for s in score.values()))
        terms.append(-sum(score[p] - total for p in positives) / len(positives))
    return sum(terms) / len(terms)


@pytest.mark.parametrize("clan", ["ignore", "positive", "negative"])
@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_loss_is_what_loops_give(clan: str, temperature: float) -> None:
    vectors = np.random.default_rng(1).standard_normal((len(LABELS), 6))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    loss = HomologyLoss(temperature, clan)(  # type: ignore[arg-type]
        torch.from_numpy(vectors), torch.tensor(LABELS), torch.tensor(CLANS)
    )
    assert float(loss) == pytest.approx(brute_force(vectors, temperature, clan), rel=1e-6)


def test_the_three_meanings_of_clan_mates() -> None:
    def pairs(clan: str) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
        masks = related(torch.tensor(LABELS), torch.tensor(CLANS), clan)  # type: ignore[arg-type]
        positive, negative = ({(int(i), int(j)) for i, j in torch.nonzero(mask)} for mask in masks)
        return positive, negative

    mates = {(i, j) for i in range(3) for j in (3, 4)} | {(j, i) for i in range(3) for j in (3, 4)}
    positive, negative = pairs("ignore")
    assert not mates & (positive | negative)
    assert mates <= pairs("positive")[0]
    assert mates <= pairs("negative")[1]
    assert all(i != j for i, j in positive)
    assert not positive & negative


@pytest.mark.parametrize("clan", ["ignore", "positive", "negative"])
def test_the_loss_of_ranks_counts_strangers_above_relatives(clan: str) -> None:
    vectors = np.random.default_rng(2).standard_normal((len(LABELS), 6))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    terms = []
    for anchor, one in enumerate(LABELS):
        strangers, relatives = [], []
        for other, two in enumerate(LABELS):
            mates = one != two and CLANS[anchor] == CLANS[other]
            if other != anchor and (one == two or (mates and clan == "positive")):
                relatives.append(other)
            elif other != anchor and (not mates or clan == "negative"):
                strangers.append(other)
        score = vectors @ vectors[anchor]
        terms += [math.log(1 + 10 * sum(score[s] > score[r] for s in strangers)) for r in relatives]
    # sigmoids so narrow are steps
    loss = RankLoss(1e-9, clan)(  # type: ignore[arg-type]
        torch.from_numpy(vectors), torch.tensor(LABELS), torch.tensor(CLANS)
    )
    assert float(loss) == pytest.approx(sum(terms) / len(terms), rel=1e-6)


def test_the_loss_of_ranks_falls_along_its_gradient() -> None:
    vectors = torch.randn(len(LABELS), 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    labels, clans, loss = torch.tensor(LABELS), torch.tensor(CLANS), make_loss("ranks", 0.05, "ignore")
    losses = []
    for _ in range(50):
        vectors = torch.nn.functional.normalize(vectors.detach(), dim=1).requires_grad_()
        value = loss(vectors, labels, clans)
        losses.append(value.item())
        (gradient,) = torch.autograd.grad(value, vectors)
        vectors = vectors - 0.05 * gradient
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("kind", ["contrastive", "ranks"])
def test_negatives_alone_give_no_gradient(kind: str) -> None:
    vectors = torch.randn(4, 3, requires_grad=True)
    loss = make_loss(kind, 0.1, "ignore")  # type: ignore[arg-type]
    value = loss(vectors, torch.arange(4), torch.arange(4))
    value.backward()
    assert value.item() == 0
    assert vectors.grad is None or not vectors.grad.any()
