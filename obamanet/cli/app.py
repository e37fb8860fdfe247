"""The programs ``obamanet``, ``text2face`` and ``run.py``, and their verbs, each imported when it is called."""

from __future__ import annotations

from typing import Annotated

import typer

from obamanet.about import VERSION
from obamanet.cli.verbs import Group, Verb

SPEAK, PERSON, CHECK, TOOLS = "Make videos", "Make a person", "Check, measure, remove", "More tools"
"""Headings in the list of verbs."""

OBAMANET_EXAMPLES = """A person of your own, in three commands and one:

obamanet prepare videos/*.mp4 --out me

obamanet train keypoints me

obamanet train renderer me

obamanet speak speech.wav --person me
"""

PIX2PIX_EXAMPLES = """Examples:

obamanet pix2pix from-video me.mp4 --out me

obamanet pix2pix train me/pairs --out run

Of pictures from elsewhere:

obamanet pix2pix combine photos drawings --out pairs

obamanet pix2pix split pairs --out data

obamanet pix2pix train data/train --val data/val --out run --direction BtoA

obamanet pix2pix test run data/test --out shown
"""


def obamanet_app() -> typer.Typer:
    """Returns the program ``obamanet``."""
    return OBAMANET.app("obamanet")


def text2face_app() -> typer.Typer:
    """Returns the program ``text2face``: what begins with a text or with subtitles."""
    return TEXT2FACE.app("text2face")


def run_app() -> typer.Typer:
    """Returns the program ``run.py``, the main job alone."""
    return RUN_PY.app("run.py")


def print_version(asked: bool) -> None:
    """Prints the version and ends, where that was asked for."""
    if asked:
        print(VERSION, flush=True)
        raise typer.Exit


def obamanet_overview(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=print_version, help="Print the version.")
    ] = False,
) -> None:
    """Speech to video: a sound file in, a video of a face that says it out."""


def text2face_overview() -> None:
    """Text to voice, syllables and videos; captioned video to clips of syllables."""


def before_training() -> None:
    """Train a person's parts on its dataset, or what serves all persons."""
    # Before Keras: with too little memory its import may crash, which nobody can catch.
    from obamanet.memory import check_memory

    check_memory()


def pix2pix_overview() -> None:
    """Train and use pix2pix on folders of A|B pictures, and make such folders."""


def swap_overview() -> None:
    """Swap faces: extract two persons' faces, train a model of both, convert videos with it.

    Swap nobody who has not agreed: training asks for the consent of both, and every output says what it is.
    """


TRAIN = Group(
    {
        "keypoints": Verb("train_keypoints:keypoints_verb", "Sound to mouth movement: the first of a person's parts."),
        "renderer": Verb("train_renderer:renderer_verb", "Mouth to picture: the second of a person's parts."),
        "syllables": Verb("train_syllables:syllables_verb", "Syllables to mouth poses, for speaking from text."),
        "lipreader": Verb("train_lipreader:lip_reader_verb", "A judge for evaluate that reads lips."),
        "syncnet": Verb("train_syncnet:syncnet_verb", "A judge for evaluate that hears whether lips are in time."),
        "encoder": Verb("train_encoder:encoder_verb", "The speech encoder that all persons share."),
    },
    "Train a person's parts.",
    before_training,
    panel=PERSON,
)

PIX2PIX = Group(
    {
        "train": Verb("pix2pix:train_verb", "Train a generator on A|B pictures."),
        "test": Verb("pix2pix:test_verb", "Paint a folder of pictures; shows inputs, outputs and targets."),
        "compare": Verb("pix2pix:compare_verb", "Set the weights of several epochs against each other."),
        "export": Verb("pix2pix:export_verb", "Write the generator as a Keras, ONNX or TensorFlow Lite file."),
        "from-video": Verb("pix2pix_folders:from_video_verb", "Photos of a person and their sketches, of a video."),
        "resize": Verb("pix2pix_folders:resize_verb", "Make squares of one size."),
        "combine": Verb("pix2pix_folders:combine_verb", "Put pictures of the same name side by side."),
        "split": Verb("pix2pix_folders:split_verb", "Divide pictures into train, val and test."),
    },
    "Train and use pix2pix on any pictures.",
    pix2pix_overview,
    epilog=PIX2PIX_EXAMPLES,
    panel=TOOLS,
)

