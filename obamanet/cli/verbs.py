"""Programs of many verbs: listed from a table, each imported when it is called, so that help does not wait for all."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand

from obamanet.cli.declare import examples_of

HELP_NAMES = {"help_option_names": ["-h", "--help"]}


@dataclass(frozen=True)
class Verb:
    """A command of a program.

    ``home`` is where its function is, as "module:function" below obamanet.cli. ``summary`` is its line in the list of
    its group, and ``panel`` the heading over that line; None for the usual one.
    """

    home: str
    summary: str
    panel: str | None = None

    def app(self, path: str) -> typer.Typer:
        """Returns the application that runs it as the command ``path``, such as "obamanet train keypoints"."""
        module, _, name = self.home.partition(":")
        function = getattr(import_module(f"obamanet.cli.{module}"), name)
        app = _empty_app()
        # Lines of a docstring would be broken where the terminal does not break them.
        told = "\n\n".join(" ".join(part.split()) for part in (inspect.getdoc(function) or "").split("\n\n"))
        app.command(help=told, epilog=examples_of(function, path))(function)
        return app


@dataclass(frozen=True)
class Group:
    """Commands under one name, listed as :class:`Verb` is.

    ``first`` is called before any of them; its docstring is the group's help, which ends with ``epilog``.
    """

    verbs: Mapping[str, Verb | Group]
    summary: str
    first: Callable[..., None]
    epilog: str | None = None
    panel: str | None = None

    def app(self, path: str) -> typer.Typer:
        """Returns the application that lists the commands; none is imported yet."""
        app = _empty_app()
        app.info.epilog = self.epilog
        app.callback()(self.first)
        for name, verb in self.verbs.items():
            app.command(name, cls=_loaded_when_called(verb), help=verb.summary, rich_help_panel=verb.panel)(_nothing)
        return app


def _empty_app() -> typer.Typer:
    return typer.Typer(add_completion=False, pretty_exceptions_enable=False, context_settings=HELP_NAMES)


def _loaded_when_called(verb: Verb | Group) -> type[TyperCommand]:
    """Returns the class of a command that stands in the list, and hands over to the verb itself when it is called."""

    class Entry(TyperCommand):
        def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
            app = verb.app(f"{parent.command_path} {info_name}")
            return typer.main.get_command(app).make_context(info_name, args, parent, **extra)

    return Entry


def _nothing() -> None:
    """Stands for a verb in the list."""
