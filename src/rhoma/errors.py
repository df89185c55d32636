"""Typed errors. Their messages name the file, the record, what is wrong and the remedy, as far as known.

``RhomaError`` is the one class a caller has to catch; the command line prints its text and exits with
``exit_code``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from pathlib import Path


def _restore(kind: type[RhomaError], args: tuple[Any, ...], state: dict[str, Any]) -> RhomaError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


def _message(problem: str, where: list[str], remedy: str | None) -> str:
    text = ": ".join([*where, problem])
    if remedy is None:
        return text
    return f"{text if text.endswith('.') else text + '.'} Remedy: {remedy}"


class RhomaError(Exception):
    """An error with a message for the user.

    Attributes:
        exit_code: the exit status of a command that ends with this error.
    """

    exit_code: ClassVar[int] = 1

    def __reduce__(self) -> tuple[Any, ...]:
        """Returns what pickle needs; the signatures of the subclasses are no part of it."""
        return _restore, (type(self), self.args, self.__dict__)


class InputError(RhomaError):
    """Something the user gave cannot be used.

    Args:
        problem: what is wrong, without the name of the file or the record.
        path: the file, or the directory, at fault.
        record: the name of the record at fault, or its number.
        remedy: what the user can do, a sentence without a full stop at the front.
    """

    def __init__(
        self,
        problem: str,
        *,
        path: Path | str | None = None,
        record: str | int | None = None,
        remedy: str | None = None,
    ) -> None:
        self.problem = problem
        self.path = path
        self.record = record
        self.remedy = remedy
        where = [] if path is None else [str(path)]
        if record is not None:
            where.append(f"record {record!r}" if isinstance(record, str) else f"record number {record}")
        super().__init__(_message(problem, where, remedy))


class ArtefactError(RhomaError):
    """A bundle (model, store, index) is damaged, of another schema, or made for something else.

    Args:
        problem: what is wrong.
        path: the file or the directory of the bundle.
        remedy: what the user can do.
    """

    def __init__(self, problem: str, *, path: Path | str, remedy: str | None = None) -> None:
        self.problem = problem
        self.path = path
        self.remedy = remedy
        super().__init__(_message(problem, [str(path)], remedy))


class ToolError(RhomaError):
    """An external program is missing or has failed.

    Args:
        tool: the name of the program.
        problem: what is wrong.
        remedy: what the user can do.
    """

    def __init__(self, tool: str, problem: str, *, remedy: str | None = None) -> None:
        self.tool = tool
        self.problem = problem
        self.remedy = remedy
        super().__init__(_message(problem, [tool], remedy))


class ToolCrashError(ToolError):
    """An external program has aborted or reached for memory that is not its own: a fault of its, with this input."""


def reason_of(error: Exception) -> str:
    """Returns what a row says of one query or family that failed: our own message, or any other with its type."""
    return str(error) if isinstance(error, RhomaError) else f"{type(error).__name__}: {error}"


class DeviceError(RhomaError):
    """A device was asked for that this machine does not have."""


class DeviceMemoryError(RhomaError):
    """The memory of the GPU did not suffice; a smaller batch may."""

    exit_code: ClassVar[int] = 75
