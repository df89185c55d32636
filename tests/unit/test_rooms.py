"""A room of the package imports from rooms of the same floor or of lower ones, as its docstring says."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import rhoma

PACKAGE = Path(str(rhoma.__file__)).parent


def _floors() -> dict[str, int]:
    """Returns the floor of each room, counted from the ground."""
    rows = [line.split(": ")[0] for line in str(rhoma.__doc__).splitlines() if line.startswith("* ")]
    return {room: floor for floor, row in enumerate(rows) for room in re.findall(r"``(\w+)``", row)}


def _imported(path: Path) -> set[str]:
    """Returns the rooms that a module imports from, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names = [f"rhoma.{alias.name}" for alias in node.names] if module == "rhoma" else [module]
            found |= {name.split(".")[1] for name in names if name.startswith("rhoma.")}
    return found - {"__version__"}


def test_every_room_has_its_place() -> None:
    there = {path.stem for path in PACKAGE.glob("*.py")} | {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert set(_floors()) == there - {"__init__"}


def test_rooms_import_from_lower_ones() -> None:
    floors = _floors()
    upwards = []
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if room != "__init__":
            higher = sorted(other for other in _imported(path) if floors[other] > floors[room])
            upwards += [f"{path.relative_to(PACKAGE)}: {other}" for other in higher]
    assert upwards == []
