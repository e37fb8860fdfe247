"""Evaluation on the command line: videos against recordings, a person on its held-out sentences, two results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from obamanet.cli.boundary import console, result
from obamanet.cli.declare import command
from obamanet.cli.options import Quiet
from obamanet.cli.outputs import check_outputs
from obamanet.cli.persons import find_person
from obamanet.errors import EvaluationError, OptionError

if TYPE_CHECKING:
    from rich.table import Table

    from obamanet.evaluation.judges.lpips import Supplied
    from obamanet.evaluation.results import Comparison, Evaluation
    from obamanet.progress import Progress

REPORT, RESULTS = "report.html", "results.json"

WIDE = 200
"""Columns of a table that goes into a file or a pipe."""


@command(
    "generated.mp4 recorded.mp4",
    "generated/ recorded/ --out out/mine",
    "--person me --split test --data recordings/",
    "--compare out/mine out/theirs",
)
def evaluate_verb(
    *,
    generated: Annotated[
        Path | None,
        typer.Argument(metavar="GENERATED", help="A video, a folder, or a CSV: generated,reference[,name]."),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Argument(metavar="REFERENCE", help="The recording, or a folder of recordings of the same names."),
    ] = None,
    person: Annotated[
        Path | None,
        typer.Option("--person", metavar="DIR", help="Let this person say a split's recordings, and measure that."),
    ] = None,
    protocol: Annotated[
        str, typer.Option("--protocol", help="Which recordings: grid_s1, or a JSON file of the same form.")
    ] = "grid_s1",
    split: Annotated[str, typer.Option("--split", help="Which of the protocol's splits.")] = "test",
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DIR", help="Where the protocol's recordings are; with --person.")
    ] = None,
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option("--compare", metavar="A B", help="Two evaluations' folders: which is better, and how surely."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Where the results go.")] = (
        Path("out") / "evaluation"
    ),
    syncnet: Annotated[
        Path | None,
        typer.Option(
            "--syncnet", metavar="FILE", help="Chung's syncnet_v2.model, for LSE-C and LSE-D; read as weights only."
        ),
    ] = None,
    judges: Annotated[
        Path | None,
        typer.Option(
            "--judges",
            metavar="DIR",
            help="A run of train syncnet or train lipreader, or the dataset that both are in.",
            show_default="the program's own",
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, max=64, help="Processes.", show_default="2")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Measure lip sync and picture quality against recordings; every score beside the real clip's own.

    The table goes to standard error; the report's path is printed. Exit code 1 when a clip could not be measured.
    """
    ways = [generated is not None, person is not None, compare is not None]
    if sum(ways) != 1:
        raise OptionError("one of three is needed: GENERATED REFERENCE, or --person DIR, or --compare A B")
    if compare is not None:
        _compare(*compare, out)
        return
    from obamanet.evaluation.judges.judge_folders import Judges, find_judges
    from obamanet.evaluation.judges.lpips import Supplied

    files = [path for path in (generated, syncnet) if path and path.is_file()]
    check_outputs((out / REPORT, out / RESULTS), files)
    supplied = Supplied(syncnet, find_judges(judges) if judges else Judges())
    progress = console(quiet)
    if person is not None:
        evaluation = _person(person, protocol, split, data, out, workers, progress, supplied)
    else:
        from obamanet.evaluation.evaluate import Subject, evaluate
        from obamanet.evaluation.pairing import find_pairs
        from obamanet.evaluation.protocol import load_protocol, with_words

        assert generated is not None
        subject = Subject(f"{generated} against {reference}" if reference else f"the pairs of {generated}")
        # The protocol's own clips are known by name, wherever they lie, and what is said in them.
        pairs = with_words(find_pairs(generated, reference), load_protocol(protocol))
        evaluation = evaluate(pairs, out, subject, workers=workers, progress=progress, supplied=supplied)
    _print(summary_table(evaluation))
    result(out / REPORT)
    if evaluation.failures:
        count = len(evaluation.failures) + len(evaluation.clips)
        first = evaluation.failures[0]
        raise EvaluationError(
            f"{len(evaluation.failures)} of {count} clips could not be measured, "
            f"the first is {first.pair.name}: {first.reason}"
        )


def _person(
    person: Path,
    protocol_name: str,
    split: str,
    data: Path | None,
    out: Path,
    workers: int | None,
    progress: Progress,
    supplied: Supplied,
) -> Evaluation:
    from obamanet.evaluation.evaluate import Subject, evaluate, render_split
    from obamanet.evaluation.protocol import load_protocol

    if data is None:
        raise OptionError("--person needs --data: the folder in which the protocol's recordings are")
    folder = find_person(person)
    protocol = load_protocol(protocol_name)
    pairs, failures = render_split(protocol, split, data, folder, out, progress)
    subject = Subject(f"{folder.name} says {protocol.title}", protocol.name, split, str(folder))
    return evaluate(pairs, out, subject, failures, workers, progress, supplied)


def _compare(first: Path, second: Path, out: Path) -> None:
    from obamanet.evaluation.results import COMPARISON_FILE, compare, read_results, write_comparison

    comparisons = compare(read_results(first), read_results(second))
    write_comparison(comparisons, first, second, out)
    _print(comparison_table(comparisons, first, second))
    result(out / COMPARISON_FILE)


def summary_table(evaluation: Evaluation) -> Table:
    """Returns the summary as a table for the terminal."""
    from rich.table import Table

    from obamanet.evaluation.results import bounds, shown

    table = Table(title=f"{len(evaluation.clips)} clips: {evaluation.setting.what}", title_justify="left")
    table.add_column("metric")
    for name in ("generated", "95 % interval", "real"):
        table.add_column(name, justify="right")
    table.add_column("unit")
    table.add_column("better")
    for summary in evaluation.summaries:
        ours = summary.generated
        if ours is None:
            table.add_row(summary.metric.title, "-", "", "-", f"not available: {summary.reason}", style="dim")
            continue
        real = shown(summary.real.value if summary.real else None)
        metric = summary.metric
        table.add_row(metric.title, shown(ours.value), bounds(ours), real, metric.unit, metric.better.value)
    for failure in evaluation.failures:
        table.add_row(failure.pair.name, "failed", "", "", failure.reason, style="red")
    return table


def comparison_table(comparisons: Sequence[Comparison], a: Path, b: Path) -> Table:
    """Returns the paired comparison as a table for the terminal."""
    from rich.table import Table

    from obamanet.evaluation.catalogue import Better
    from obamanet.evaluation.results import bounds, shown

    table = Table(title=f"A = {a}, B = {b}, the same clips", title_justify="left")
    table.add_column("metric")
    for name in ("A", "B", "B - A", "95 % interval", "p (Wilcoxon)", "clips"):
        table.add_column(name, justify="right")
    table.add_column("better")
    for comparison in comparisons:
        metric, test = comparison.metric, comparison.test
        verdict = {None: "no difference shown", True: "B", False: "A"}[comparison.b_better]
        value = metric.better in (Better.HIGHER, Better.LOWER)
        table.add_row(
            metric.title if value else f"{metric.title}, distance ({metric.better.value})",
            shown(test.a),
            shown(test.b),
            shown(test.difference.value),
            bounds(test.difference),
            f"{test.p:.3g}",
            str(test.clips),
            verdict,
        )
    return table


def _print(table: Table) -> None:
    """Shows a table on standard error: standard output holds nothing but the path of the result."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        # A file or a pipe has no width; nothing is folded there.
        console.width = WIDE
    console.print(table)
