from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def test_every_process_collects_tests_of_the_same_names(request: pytest.FixtureRequest) -> None:
    # pytest-xdist compares them: no bytes of compressed files (with a clock in them), no addresses
    names = [item.nodeid for item in request.session.items]
    assert [name for name in names if re.search(r"\\x1f\\x8b|\bat 0x", name)] == []
