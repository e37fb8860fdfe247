"""Batches on the command line: a list of jobs in, a folder of videos and a manifest out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from obamanet.cli.boundary import console, result
from obamanet.cli.declare import command
from obamanet.cli.options import Key, KeyCert, PersonFolder, Quiet, signing_key
from obamanet.cli.persons import find_person
from obamanet.engine.formats import Engine
from obamanet.errors import ObamanetError, OptionError


@command(
    "jobs.csv --out videos",
    "sounds/ --out videos --workers 4 --default fps=30",
    "jobs.jsonl --out /shared/videos --ray 10.0.0.1:6379",
)
def batch_verb(
    *,
    jobs: Annotated[
        Path,
        typer.Argument(
            metavar="JOBS",
            help="A .csv with a header, a .jsonl of one object a line, or a folder of sounds and .txt.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Where the results and manifest.jsonl go.")],
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", min=1, max=1024, help="Processes, or cores of the cluster.", show_default="all cores"
        ),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            "--ray",
            metavar="ADDRESS",
            help="Have a Ray cluster make them, whose nodes share all folders: its HOST:PORT, or auto.",
            show_default="this machine",
        ),
    ] = None,
    person: PersonFolder = None,
    default: Annotated[
        list[str] | None,
        typer.Option(
            "--default",
            metavar="COLUMN=VALUE",
            help="For jobs that do not say otherwise, such as language=es; may be given several times.",
            show_default="none",
        ),
    ] = None,
    engine: Annotated[
        Engine, typer.Option("--engine", metavar="ENGINE", help=f"What runs the networks: {', '.join(Engine)}.")
    ] = Engine.ONNXRUNTIME,
    key_cert: KeyCert = None,
    key: Key = None,
    quiet: Quiet = False,
) -> None:
    """Make many videos from one list of jobs, several at once. Prints the manifest's path.

    Columns are name, kind and those of the kind. speak: sound; say: text or text_file, language, voice, rate, via,
    timelines (json vtt); reenact: driver, only; each of these: person, fps, articulation; swap: source, model,
    direction, parts (mouth eyes), colour, blend, coverage, feather, enhance; evaluate: generated, reference,
    protocol. Stop it at any time: the same command goes on, and makes nothing twice. Exit code 1 when a job
    failed.
    """
    from obamanet.batch.job_file import read_jobs
    from obamanet.batch.kinds import Studio
    from obamanet.batch.ray_workers import check_ray
    from obamanet.batch.run_batch import BatchOptions, run_batch
    from obamanet.engine.network import check_engine
    from obamanet.provenance import check_key

    check_engine(engine)
    if ray:
        check_ray()
    # The nodes of a cluster have other working folders.
    signer = signing_key(key_cert and key_cert.absolute(), key and key.absolute())
    check_key(signer)
    defaults = dict(_split(one) for one in default or ())
    listed = read_jobs(jobs, lambda given: find_person(given or person), defaults, engine)
    summary = run_batch(listed, out, BatchOptions(Studio(engine, signer), workers, ray), console(quiet))
    result(summary.manifest)
    if summary.failed:
        first = summary.failed[0]
        raise ObamanetError(
            f"{len(summary.failed)} of {len(listed.jobs) + len(listed.wrong)} jobs failed, "
            f"the first is {first.job}: {first.error}"
        )


def _split(default: str) -> tuple[str, str]:
    column, equals, value = default.partition("=")
    if not equals or not value.strip():
        raise OptionError(f"--default needs COLUMN=VALUE: got {default!r}")
    return column.strip(), value.strip()
