"""Text to video on the command line: what text2face adds to the verbs of obamanet, and run.py."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from obamanet.cli.app import obamanet_app
from obamanet.cli.boundary import HELP_NAMES, console, result, run
from obamanet.cli.outputs import check_outputs
from obamanet.cli.persons import find_person
from obamanet.cli.speak import (
    SOUND_HELP,
    Articulation,
    EngineName,
    Fps,
    Key,
    KeyCert,
    KeypointsOut,
    Out,
    PersonFolder,
    Quiet,
    ShutLips,
    load_speaker,
    parse_speak,
    parse_video,
    speak_command,
)
from obamanet.cli.train import (
    Attribution,
    DatasetFolder,
    Licence,
    MaxMinutes,
    MaxSteps,
    Seed,
    SplitChoice,
    SplitFile,
    ValShare,
    tell,
)
from obamanet.engine.network import Engine
from obamanet.errors import DatasetError, OptionError
from obamanet.training.loop.runner import NOT_STATED
from text2face.corpus.clips import Unit
from text2face.say import (
    MouthSource,
    PoseAnnotator,
    SayOptions,
    pose_annotator,
    say,
    say_recording,
    write_recording_timelines,
    write_voice,
)
from text2face.timeline import check_timeline_names
from text2face.voice.aligners import Aligner, check_aligner
from text2face.voice.espeak import languages as espeak_languages
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

{program} "Hello there." --out hello.json --out hello.vtt

{program} "Buenos días." --lang es --out dias.tsv --voice-out dias.wav

{program} "What I said." --out said.json --recording said.wav
"""

CLOSURES_EXAMPLE = """Example:

obamanet train closures dataset --align words --split split.json --out closures_run
"""

SYLLABLES_EXAMPLE = "Example:\n\nobamanet train syllables me --align me/align --split me/split.json --person me/person"

SYLLABLES = "syllables"
"""Folder in a dataset: the run that trains the road from syllables to mouth poses."""

SHEET_EXAMPLES = """Examples:

obamanet pose-sheet poses.png --person me

obamanet pose-sheet poses.png --person me --dataset me --align me/align
"""

CORPUS_EXAMPLES = """Examples:

{program} talk.mp4 talk.srt --out clips

{program} charla.mp4 charla.vtt --lang es --unit word --pictures --out clips
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
Road = Annotated[
    MouthSource | None,
    typer.Option(
        "--via",
        help="What moves the mouth: the sound of the voice, or the syllables of the text, by the person's mouth poses.",
        show_default="syllables where the person has learned them; audio for a recording",
    ),
]
Recording = Annotated[
    Path | None,
    typer.Option("--recording", metavar="SOUND", help="Your own recording of the text, instead of a voice."),
]
TextOut = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="MP4",
        help="The video to write.",
        show_default="out/FIRST-WORDS.mp4 or out/TEXT-FILE.mp4",
    ),
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

AlignerName = Annotated[
    Aligner,
    typer.Option("--aligner", help="How a recording's times are found; auto takes pocketsphinx where installed."),
]

WORD_TIMES = (
    "Word times of its clips: a folder of CLIP.align (GRID), CLIP.TextGrid (Montreal Forced Aligner) or CLIP.ctm, "
    "or one CTM file."
)
Align = Annotated[Path, typer.Option("--align", metavar="DIR", help=WORD_TIMES)]


def main() -> None:
    """Run ``obamanet`` and exit."""
    run(program(), "obamanet")


def main_text2face() -> None:
    """Run ``text2face``, the verbs that need text alone, and exit."""
    run(text2face_app(), "text2face")


def main_run() -> None:
    """Run ``run.py``, the main job alone, and exit."""
    run(run_app(), "run.py")


def program() -> typer.Typer:
    """Return ``obamanet`` with the verbs that need text."""
    app = obamanet_app()
    _add_verbs(app, "obamanet")
    train = next(group.typer_instance for group in app.registered_groups if group.name == "train")
    assert train is not None
    train.command("syllables", epilog=SYLLABLES_EXAMPLE)(syllables_verb)
    train.command("closures", epilog=CLOSURES_EXAMPLE)(closures_verb)
    app.command("synthetic-voices", no_args_is_help=True)(synthetic_voices_verb)
    app.command("pose-sheet", epilog=SHEET_EXAMPLES)(pose_sheet_verb)
    return app


def text2face_app() -> typer.Typer:
    """Return ``text2face``: what begins with a text or with subtitles."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, context_settings=HELP_NAMES)
    app.callback()(text2face_overview)
    _add_verbs(app, "text2face")
    return app


