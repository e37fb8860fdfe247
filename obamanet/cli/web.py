"""The server on the command line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from obamanet.cli.boundary import console
from obamanet.cli.declare import command
from obamanet.cli.options import EngineName, Key, KeyCert, Quiet, signing_key
from obamanet.cli.persons import find_person
from obamanet.engine.formats import Engine
from obamanet.errors import OptionError

TOKEN_VARIABLE = "OBAMANET_TOKEN"
"""Environment variable of the token, which does not show in the list of processes."""

DEFAULT_NAME = "default"
"""Of the person that comes with the program."""


@command(
    "",
    "--person anna=persons/anna --workers 2",
    "--host 0.0.0.0 --port 8080 --token $(openssl rand -hex 16)",
)
def web_verb(
    *,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="Where to listen; others than this machine need a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Where to listen; 0 for any free one.")] = 7860,
    token: Annotated[
        str | None,
        typer.Option(
            "--token",
            metavar="TOKEN",
            help=f"What clients must show, 16 characters at least; better given in {TOKEN_VARIABLE}.",
            envvar=TOKEN_VARIABLE,
            show_envvar=False,
            show_default="none, for this machine alone",
        ),
    ] = None,
    person: Annotated[
        list[str] | None,
        typer.Option(
            "--person",
            metavar="NAME=DIR",
            help="A person that can be shown, with its folder; may be given several times, the first is the default.",
            show_default="the default person",
        ),
    ] = None,
    swap: Annotated[
        list[str] | None,
        typer.Option(
            "--swap",
            metavar="NAME=DIR",
            help="A trained face swap that the page offers, with its folder; may be given several times.",
            show_default="none",
        ),
    ] = None,
    page: Annotated[bool, typer.Option("--page/--no-page", help="Show the page, or serve the API alone.")] = True,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, max=256, help="Jobs at once, a process each.", show_default="half the cores"),
    ] = None,
    max_queued: Annotated[int, typer.Option("--max-queued", min=1, help="Jobs that wait at most.")] = 64,
    max_per_client: Annotated[int, typer.Option("--max-per-client", min=1, help="Jobs of one client at once.")] = 8,
    max_per_minute: Annotated[
        int, typer.Option("--max-per-minute", min=1, help="Requests of one client that make something.")
    ] = 120,
    max_upload: Annotated[int, typer.Option("--max-upload", min=1, metavar="MB", help="Size of an upload.")] = 200,
    max_seconds: Annotated[
        float, typer.Option("--max-seconds", min=1, help="Length of a sound, or of a driver's video.")
    ] = 600.0,
    keep_minutes: Annotated[float, typer.Option("--keep-minutes", min=0.1, help="How long results are kept.")] = 60.0,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder",
            metavar="DIR",
            help="Where results and uploads lie meanwhile.",
            show_default="in the user's cache, one for each port",
        ),
    ] = None,
    engine: EngineName = Engine.ONNXRUNTIME,
    key_cert: KeyCert = None,
    key: Key = None,
    quiet: Quiet = False,
) -> None:
    """Show a page to use everything in a browser, and serve an HTTP API. Prints the address.

    /docs tells the API. Clients take turns; results expire. Ctrl-C ends it, and the jobs that are being made.
    """
    import uvicorn  # noqa: F401  # told here when the extra is not installed
    from platformdirs import user_cache_path

    from obamanet.batch.kinds import Studio
    from obamanet.engine.network import check_engine
    from obamanet.provenance import check_key
    from obamanet.swap.swap_model import read_swap
    from obamanet.web.limits import Limits
    from obamanet.web.page_options import PageOptions
    from obamanet.web.serve import ServerOptions, serve

    check_engine(engine)
    signer = signing_key(key_cert and key_cert.absolute(), key and key.absolute())
    check_key(signer)
    named = (_named(one, "--person") for one in person or ())
    persons = {name: find_person(found) for name, found in named} or {DEFAULT_NAME: find_person(None)}
    swaps = {name: found.absolute() for name, found in (_named(one, "--swap") for one in swap or ())}
    for found in swaps.values():
        read_swap(found)  # A wrong folder is told now.
    limits = Limits(
        upload_bytes=max_upload * 1_000_000,
        sound_seconds=max_seconds,
        queued=max_queued,
        per_client=max_per_client,
        per_minute=max_per_minute,
        keep_minutes=keep_minutes,
    )
    # A free port is not known yet.
    own = folder or user_cache_path("obamanet", appauthor=False) / "web" / str(port or f"process-{os.getpid()}")
    progress = console(quiet)

    offered = PageOptions(swaps=swaps) if page else None

    def ready(address: str) -> None:
        progress.note(f"serving {', '.join(persons)} at {address}, the API is told at {address}docs; Ctrl-C ends it")
        print(address, flush=True)

    try:
        serve(ServerOptions(persons, own, host, port, token, workers, limits, Studio(engine, signer), offered), ready)
    except KeyboardInterrupt:
        progress.note("the server has ended")


def _named(given: str, option: str) -> tuple[str, Path]:
    name, equals, folder = given.partition("=")
    if not equals or not folder:
        raise OptionError(f"{option} needs NAME=DIR here: got {given!r}")
    return name, Path(folder)