SWAP_EXAMPLES = """Examples:

obamanet swap extract me.mp4 --out faces/me

obamanet swap train -A faces/me -B faces/her -m model --i-have-consent --name-a Me --name-b Her

obamanet swap convert -i me.mp4 -m model -o swapped.mp4
"""

SWAP = Group(
    {
        "extract": Verb("swap_extract:extract_verb", "The faces of a person from a video, pictures or a zip."),
        "train": Verb("swap_train:train_verb", "The faces of two persons to a model that swaps them."),
        "convert": Verb("swap_convert:convert_verb", "A video or pictures with one person's face for the other's."),
        "pairs": Verb("swap_pairs:pairs_verb", "For each face of one person those of the other that are most like it."),
    },
    "Swap one person's face for another's.",
    swap_overview,
    epilog=SWAP_EXAMPLES,
    panel=TOOLS,
)

SAY = Verb("say:say_verb", "A text to a video of a person who says it.", SPEAK)
TIMELINE = Verb("say:timeline_verb", "A text to the times of its syllables, sounds and mouth shapes.", TOOLS)
VOICES = Verb("voices:voices_verb", "List the voices that texts can be said with.", TOOLS)
CORPUS = Verb("corpus:corpus_verb", "Cut a captioned video into clips of syllables or words.", TOOLS)
RUN_PY = Verb("main_job:run_verb", "A sound or a text to a video.")

OBAMANET = Group(
    {
        "speak": Verb("speak:speak_verb", "A sound to a video of a person who says it.", SPEAK),
        "say": SAY,
        "batch": Verb("batch:batch_verb", "Many videos from one list, gone on with after a stop.", SPEAK),
        "dub": Verb("dub:dub_verb", "A video and a new sound to the video with lips that say it.", SPEAK),
        "reenact": Verb("reenact:reenact_verb", "A video of a face to a video of a person who moves like it.", SPEAK),
        "live": Verb("live:live_verb", "A camera or a microphone to a person who moves with it.", SPEAK),
        "web": Verb("web:web_verb", "Videos over HTTP, for many at once.", SPEAK),
        "prepare": Verb("prepare:prepare_verb", "Videos of one person to a dataset.", PERSON),
        "train": TRAIN,
        "assemble": Verb("assemble:assemble_verb", "Two trained parts to a person with a name and rights.", PERSON),
        "puppet": Verb("puppet:puppet_verb", "Videos to a person that another video or a camera drives.", PERSON),
        "poses": Verb("mouth_poses:poses_verb", "Find a person's mouth poses, for speaking from text.", PERSON),
        "synthetic-voices": Verb(
            "synthetic_voices:synthetic_voices_verb", "Have the training sentences said by other voices.", PERSON
        ),
        "export": Verb("export:export_verb", "Write a person's networks as ONNX, Keras or TFLite files.", PERSON),
        "person": Verb("person_card:person_verb", "Check a person and show its card.", CHECK),
        "montage": Verb("montage:montage_verb", "Videos side by side, joined or cut, as mp4, GIF or WebP.", TOOLS),
        "verify": Verb("verify:verify_verb", "What a video's signature says, and whether it was changed.", CHECK),
        "evaluate": Verb("evaluate:evaluate_verb", "Measure videos against recordings.", CHECK),
        "forget": Verb("forget:forget_verb", "List all that was learned from a face, and remove it.", CHECK),
        "timeline": TIMELINE,
        "voices": VOICES,
        "corpus": CORPUS,
        "pose-sheet": Verb("mouth_poses:pose_sheet_verb", "Draw a person's mouth poses.", TOOLS),
        "pix2pix": PIX2PIX,
        "swap": SWAP,
    },
    "Speech to video.",
    obamanet_overview,
    epilog=OBAMANET_EXAMPLES,
)

TEXT2FACE = Group(
    {"say": SAY, "timeline": TIMELINE, "voices": VOICES, "corpus": CORPUS}, "Text to video.", text2face_overview
)