def text2face_overview() -> None:
    """Text to voice, syllables and videos; captioned video to clips of syllables."""


def _add_verbs(app: typer.Typer, name: str) -> None:
    app.command("say", epilog=SAY_EXAMPLES.format(program=f"{name} say"))(say_verb)
    app.command("timeline", epilog=TIMELINE_EXAMPLES.format(program=f"{name} timeline"))(timeline_verb)
    app.command("voices")(voices_verb)
    app.command("corpus", epilog=CORPUS_EXAMPLES.format(program=f"{name} corpus"))(corpus_verb)


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
    via: Road = None,
    timeline: Timelines = None,
    out: Out = None,
    person: PersonFolder = None,
    fps: Fps = None,
    keypoints_out: KeypointsOut = None,
    key_cert: KeyCert = None,
    key: Key = None,
    articulation: Articulation = 1.0,
    shut_lips: ShutLips = True,
    engine: EngineName = Engine.ONNXRUNTIME,
    quiet: Quiet = False,
) -> None:
    """Write a video of a person who says SOUND, or TEXT, and print its path.

    The video is labelled and signed as synthetic. Make nobody say what they did not agree to.
    """
    if sound is None:
        if text is None and text_file is None:
            raise OptionError("nothing to say: give a sound with --sf, a text with --text, or a file with --text-file")
        if not shut_lips:
            raise OptionError("--open-lips needs a sound: with a text, the lips are held to its times")
        video = (out, person, fps, keypoints_out, key_cert, key, articulation, quiet)
        say_verb(text, text_file, lang, voice, rate, via, None, timeline, *video, engine=engine)
        return
    if text is not None or text_file is not None:
        raise OptionError("--sf and a text exclude each other: to time a recording's text, use obamanet timeline")
    if timeline:
        raise OptionError("--timeline needs --text or --text-file")
    if via is MouthSource.SYLLABLES:
        raise OptionError("--via syllables needs a text: with a sound alone, the sound moves the mouth")
    speak_command(
        parse_speak(sound, out, person, fps, keypoints_out, key_cert, key, articulation, quiet, shut_lips, engine)
    )


def say_verb(
    text: Text = None,
    text_file: TextFile = None,
    lang: Lang = "en-gb",
    voice: VoiceName = "espeak",
    rate: Rate = 1.0,
    via: Road = None,
    recording: Recording = None,
    timeline: Timelines = None,
    out: TextOut = None,
    person: PersonFolder = None,
    fps: Fps = None,
    keypoints_out: KeypointsOut = None,
    key_cert: KeyCert = None,
    key: Key = None,
    articulation: Articulation = 1.0,
    quiet: Quiet = False,
    aligner: AlignerName = Aligner.AUTO,
    engine: EngineName = Engine.ONNXRUNTIME,
) -> None:
    """Write a video of a person who says TEXT. Prints its path.

    The video is labelled and signed as synthetic. Make nobody say what they did not agree to.
    """
    # What is wrong is told before any network is loaded.
    timelines = tuple(timeline or ())
    check_timeline_names(timelines)
    written = _text(text, text_file)
    _check_sources(voice, lang, rate, recording, aligner)
    out = out or Path("out") / f"{text_file.stem if text_file else _name(text or '')}.mp4"
    inputs = (text_file, recording, find_person(person), key_cert, key)
    check_outputs((out, keypoints_out, *timelines), inputs)
    if recording:
        command = parse_speak(
            recording, out, person, fps, keypoints_out, key_cert, key, articulation, quiet, engine=engine
        )
        out, folder, frame_rate, own_key = command.out, command.person, command.fps, command.key
    else:
        video = parse_video(out, person, fps, keypoints_out, key_cert, key, engine)
        folder, frame_rate, own_key = video.person, video.fps, video.key

    from obamanet.pipelines.speak import SpeakOptions

    speaking = SpeakOptions(frame_rate, own_key, keypoints_out, articulation)
    options = SayOptions(lang, voice, rate, timelines, speaking, via, aligner)
    speaker, progress = load_speaker(folder, engine), console(quiet)
    if recording:
        say_recording(written, recording, out, speaker, options, progress)
    else:
        say(written, out, speaker, options, progress)
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
    person: Annotated[
        Path | None,
        typer.Option("--person", metavar="FOLDER", help="Whose mouth poses are told.", show_default="none are told"),
    ] = None,
    quiet: Quiet = False,
    aligner: AlignerName = Aligner.AUTO,
) -> None:
    """Write when which syllable, sound and mouth shape of TEXT comes, without a video. Prints the files' paths.

    Mouth shapes are Rhubarb Lip Sync's: A to F after Preston Blair, G, H, and X for rest. With --person, JSON and TSV
    tell that person's mouth poses too.
    """
    from obamanet.files import atomic_path

    check_timeline_names(out)
    written = _text(text, text_file)
    _check_sources(voice, lang, rate, recording, aligner)
    options, progress = SayOptions(lang, voice, rate, tuple(out), aligner=aligner), console(quiet)
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


