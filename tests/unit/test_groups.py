"""The suite itself: what belongs together runs on one worker."""

from __future__ import annotations

import pytest


def test_a_group_of_tests_stays_on_one_worker(request: pytest.FixtureRequest) -> None:
    """pytest-xdist reads the group from the end of a test's name; a release of pytest had it written where none reads.

    The tests of a file then drew other numbers in every run, and every worker made a demo of its own.
    """
    if not getattr(request.config.option, "loadgroup", False):
        pytest.skip("not a worker of pytest --dist loadgroup")
    assert request.node.nodeid.endswith("@test_groups.py")
