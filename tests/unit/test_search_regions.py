from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rhoma.search.regions import Region, merge_regions
from rhoma.sequences import reverse_complement

LENGTHS = np.array([50, 400, 1000])
stretches = st.lists(
    st.builds(
        lambda sequence, strand, start, size: Region(
            sequence,
            strand,
            min(start, int(LENGTHS[sequence]) - 1),
            min(start + size, int(LENGTHS[sequence])),
        ),
        st.integers(0, 2),
        st.sampled_from("+-"),
        st.integers(0, 999),
        st.integers(1, 120),
    ),
    max_size=15,
).map(lambda rs: [Region(r.sequence, r.strand, r.start, max(r.end, r.start + 1)) for r in rs])


@given(stretches, st.integers(0, 200))
def test_regions_hold_their_padded_stretches_and_do_not_meet(given_: list[Region], pad: int) -> None:
    regions, where = merge_regions(given_, LENGTHS, pad)
    assert regions == sorted(regions)
    for stretch, number in zip(given_, where.tolist(), strict=True):
        region = regions[number]
        assert (region.sequence, region.strand) == (stretch.sequence, stretch.strand)
        assert region.start <= max(0, stretch.start - pad)
        assert region.end >= min(LENGTHS[stretch.sequence], stretch.end + pad)
    covered = {(r.sequence, r.strand, x) for r in regions for x in range(r.start, r.end)}
    wanted = {
        (r.sequence, r.strand, x)
        for r in given_
        for x in range(max(0, r.start - pad), min(int(LENGTHS[r.sequence]), r.end + pad))
    }
    assert covered == wanted
    assert sum(r.end - r.start for r in regions) == len(covered)


@given(st.text("ACGU", min_size=30, max_size=30), st.integers(0, 10), st.integers(1, 10))
def test_a_place_in_a_region_is_found_on_the_target(target: str, start: int, size: int) -> None:
    for strand in "+-":
        region = Region(0, strand, 5, 29)
        letters = target[5:29] if strand == "+" else reverse_complement(target[5:29])
        low, high = region.locate(start, start + size)
        found = target[low:high] if strand == "+" else reverse_complement(target[low:high])
        assert found == letters[start : start + size]
