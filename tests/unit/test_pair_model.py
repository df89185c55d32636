from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from rhoma.msa.pairhmm import posteriors

torch = pytest.importorskip("torch", reason="torch is not installed")
SCRIPT = Path(__file__).parents[2] / "benchmarks" / "pair_model.py"


@pytest.fixture(scope="module")
def pair_model():
    spec = importlib.util.spec_from_file_location("pair_model", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["pair_model"] = module
    spec.loader.exec_module(module)
    return module


def test_the_gradient_of_all_alignments_is_what_the_aligner_takes_for_their_posteriors(pair_model) -> None:
    scores = np.random.default_rng(0).normal(0, 2, (3, 6, 6))
    sizes = np.array([[6, 5], [3, 6], [1, 4]])
    given = torch.tensor(scores, requires_grad=True)
    pair_model.Field().double()._all(given, torch.tensor(sizes)).sum().backward()
    assert given.grad is not None
    assert given.grad.numpy() == pytest.approx(posteriors(scores, *sizes.T), abs=1e-6)


def test_pairs_of_an_alignment_and_their_gaps(pair_model) -> None:
    # one gap of two letters and one of one between matches, one of one letter at an end
    (pair,) = pair_model.pairs_of(("GCA--CGUA", "-CAGGC-UA"))
    assert [len(codes) for codes in pair.codes] == [7, 7]
    assert [array.tolist() for array in pair.matches] == [[1, 2, 3, 5, 6], [0, 1, 4, 5, 6]]
    assert pair.counts == (2, 1, 1, 0)
    assert pair.unlike == pytest.approx(2 / 7)


def test_what_is_fitted_begins_at_what_is_in_use_and_grows_likelier(pair_model) -> None:
    pairs = pair_model.pairs_of(("GGCAAGCUAACC", "GGCAAGC-AACC", "GACAAGU-AACC"))
    field = pair_model.Field()
    before = field(pairs)
    assert (before > 0).all()
    optimizer = torch.optim.SGD(field.parameters(), lr=0.05)
    before.mean().backward()
    optimizer.step()
    assert field(pairs).mean() < before.mean()
