"""A room of the package imports from rooms of the same floor or of lower ones: the table of CONTRIBUTING.md."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "rhoma"


def _floors() -> dict[str, int]:
    """Returns the floor of each room, counted from the ground."""
    table = (ROOT / "CONTRIBUTING.md").read_text().split("| room | what |\n| --- | --- |\n")[1].split("\n\n")[0]
    rows = [re.findall(r"`(\w+)/?`", row.split("|")[1]) for row in table.splitlines()]
    return {room: floor for floor, rooms in enumerate(rows) for room in rooms}


def _imported(path: Path) -> set[str]:
    """Returns the rooms that a module imports from, anywhere in it."""
    nodes = ast.walk(ast.parse(path.read_text()))
    names = (n.module for n in nodes if isinstance(n, ast.ImportFrom) and n.module)
    return {name.split(".")[1] for name in names if name.startswith("rhoma.")}


def test_every_room_has_its_place() -> None:
    there = {path.stem for path in PACKAGE.glob("*.py")} | {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert set(_floors()) == there - {"__init__"}


def test_rooms_import_from_lower_ones() -> None:
    floors = _floors()
    upwards = []
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if room != "__init__":
            upwards += [f"{path.relative_to(ROOT)}: {other}" for other in _imported(path) if floors[other] > floors[room]]
    assert upwards == []
