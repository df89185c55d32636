from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhoma.windows import tile


def tile_slowly(lengths: list[int], window: int, stride: int) -> list[tuple[int, int, int]]:
    table = []
    for number, length in enumerate(lengths):
        start = 0
        while start + window < length:
            table.append((number, start, start + window))
            start += stride
        table.append((number, max(0, length - window), length))
    return table


@given(st.lists(st.integers(1, 400), max_size=10), st.integers(1, 150), st.integers(1, 150))
def test_tiles_agree_with_the_obvious_loop_and_cover_everything(lengths: list[int], window: int, stride: int):
    stride = min(stride, window)
    table = tile(lengths, window, stride)
    rows = list(zip(table.sequence.tolist(), table.start.tolist(), table.end.tolist(), strict=True))
    assert rows == tile_slowly(lengths, window, stride)
    for number, length in enumerate(lengths):
        covered = np.zeros(length, dtype=bool)
        for sequence, start, end in rows:
            if sequence == number:
                assert end - start == min(window, length)
                covered[start:end] = True
        assert covered.all()


def test_types_and_errors():
    table = tile([300], 128, 64)
    assert table.start.tolist() == [0, 64, 128, 172]
    assert {table.sequence.dtype, table.start.dtype, table.end.dtype} == {np.dtype(np.int32)}
    assert len(tile([], 128, 64)) == 0
    with pytest.raises(ValueError, match="stride"):
        tile([10], 5, 6)
    with pytest.raises(ValueError, match="without nucleotides"):
        tile([10, 0], 5, 5)
