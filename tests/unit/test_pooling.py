from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from rhoma.models.pooling import AttentivePool, mean_pool  # noqa: E402


def test_mean_counts_nucleotides_only() -> None:
    states = torch.randn(2, 5, 3)
    residues = torch.tensor([[1, 1, 1, 0, 0], [0, 1, 0, 0, 0]], dtype=torch.bool)
    pooled = mean_pool(states, residues)
    torch.testing.assert_close(pooled[0], states[0, :3].mean(0))
    torch.testing.assert_close(pooled[1], states[1, 1])


def test_attention_ignores_what_is_no_nucleotide() -> None:
    pool = AttentivePool(6, 8, 4)
    states = torch.randn(1, 7, 6)
    residues = torch.tensor([[1, 1, 1, 1, 0, 0, 0]], dtype=torch.bool)
    disturbed = states.clone()
    disturbed[:, 4:] = 1e4
    torch.testing.assert_close(pool(states, residues), pool(disturbed, residues))
    torch.testing.assert_close(pool(states, residues), pool(states[:, :4], residues[:, :4]))


def test_attention_is_a_convex_sum_by_head() -> None:
    pool = AttentivePool(6, 8, 4)
    states, residues = torch.randn(1, 5, 6), torch.ones(1, 5, dtype=torch.bool)
    values = pool.value(states)[0]
    weights = pool.score(states)[0].softmax(0)
    expected = torch.cat([(weights[:, h : h + 1] * values[:, 2 * h : 2 * h + 2]).sum(0) for h in range(4)])
    torch.testing.assert_close(pool(states, residues)[0], expected)


def test_heads_have_to_divide_the_dimension() -> None:
    with pytest.raises(ValueError, match="divisible"):
        AttentivePool(6, 9, 4)