def voices_verb(
    languages: Annotated[bool, typer.Option("--languages", help="List eSpeak NG's languages instead.")] = False,
) -> None:
    """Show the voices, what they speak, their licences, and whether they are installed."""
    if languages:
        typer.echo("\n".join(espeak_languages()))
        return
    for voice in voices():
        typer.echo(f"{voice.name}: {voice.speaks}; {voice.state}; licence: {voice.licence}")
    typer.echo("your own: any recording, by --recording SOUND with its text; ready; licence: yours")


def closures_verb(
    folder: DatasetFolder,
    align: Align,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="RUN", help="The run's folder to make or go on with.")],
    steps: Annotated[int, typer.Option("--steps", help="Length of the whole training in batches.")] = 900,
    licence: Licence = NOT_STATED,
    attribution: Attribution = NOT_STATED,
    lang: Lang = "en-gb",
    split: SplitFile = None,
    val_share: ValShare = 0.1,
    seed: Seed = 1,
    max_steps: MaxSteps = None,
    max_minutes: MaxMinutes = None,
    quiet: Quiet = False,
) -> None:
    """Train what hears when the lips are shut, at p, b and m. Prints the folder of its weights and card.

    It serves every person, learns from synthetic voices and from these recordings' sound, and works with the speech
    encoder that comes with the program alone. The same command goes on with a run that was stopped.
    """
    language = known_language(lang)

    from obamanet.training.data.dataset import load_dataset
    from obamanet.training.loop.runner import Limits
    from text2face.closures.closure_training import RESULT as DETECTOR
    from text2face.closures.closure_training import ClosureOptions, train_closures

    limits, progress = Limits(steps=max_steps, minutes=max_minutes), console(quiet)
    dataset, options = load_dataset(folder), ClosureOptions(steps=steps, seed=seed)
    chosen, rights = SplitChoice(split, val_share, seed).of(dataset), {"licence": licence, "attribution": attribution}
    report = train_closures(dataset, chosen, align, language, out, options, **rights, limits=limits, progress=progress)
    tell(report, progress)
    result(report.folder / DETECTOR)


def syllables_verb(
    folder: DatasetFolder,
    align: Align,
    person: PersonFolder = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="RUN", help="The run's folder.", show_default="DIR/syllables")
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", help="Length of the whole training in batches.")] = None,
    lang: Lang = "en-gb",
    split: SplitFile = None,
    val_share: ValShare = 0.1,
    seed: Seed = 1,
    max_steps: MaxSteps = None,
    max_minutes: MaxMinutes = None,
    quiet: Quiet = False,
) -> None:
    """Train what turns syllables into mouth poses, and put it into the person. Prints the person's folder.

    It learns from the recorded sentences and, for all that is not said in them, from prose in English and Spanish as
    the person's speech predictor sees it: train it anew after the predictor. The same command goes on with a run that
    was stopped.
    """
    language, owner = known_language(lang), find_person(person)

    from obamanet.person import load_person
    from obamanet.training.data.dataset import load_dataset
    from obamanet.training.loop.runner import Limits
    from text2face.mouth.pose_training import PoserOptions, train_poser
    from text2face.mouth.save_poser import save_poser

    limits, progress = Limits(steps=max_steps, minutes=max_minutes), console(quiet)
    dataset, speaker = load_dataset(folder), load_person(owner)
    chosen = SplitChoice(split, val_share, seed).of(dataset)
    options = PoserOptions(seed=seed) if steps is None else PoserOptions(steps=steps, seed=seed)
    run_folder = out or folder / SYLLABLES
    report = train_poser(
        dataset, chosen, align, language, speaker, run_folder, options, limits=limits, progress=progress
    )
    tell(report, progress)
    result(save_poser(speaker, report, len(chosen.train)).folder)


