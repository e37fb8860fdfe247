"""Text to video on the command line: what text2face adds to the verbs of obamanet, and run.py."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from obamanet.cli.app import obamanet_app
from obamanet.cli.boundary import HELP_NAMES, console, result, run
from obamanet.cli.speak import (
    SOUND_HELP,
    Fps,
    Key,
    KeyCert,
    KeypointsOut,
    Out,
    PersonFolder,
    Quiet,
    parse_speak,
    parse_video,
    speak_command,
)
from obamanet.errors import OptionError
from obamanet.files import ensure_output_path
from text2face.say import SayOptions, say, say_recording, write_recording_timelines, write_voice
from text2face.timeline import check_timeline_names
from text2face.voice.voices import choose_voice, known_language, voices

PIECE = 8192
"""Signs of a text file read at a time."""

NAME_LENGTH = 40
"""Letters of the text that name the video when no name is given."""

SAY_EXAMPLES = """Examples:

{program} "Hello, I am a face made by a program."

{program} "Hola, ¿qué tal?" --lang es --timeline hola.json --timeline hola.vtt

{program} --text-file story.txt --lang en-us --rate 0.9 --out story.mp4
"""

TIMELINE_EXAMPLES = """Examples:

obamanet timeline "Hello there." --out hello.json --out hello.vtt

obamanet timeline "Buenos días." --lang es --out dias.tsv --voice-out dias.wav

obamanet timeline "What I said." --out said.json --recording said.wav
"""

RUN_EXAMPLES = """Examples:

run.py --sf speech.wav

run.py --sf speech.wav --out talk.mp4 --fps 29.97

run.py --text "Hello, I am a face made by a program."

run.py --text "Hola, ¿qué tal?" --lang es --person my_dataset
"""

Text = Annotated[str | None, typer.Argument(metavar="[TEXT]", help="What to say.", show_default=False)]
TextFile = Annotated[
    Path | None, typer.Option("--text-file", metavar="FILE", help="A text of any length to say, UTF-8.")
]
Lang = Annotated[
    str, typer.Option("--lang", help="The text's language: en-gb, en-us, es, es-419 or another one of eSpeak NG.")
]
VoiceName = Annotated[
    str, typer.Option("--voice", help="espeak, flite, pico or piper:VOICE.onnx; obamanet voices lists them.")
]
Rate = Annotated[float, typer.Option("--rate", help="Times the voice's usual rate, 0.5 to 2.5.")]
Recording = Annotated[
    Path | None,
    typer.Option("--recording", metavar="SOUND", help="Your own recording of the text, instead of a voice."),
]
Timelines = Annotated[
    list[Path] | None,
    typer.Option(
        "--timeline",
        metavar="FILE",
        help="Also write what is said when: .json, .tsv or .vtt; may be given several times.",
        show_default="none",
    ),
]


def main() -> None:
    """Run ``obamanet`` and exit."""
    run(program(), "obamanet")


def main_run() -> None:
    """Run ``run.py``, the main job alone, and exit."""
    run(run_app(), "run.py")


def program() -> typer.Typer:
    """Return ``obamanet`` with the verbs that need text."""
    app = obamanet_app()
    app.command("say", epilog=SAY_EXAMPLES.format(program="obamanet say"))(say_verb)
    app.command("timeline", epilog=TIMELINE_EXAMPLES)(timeline_verb)
    app.command("voices")(voices_verb)
    return app


def run_app() -> typer.Typer:
    """Return the program run.py: one command, the sound or the text as an option."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, context_settings=HELP_NAMES)
    app.command(epilog=RUN_EXAMPLES)(run_verb)
    return app


def run_verb(
    sound: Annotated[Path | None, typer.Option("--sf", metavar="SOUND", help=SOUND_HELP, show_default=False)] = None,
    text: Annotated[
        str | None, typer.Option("--text", metavar="TEXT", help="What to say, instead of a sound.", show_default=False)
    ] = None,
    text_file: TextFile = None,
    lang: Lang = "en-gb",
    voice: VoiceName = "espeak",
    rate: Rate = 1.0,
    timeline: Timelines = None,
    out: Out = None,
    person: PersonFolder = None,
    fps: Fps = None,
    keypoints_out: KeypointsOut = None,
    key_cert: KeyCert = None,
    key: Key = None,
    quiet: Quiet = False,
) -> None:
    """Write a video of a person who says SOUND, or TEXT, and print its path.

    The video is labelled and signed as synthetic. Make nobody say what they did not agree to.
    """
    if sound is None:
        if text is None and text_file is None:
            raise OptionError("nothing to say: give a sound with --sf, a text with --text, or a file with --text-file")
        say_verb(
            text, text_file, lang, voice, rate, None, timeline, out, person, fps, keypoints_out, key_cert, key, quiet
        )
        return
    if text is not None or text_file is not None:
        raise OptionError("--sf and a text exclude each other: to time a recording's text, use obamanet timeline")
    if timeline:
        raise OptionError("--timeline needs --text or --text-file")
    speak_command(parse_speak(sound, out, person, fps, keypoints_out, key_cert, key, quiet))


