"""Texts on the command line: a text in, a video out, or only the times of what is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from obamanet.cli.boundary import console, result
from obamanet.cli.declare import command
from obamanet.cli.options import Fps, Quiet, VideoOptions
from obamanet.cli.outputs import check_outputs
from obamanet.cli.persons import find_person
from obamanet.cli.texts import (
    RecordableOptions,
    Recording,
    Text,
    TextFile,
    TimelineOptions,
    Timelines,
    check_voice,
    name_of,
    read_text,
)
from obamanet.errors import OptionError
from text2face.say import (
    PoseAnnotator,
    SayOptions,
    pose_annotator,
    say,
    say_recording,
    write_recording_timelines,
    write_voice,
)
from text2face.timeline import check_timeline_names


@command(
    '"Hello, I am a face made by a program."',
    '"Hola, ¿qué tal?" --lang es --timeline hola.json --timeline hola.vtt',
    "--text-file story.txt --lang en-us --rate 0.9 --out story.mp4",
)
def say_verb(
    *,
    text: Text = None,
    text_file: TextFile = None,
    options: RecordableOptions,
    recording: Recording = None,
    timeline: Timelines = None,
    video: VideoOptions,
    fps: Fps = None,
    quiet: Quiet = False,
) -> None:
    """Write a video of a person who says TEXT. Prints its path.

    The video is labelled and signed as synthetic. Make nobody say what they did not agree to.
    """
    say_text(text, text_file, replace(options, timelines=tuple(timeline or ())), video, fps, quiet, recording)


def say_text(
    text: str | None,
    text_file: Path | None,
    options: SayOptions,
    video: VideoOptions,
    fps: str | None,
    quiet: bool,
    recording: Path | None = None,
) -> None:
    """Writes the video of a person who says a text, by a voice or as recorded, and prints its path."""
    # What is wrong is told before any network is loaded.
    check_timeline_names(options.timelines)
    written = read_text(text, text_file)
    check_voice(options, recording)
    if recording:
        from obamanet.audio.load import open_sound

        open_sound(recording)
    name = name_of(text, text_file)
    job = video.checked(name, [text_file, recording], fps=fps, outputs=options.timelines)
    options, progress = replace(options, speak=job.options), console(quiet)

    from obamanet.memory import return_large_blocks

    return_large_blocks()
    speaker = job.load_speaker()
    if recording:
        say_recording(written, recording, job.out, speaker, options, progress)
    else:
        say(written, job.out, speaker, options, progress)
    result(job.out)


@command(
    '"Hello there." --out hello.json --out hello.vtt',
    '"Buenos días." --lang es --out dias.tsv --voice-out dias.wav',
    '"What I said." --out said.json --recording said.wav',
)
def timeline_verb(
    *,
    text: Text = None,
    text_file: TextFile = None,
    out: Annotated[
        list[Path],
        typer.Option(
            "--out", "-o", metavar="FILE", help="A timeline: .json, .tsv or .vtt; may be given several times."
        ),
    ],
    options: TimelineOptions,
    recording: Recording = None,
    voice_out: Annotated[
        Path | None, typer.Option("--voice-out", metavar="WAV", help="Also write the voice.", show_default="none")
    ] = None,
    person: Annotated[
        Path | None,
        typer.Option("--person", metavar="DIR", help="Whose mouth poses are told.", show_default="none are told"),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Write when which syllable, sound and mouth shape of TEXT comes, without a video. Prints the files' paths.

    Mouth shapes are Rhubarb Lip Sync's: A to F after Preston Blair, G, H, and X for rest. With --person, JSON and TSV
    tell that person's mouth poses too.
    """
    from obamanet.files import atomic_path

    options, progress = replace(options, timelines=tuple(out)), console(quiet)
    check_timeline_names(out)
    written = read_text(text, text_file)
    check_voice(options, recording)
    if recording and voice_out:
        raise OptionError("--voice-out and --recording exclude each other: the recording is the voice")
    if voice_out and voice_out.suffix.lower() != ".wav":
        raise OptionError(f"the voice is a wav file: got {voice_out}, allowed is a name that ends in .wav")
    folder = find_person(person) if person else None
    check_outputs((*out, voice_out), (text_file, recording, folder))
    annotator = PoseAnnotator()
    if folder:
        from obamanet.person import load_person

        annotator = pose_annotator(load_person(folder))
    if recording:
        write_recording_timelines(written, recording, options, progress, annotator)
    elif voice_out:
        with atomic_path(voice_out) as part:
            write_voice(written, part, options, progress, annotator)
    else:
        write_voice(written, None, options, progress, annotator)
    for path in [*out, *([voice_out] if voice_out else [])]:
        result(path)
