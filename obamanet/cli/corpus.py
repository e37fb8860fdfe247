"""Clips for lip reading on the command line: a captioned video in, a folder of labelled clips out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from obamanet.cli.boundary import console, result
from obamanet.cli.declare import Fields, command
from obamanet.cli.options import LANGUAGE, Quiet
from obamanet.cli.texts import ALIGNER
from obamanet.errors import DatasetError
from text2face.corpus.build import CorpusOptions, build_corpus


@command("talk.mp4 talk.srt --out clips", "charla.mp4 charla.vtt --lang es --unit word --pictures --out clips")
def corpus_verb(
    *,
    video: Annotated[Path, typer.Argument(metavar="VIDEO", help="A video of somebody who speaks.", show_default=False)],
    subtitles: Annotated[
        Path, typer.Argument(metavar="SUBTITLES", help="What is said in it: .srt or .vtt.", show_default=False)
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="The corpus folder to make or to go on with.")
    ],
    options: Annotated[
        CorpusOptions,
        Fields(
            language=LANGUAGE,
            unit="What a clip shows.",
            aligner=ALIGNER,
            pictures=typer.Option("--pictures", help="Also write the frames, which takes much space."),
        ),
    ],
    quiet: Quiet = False,
) -> None:
    """Cut a captioned video into labelled clips of syllables or words, with keypoints and sound. Prints their folder.

    Interrupt it at any time: the same command goes on where it was. DIR/manifest.tsv and .json list the clips. Exit
    code 1 when subtitles go on beyond the video's end, after all before that has been cut.
    """
    progress = console(quiet)
    report = build_corpus(video, subtitles, out, options, progress)
    timed = ", ".join(f"{count} {how}" for how, count in report.timed.most_common())
    progress.note(f"{report.clips} clips of {report.cues} cues ({report.cached} were there before); timed: {timed}")
    if report.reasons:
        reasons = ", ".join(f"{count} {reason}" for reason, count in report.reasons.most_common())
        progress.note(f"left out, as the manifest says one by one: {reasons}")
    if report.crowded:
        progress.note(f"{report.crowded} cues show more than one face; the largest is followed")
    result(out)
    if report.beyond:
        first = report.beyond[0]
        raise DatasetError(
            f"subtitles go on beyond the video, which ends at {report.duration:.1f} s: {len(report.beyond)} cues left "
            f"out, the first on line {first.line} at {first.start:.1f} s; all before is in {out}: {subtitles}"
        )
