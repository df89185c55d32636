"""Tasks in processes of their own: order, errors, kills, and that no process is left behind."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rhoma.errors import InputError
from rhoma.processes import Processes

if TYPE_CHECKING:
    from collections.abc import Iterator

# a module that the processes can import too
SQUARES = """
import os, signal
from rhoma.errors import InputError

def square(number):
    if number == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 99:
        raise InputError("is too large", record=number)
    return number * number, os.getpid()

def squaring():
    return square

def refusing():
    raise InputError("cannot begin")

def lost(number):
    return -number, 0
"""
PARENT = """
import time
from rhoma.processes import Processes
from squares_of_a_test import lost, squaring

if __name__ == "__main__":
    processes = Processes(2, squaring, lost)
    list(processes.results([1, 2]))
    print("began", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def squares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    (tmp_path / "squares_of_a_test.py").write_text(SQUARES)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("squares_of_a_test")
    del sys.modules["squares_of_a_test"]


def test_results_come_in_order_from_other_processes_that_stay(squares: Any) -> None:
    processes = Processes(2, squares.squaring, squares.lost)
    first = list(processes.results(range(8)))
    again = list(processes.results(range(3)))
    processes.close()
    assert [square for square, _ in first] == [n * n for n in range(8)]
    assert [square for square, _ in again] == [0, 1, 4]
    workers = {process for _, process in [*first, *again]}
    assert os.getpid() not in workers
    assert len(workers) <= 2


def test_a_task_that_kills_its_process_is_told_and_costs_no_other(squares: Any) -> None:
    processes = Processes(2, squares.squaring, squares.lost)
    found = [square for square, _ in processes.results([3, 13, 4, 5, 13, 6])]
    assert found == [9, -13, 16, 25, -13, 36]
    # and the next ones have processes again
    assert [square for square, _ in processes.results([2, 7])] == [4, 49]
    processes.close()


def test_errors_arrive_as_they_were(squares: Any) -> None:
    processes = Processes(2, squares.squaring, squares.lost)
    with pytest.raises(InputError, match="record number 99: is too large"):
        list(processes.results([1, 99, 2]))


@pytest.mark.parametrize("workers", [1, 2])
def test_what_cannot_begin_is_an_error_and_no_kill(squares: Any, workers: int) -> None:
    with pytest.raises(InputError, match="cannot begin"):
        list(Processes(workers, squares.refusing, squares.lost).results([1, 2]))


def test_one_process_is_this_one(squares: Any) -> None:
    processes = Processes(1, squares.squaring, squares.lost)
    assert list(processes.results([2, 3])) == [(4, os.getpid()), (9, os.getpid())]


@pytest.mark.usefixtures("squares")
def test_no_process_outlives_the_one_that_started_it(tmp_path: Path) -> None:
    (tmp_path / "parent.py").write_text(PARENT)
    parent = subprocess.Popen([sys.executable, str(tmp_path / "parent.py")], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "began\n"
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
    workers = [child for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]
    assert len(workers) == 2
    parent.kill()
    parent.wait()
    # the test hangs where one is left
    while any(map(_runs, workers)):
        time.sleep(0.1)


def _runs(process: str) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
