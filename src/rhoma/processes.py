"""Tasks in processes of their own, which no lock of the interpreter holds up.

A process makes what it works with once, and does tasks one after the other. One that is killed (by the system, for its
memory) takes no other task with it. None outlives the process that started it, however that one ends.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing import connection, get_context, parent_process
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future

Task = TypeVar("Task")
Result = TypeVar("Result")

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")
# what this process does with a task, in a process of Processes
_work: Callable[[Any], Any]


class Processes(Generic[Task, Result]):
    """Processes that wait for tasks until they are closed; they start with the first. One is this process itself.

    Args:
        workers: How many; of several each has one thread of BLAS and OpenMP.
        make: Returns, in each process, what does a task; of several it is pickled. What it raises each task raises.
        killed: Returns the result of a task whose process was killed.
    """

    def __init__(
        self, workers: int, make: Callable[[], Callable[[Task], Result]], killed: Callable[[Task], Result]
    ) -> None:
        self.workers = workers
        self._make = make
        self._killed = killed
        self._pool: ProcessPoolExecutor | None = None

    def close(self) -> None:
        """Ends the processes once they have done what they do; what has not begun is left."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def results(self, tasks: Sequence[Task]) -> Iterator[Result]:
        """Gives the results in the order of the tasks.

        Raises:
            Exception: What a task raises, or giving its result; the processes are then closed.
        """
        if self.workers == 1:
            yield from map(self._make(), tasks)
            return
        futures = self._submit(tasks, self.workers)
        try:
            for number, future in enumerate(futures):
                try:
                    result = future.result()
                except BrokenProcessPool:
                    # one at a time, so that it is known which task it is that kills a process
                    self.close()
                    yield from map(self._alone, tasks[number:])
                    self.close()
                    return
                yield result
        except BaseException:
            self.close()
            raise

    def _submit(self, tasks: Sequence[Task], workers: int) -> list[Future[Result]]:
        if self._pool is None:
            # no copy of this process: it has threads, which would not live on in the copy
            self._pool = ProcessPoolExecutor(workers, get_context("spawn"), partial(_begin, self._make))
        with _one_thread_each():
            return [self._pool.submit(_do, task) for task in tasks]

    def _alone(self, task: Task) -> Result:
        try:
            return self._submit([task], 1)[0].result()
        except BrokenProcessPool:
            self.close()
            return self._killed(task)


def _begin(make: Callable[[], Callable[[Any], Any]]) -> None:
    global _work
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        _work = make()
    except Exception as error:  # noqa: BLE001 (a process that cannot begin would be taken for one that was killed)
        _work = partial(_raise, error)


def _end_with_parent() -> None:
    """Ends this process when the one that started it is gone: a pool's processes would wait for tasks for ever."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _raise(error: Exception, _task: object) -> None:
    raise error


def _do(task: Any) -> Any:
    return _work(task)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Lets processes that are started inside use one thread of BLAS, OpenMP and polars each."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
