"""What settings are called, mean and may be: a commented YAML of them, and refusals that name them."""

from __future__ import annotations

import difflib
import inspect
import re
import textwrap
from typing import TYPE_CHECKING, Any, TypeGuard

import yaml
from pydantic import BaseModel

from rhoma.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from pydantic import ValidationError

_WIDTH = 100
_ENTRY = re.compile(r"^ {4}(\w+): (.*)$")


def meanings(model: type[BaseModel]) -> dict[str, str]:
    """Return what each setting of `model` means: the section ``Attributes`` of its docstring."""
    found: dict[str, str] = {}
    name = ""
    _, _, section = inspect.cleandoc(model.__doc__ or "").partition("Attributes:\n")
    for line in section.splitlines():
        entry = _ENTRY.match(line)
        if entry is not None:
            name = entry[1]
            found[name] = entry[2]
        elif name and line.startswith(" "):
            found[name] += f" {line.strip()}"
    return found


def names(model: type[BaseModel], prefix: str = "") -> list[str]:
    """Return the dotted names of all settings of `model`, parts inside."""
    found = []
    for name, field in model.model_fields.items():
        found.append(prefix + name)
        if _is_model(field.annotation):
            found += names(field.annotation, f"{prefix}{name}.")
    return found


def commented_yaml(
    config: BaseModel, parts: Mapping[str, BaseModel] | None = None, *, without: Collection[str] = ()
) -> str:
    """Return the settings as YAML, each after a comment that says what it means.

    Args:
        config: the settings.
        parts: settings that stand for the mapping of this name in `config`, such as those of the head.
        without: dotted names to leave out.
    """
    return "\n".join(_lines(config, "", parts or {}, without)) + "\n"


def _lines(config: BaseModel, prefix: str, parts: Mapping[str, BaseModel], without: Collection[str]) -> Iterator[str]:
    told = meanings(type(config))
    for name, value in config:
        if prefix + name in without:
            continue
        yield from (f"# {line}" for line in textwrap.wrap(f"{name}: {told[name]}".replace("`", ""), _WIDTH))
        part = parts.get(prefix + name, value)
        if isinstance(part, BaseModel):
            yield f"{name}:"
            yield from (f"  {line}" for line in _lines(part, f"{prefix}{name}.", parts, without))
        else:
            yield from yaml.safe_dump(config.model_dump(mode="json", include={name}), sort_keys=False).splitlines()


def refusal(
    error: ValidationError, model: type[BaseModel], *, prefix: Sequence[str] = (), path: Path | None = None
) -> InputError:
    """Return the error that says which settings cannot be, and what could.

    Args:
        error: what `model` says of the settings.
        model: that they were checked against.
        prefix: where in all settings these stand.
        path: the file they come from.
    """
    problems, remedies = [], []
    for one in error.errors():
        place = [str(step) for step in one["loc"]]
        name = ".".join([*prefix, *place])
        if one["type"] == "extra_forbidden":
            problems.append(f"{name}: there is no such setting")
            remedies.append(_known(model, place, prefix))
        else:
            said = one["msg"].removeprefix("Value error, ")
            problems.append(f"{name}: {said}, not {one['input']!r}" if place else said)
    return InputError(f"settings: {'; '.join(problems)}", path=path, remedy="; ".join(dict.fromkeys(remedies)) or None)


def _known(model: type[BaseModel], place: Sequence[str], prefix: Sequence[str]) -> str:
    """Return the name that was meant, if one is close, and all names where the unknown one stands."""
    # where two have one name, the one of this place
    ends = {
        name.rpartition(".")[2]: name for name in sorted(names(model), key=lambda n: n.split(".")[:-1] == place[:-1])
    }
    close = [ends[end] for end in difflib.get_close_matches(place[-1], ends, n=1)]
    inside: Any = model
    for step in place[:-1]:
        inside = inside.model_fields[step].annotation
    above = [*prefix, *place[:-1]]
    meant = f"did you mean {'.'.join([*prefix, close[0]])}? " if close else ""
    there = f"in {'.'.join(above)} there are" if above else "there are"
    return f"{meant}{there} {', '.join(inside.model_fields)}"


def _is_model(annotation: Any) -> TypeGuard[type[BaseModel]]:
    return inspect.isclass(annotation) and issubclass(annotation, BaseModel)