def say_verb(
    text: Text = None,
    text_file: TextFile = None,
    lang: Lang = "en-gb",
    voice: VoiceName = "espeak",
    rate: Rate = 1.0,
    recording: Recording = None,
    timeline: Timelines = None,
    out: Out = None,
    person: PersonFolder = None,
    fps: Fps = None,
    keypoints_out: KeypointsOut = None,
    key_cert: KeyCert = None,
    key: Key = None,
    quiet: Quiet = False,
) -> None:
    """Write a video of a person who says TEXT. Prints its path.

    The video is labelled and signed as synthetic. Make nobody say what they did not agree to.
    """
    # What is wrong is told before TensorFlow is loaded, which takes seconds.
    timelines = tuple(timeline or ())
    check_timeline_names(timelines)
    written = _text(text, text_file)
    _check_sources(voice, lang, rate, recording)
    out = out or Path("out") / f"{text_file.stem if text_file else _name(text or '')}.mp4"
    if recording:
        command = parse_speak(recording, out, person, fps, keypoints_out, key_cert, key, quiet)
        out, folder, frame_rate, own_key = command.out, command.person, command.fps, command.key
    else:
        video = parse_video(out, person, fps, keypoints_out, key_cert, key)
        folder, frame_rate, own_key = video.person, video.fps, video.key
    for path in timelines:
        ensure_output_path(path)

    from obamanet.person import load_person
    from obamanet.pipelines.speak import SpeakOptions

    speaking = SpeakOptions(fps=frame_rate, key=own_key, keypoints_out=keypoints_out)
    options = SayOptions(lang, voice, rate, timelines, speaking)
    loaded, progress = load_person(folder), console(quiet)
    if recording:
        say_recording(written, recording, out, loaded, options, progress)
    else:
        say(written, out, loaded, options, progress)
    result(out)


def timeline_verb(
    out: Annotated[
        list[Path],
        typer.Option(
            "--out", "-o", metavar="FILE", help="A timeline: .json, .tsv or .vtt; may be given several times."
        ),
    ],
    text: Text = None,
    text_file: TextFile = None,
    lang: Lang = "en-gb",
    voice: VoiceName = "espeak",
    rate: Rate = 1.0,
    recording: Recording = None,
    voice_out: Annotated[
        Path | None, typer.Option("--voice-out", metavar="WAV", help="Also write the voice.", show_default="none")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Write when which syllable, sound and mouth shape of TEXT comes, without a video. Prints the files' paths.

    Mouth shapes are Rhubarb Lip Sync's: A to F after Preston Blair, G, H, and X for rest.
    """
    from obamanet.files import atomic_path

    check_timeline_names(out)
    written = _text(text, text_file)
    _check_sources(voice, lang, rate, recording)
    options, progress = SayOptions(lang, voice, rate, tuple(out)), console(quiet)
    if recording:
        if voice_out:
            raise OptionError("--voice-out and --recording exclude each other: the recording is the voice")
        write_recording_timelines(written, recording, options, progress)
    elif voice_out:
        if voice_out.suffix.lower() != ".wav":
            raise OptionError(f"the voice is a wav file: got {voice_out}, allowed is a name that ends in .wav")
        with atomic_path(voice_out) as part:
            write_voice(written, part, options, progress)
    else:
        write_voice(written, None, options, progress)
    for path in [*out, *([voice_out] if voice_out else [])]:
        result(path)


def voices_verb() -> None:
    """Show the voices, what they speak, their licences, and whether they are installed."""
    for voice in voices():
        typer.echo(f"{voice.name}: {voice.speaks}; {voice.state}; licence: {voice.licence}")
    typer.echo("your own: any recording, by --recording SOUND with its text; ready; licence: yours")


def _text(text: str | None, file: Path | None) -> str | Iterator[str]:
    """Return the text, or that of the file piece by piece; the file is opened here, so that a wrong one is told."""
    if (text is None) == (file is None):
        raise OptionError("give a text or --text-file, one of them")
    if text is not None:
        if not text.strip():
            raise OptionError("text to say is empty; at least one word is needed")
        return text
    assert file is not None
    if not file.is_file():
        what = "a text file is needed, got a directory or device" if file.exists() else "no such text file"
        raise OptionError(f"{what}: {file}")
    if file.stat().st_size == 0:
        raise OptionError(f"text file is empty (0 bytes): {file}")
    return _pieces(file)


def _pieces(file: Path) -> Iterator[str]:
    with file.open(encoding="utf-8-sig") as stream:
        try:
            while piece := stream.read(PIECE):
                yield piece
        except UnicodeDecodeError as error:
            raise OptionError(f"text file is not UTF-8 ({error.reason} near byte {error.start}): {file}") from None


def _check_sources(voice: str, lang: str, rate: float, recording: Path | None) -> None:
    """Tell an unknown voice, language or rate before any work."""
    if recording is None:
        choose_voice(voice, lang, rate)
        return
    if (voice, rate) != ("espeak", 1.0):
        raise OptionError("--recording is the voice itself: --voice and --rate do not go with it")
    known_language(lang)


def _name(text: str) -> str:
    """Return a file name made of the text's first words."""
    words = "-".join(re.findall(r"\w+", text.lower()))[:NAME_LENGTH].strip("-")
    return words or "said"