def pose_sheet_verb(
    out: Annotated[Path, typer.Argument(metavar="OUT.png", help="The contact sheet to make.", show_default=False)],
    person: PersonFolder = None,
    dataset: Annotated[
        Path | None,
        typer.Option("--dataset", metavar="DIR", help="The dataset it was trained on, to name syllables at each pose."),
    ] = None,
    align: Annotated[Path | None, typer.Option("--align", metavar="DIR", help=WORD_TIMES)] = None,
    split: SplitFile = None,
    val_share: ValShare = 0.1,
    seed: Seed = 1,
    lang: Lang = "en-gb",
    quiet: Quiet = False,
) -> None:
    """Draw a person's mouth poses as lips and as painted faces, with the syllables that show them. Prints the path.

    Give the same split as in training.
    """
    if (dataset is None) != (align is None):
        raise OptionError("--dataset and --align belong together: syllables are named when both are given")
    if out.suffix.lower() != ".png":
        raise OptionError(f"the contact sheet is a PNG: got {out}, allowed is a name that ends in .png")
    language = known_language(lang)
    folder = find_person(person)
    check_outputs([out], (folder, dataset, align, split))

    from obamanet.person import load_person, poses_of
    from text2face.pose_sheet import draw_pose_sheet, pose_use

    owner, use = load_person(folder), None
    poses_of(owner)
    if dataset is not None and align is not None:
        from obamanet.training.data.dataset import load_dataset

        pieces = SplitChoice(split, val_share, seed).of(load_dataset(dataset)).train
        use = pose_use(pieces, align, language, owner, console(quiet))
    draw_pose_sheet(owner, out, use)
    result(out)


def synthetic_voices_verb(
    dataset: DatasetFolder,
    align: Align,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Where the synthetic voices go; made when missing.")
    ],
    voices_each: Annotated[int, typer.Option("--voices", help="Voices that say each sentence.")] = 8,
    split: SplitFile = None,
    val_share: ValShare = 0.1,
    seed: Seed = 1,
    lang: Lang = "en-gb",
    quiet: Quiet = False,
) -> None:
    """Have the training sentences said again by other voices, for: obamanet train keypoints --synthetic-voices DIR."""
    language = known_language(lang)

    from obamanet.training.data.dataset import load_dataset
    from text2face.voice_augmentation import SyntheticVoiceOptions, make_synthetic_voices

    options = SyntheticVoiceOptions(voices=voices_each, language=language, seed=seed)
    pieces = SplitChoice(split, val_share, seed).of(load_dataset(dataset)).train
    made = make_synthetic_voices(pieces, align, out, options, console(quiet))
    result(made.folder)


def corpus_verb(
    video: Annotated[Path, typer.Argument(metavar="VIDEO", help="A video of somebody who speaks.", show_default=False)],
    subtitles: Annotated[
        Path, typer.Argument(metavar="SUBTITLES", help="What is said in it: .srt or .vtt.", show_default=False)
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="The corpus folder to make or to go on with.")
    ],
    lang: Lang = "en-gb",
    unit: Annotated[Unit, typer.Option("--unit", help="What a clip shows.")] = Unit.SYLLABLE,
    aligner: AlignerName = Aligner.AUTO,
    pictures: Annotated[
        bool, typer.Option("--pictures", help="Also write the frames, which takes much space.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Cut a captioned video into labelled clips of syllables or words, with keypoints and sound. Prints their folder.

    Interrupt it at any time: the same command goes on where it was. DIR/manifest.tsv and .json list the clips. Exit
    code 1 when subtitles go on beyond the video's end, after all before that has been cut.
    """
    from text2face.corpus.build import CorpusOptions, build_corpus

    progress = console(quiet)
    report = build_corpus(video, subtitles, out, CorpusOptions(lang, unit, aligner, pictures), progress)
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


def _check_sources(voice: str, lang: str, rate: float, recording: Path | None, aligner: Aligner) -> None:
    """Tell an unknown voice, language or rate before any work."""
    if recording is None:
        choose_voice(voice, lang, rate)
        if aligner is not Aligner.AUTO:
            raise OptionError("--aligner goes with --recording: a voice tells its times itself")
        return
    if (voice, rate) != ("espeak", 1.0):
        raise OptionError("--recording is the voice itself: --voice and --rate do not go with it")
    known_language(lang)
    check_aligner(aligner)


def _name(text: str) -> str:
    """Return a file name made of the text's first words."""
    words = "-".join(re.findall(r"\w+", text.lower()))[:NAME_LENGTH].strip("-")
    return words or "said"
