"""Declares options once: the fields of a frozen dataclass become the options of every command that takes it."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from types import SimpleNamespace
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer
from typer.models import OptionInfo


class Fields:
    """Names the fields of a library's dataclass that are options: ``Annotated[TrainOptions, Fields(steps="...")]``.

    Type and default are the dataclass's own. An option is given by its help text, or as ``typer.Option(...)`` where it
    has another name than the field or needs more than a text.
    """

    def __init__(self, **options: str | OptionInfo) -> None:
        self.options = {
            name: option if isinstance(option, OptionInfo) else typer.Option(help=option)
            for name, option in options.items()
        }


def command(*examples: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Returns the decorator of a verb: parameters that are dataclasses become options, their fields.

    A parameter's default, an instance, replaces the dataclass's own defaults. Two dataclasses with an option of one
    name share it. The dataclass checks its values when it is made, before the verb is called.

    Args:
        examples: command lines for the help, without the name of the command itself.

    Raises:
        TypeError: dataclasses that share an option have different defaults.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        hints = get_type_hints(function, include_extras=True)
        parameters: dict[str, inspect.Parameter] = {}
        groups: dict[str, _Group] = {}
        for parameter in inspect.signature(function).parameters.values():
            group = _group_of(hints[parameter.name], parameter.default)
            if group is None:
                parameters[parameter.name] = _parameter(parameter.name, hints[parameter.name], parameter.default)
                continue
            groups[parameter.name] = group
            for option in group.options.values():
                if parameters.setdefault(option.name, option).default != option.default:
                    raise TypeError(f"two defaults for one option: {function.__name__}, {option.name}")

        @functools.wraps(function)
        def verb(**values: Any) -> None:
            given = {name: values[name] for name in hints if name in values and name not in groups}
            function(**given, **{name: group.make(values) for name, group in groups.items()})

        verb.__signature__ = inspect.Signature(list(parameters.values()))  # type: ignore[attr-defined]
        verb.__annotations__ = {name: parameter.annotation for name, parameter in parameters.items()}
        verb.examples = examples  # type: ignore[attr-defined]
        return verb

    return decorate


def examples_of(verb: Callable[..., None], path: str) -> str | None:
    """Returns the examples of a verb whose full name is ``path`` as the end of its help; None without examples."""
    lines: tuple[str, ...] = getattr(verb, "examples", ())
    title = "Example:" if len(lines) == 1 else "Examples:"
    return "\n\n".join([title, *(f"{path} {line}".rstrip() for line in lines)]) if lines else None


@dataclass(frozen=True)
class _Group:
    """A dataclass with its options by field; ``base`` has the values of all other fields, None for their defaults."""

    kind: Any
    base: Any
    options: Mapping[str, inspect.Parameter]

    def make(self, values: Mapping[str, Any]) -> Any:
        """Returns the instance that the options' ``values`` make."""
        given = {field: values[option.name] for field, option in self.options.items()}
        return self.kind(**given) if self.base is None else replace(self.base, **given)


def _group_of(hint: Any, default: Any) -> _Group | None:
    """Returns the options of a parameter that is a dataclass, None for any other one."""
    kind, *notes = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    if not is_dataclass(kind):
        return None
    base = None if default is inspect.Parameter.empty else default
    declared = next((note.options for note in notes if isinstance(note, Fields)), None)
    own = {field.name: field for field in fields(kind) if declared is None or field.name in declared}
    # Only of these fields: the others may have types that are imported for type checking alone.
    holder: Any = SimpleNamespace(__annotations__={name: field.type for name, field in own.items()})
    hints = get_type_hints(holder, vars(sys.modules[kind.__module__]), include_extras=True)
    options = {}
    for name, field in own.items():
        value = getattr(base, name) if base is not None else field.default
        value = inspect.Parameter.empty if value is MISSING else value
        if declared is None:
            options[name] = _parameter(name, hints[name], value)
        else:
            options[name] = _parameter(
                _option_name(name, declared[name]), Annotated[hints[name], declared[name]], value
            )
    return _Group(kind, base, options)


def _option_name(field: str, option: OptionInfo) -> str:
    """Returns the name of an option's parameter: that of its first flag, or else of the field."""
    # Within Annotated, the first argument of typer.Option is a flag.
    flag = option.default if isinstance(option.default, str) else ""
    return flag.partition("/")[0].lstrip("-").replace("-", "_") or field


def _parameter(name: str, hint: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint)
