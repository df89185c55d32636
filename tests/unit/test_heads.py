from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from rhoma.models.heads import HeadConfig, MeanHead, PooledHead, TransformerHead, make_head  # noqa: E402
from rhoma.models.transformer import attend, rotary  # noqa: E402

SIZES = {"hidden_size": 24, "layers": 2, "heads": 4, "pool_heads": 4, "dimension": 16}


@pytest.mark.parametrize("kind", ["transformer", "pooled", "mean"])
@torch.no_grad()
def test_padding_does_not_move_a_vector(kind: str) -> None:
    torch.manual_seed(0)
    head = make_head(HeadConfig(kind=kind, **SIZES), 10).eval()
    states = torch.randn(3, 23, 10)
    lengths = [23, 9, 1]
    residues = torch.arange(23)[None, :] < torch.tensor(lengths)[:, None]
    together = head(states, residues)
    for row, length in enumerate(lengths):
        alone = head(states[row : row + 1, :length], residues[row : row + 1, :length])
        torch.testing.assert_close(together[row], alone[0], atol=1e-5, rtol=1e-4)


def test_config_names_the_head_and_its_sizes() -> None:
    assert isinstance(make_head(HeadConfig(kind="transformer"), 8), TransformerHead)
    assert isinstance(make_head(HeadConfig(kind="pooled"), 8), PooledHead)
    assert isinstance(make_head(HeadConfig(kind="mean"), 8), MeanHead)
    head = make_head(HeadConfig(**SIZES), 8)
    assert isinstance(head, TransformerHead)
    assert len(head.blocks) == 2
    assert len(make_head(HeadConfig(), 8).blocks) == 6  # type: ignore[arg-type]


def test_plain_products_equal_fused_attention() -> None:
    torch.manual_seed(0)
    query, key, value = torch.randn(3, 2, 4, 11, 8)
    mask = torch.arange(11)[None, :] < torch.tensor([11, 5])[:, None]
    expected = torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None, :])
    torch.testing.assert_close(attend(query, key, value, mask), expected, atol=1e-5, rtol=1e-4)


def test_rotary_scores_depend_on_distance_only() -> None:
    query, key = torch.randn(8), torch.randn(8)
    queries = rotary(query.expand(1, 1, 12, 8))[0, 0]
    keys = rotary(key.expand(1, 1, 12, 8))[0, 0]
    scores = queries @ keys.T
    for distance in range(5):
        diagonal = torch.diagonal(scores, distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(queries.norm(dim=-1), query.norm().expand(12))
