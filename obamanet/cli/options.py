"""Options that many commands share, each declared here alone."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.models import OptionInfo

from obamanet.engine.formats import Engine
from obamanet.errors import OptionError
from obamanet.types import SketchStyle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from obamanet.inference.speaker import Speaker
    from obamanet.pipelines.speak import SpeakOptions
    from obamanet.provenance import SigningKey

SOUND_HELP = (
    "The speech: a sound file of any kind (wav, mp3, flac, ogg, m4a, ...) or a video with sound; 0.1 s to 24 h."
)

SEED = typer.Option("--seed", help="Makes a run repeatable: same seed, same split, same weights.")

LANGUAGE = typer.Option("--lang", help="The text's language: en-gb, en-us, es, es-419 or another one of eSpeak NG.")

DEFAULT_LANGUAGE = "en-gb"
"""Of the recordings' words, as of the library's texts."""

WORD_TIMES_HELP = (
    "Word times of its clips: a folder of CLIP.align (GRID), CLIP.TextGrid (Montreal Forced Aligner) or CLIP.ctm, "
    "or one CTM file."
)


def fps_option(default: str) -> OptionInfo:
    """Returns the option of a video's frame rate; ``default`` says in words which one it has without."""
    told = "Frames per second: 25, 29.97 or 30000/1001; 1 to 240."
    option: OptionInfo = typer.Option("--fps", metavar="RATE", help=told, show_default=default)
    return option


Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress; errors are still told.")]
PersonFolder = Annotated[
    Path | None,
    typer.Option(
        "--person",
        metavar="DIR",
        help="Who speaks: a person's folder, or the dataset folder it was trained in.",
        show_default="the default person",
    ),
]
Fps = Annotated[str | None, fps_option("the person's own")]
KeyCert = Annotated[
    Path | None,
    typer.Option(
        "--key-cert",
        metavar="PEM",
        help="Sign the video with your own certificate chain; needs --key.",
        show_default="a local key, made on first use",
    ),
]
Key = Annotated[
    Path | None,
    typer.Option("--key", metavar="PEM", help="The private key that belongs to --key-cert, unencrypted."),
]
EngineName = Annotated[
    Engine,
    typer.Option(
        "--engine",
        metavar="ENGINE",
        help=f"What runs the networks: {', '.join(Engine)}. Keras is the training graph; fast takes a renderer in "
        "eight-bit integers: obamanet export --precision int8.",
    ),
]
Language = Annotated[str, LANGUAGE]
WordTimes = Annotated[Path, typer.Option("--align", metavar="DIR", help=WORD_TIMES_HELP)]
SketchName = Annotated[
    SketchStyle,
    typer.Option(
        "--sketch",
        help="How whole faces are drawn for the renderer: a coloured line for each part, white lines, or coloured "
        "filled regions.",
    ),
]
DatasetFolder = Annotated[Path, typer.Argument(metavar="DIR", help="A dataset folder made by obamanet prepare.")]


def signing_key(key_cert: Path | None, key: Path | None) -> SigningKey | None:
    """Returns the user's own key, None for the local one; raises OptionError where one of its two files is missing."""
    if (key_cert is None) != (key is None):
        raise OptionError("--key-cert and --key belong together: give both or neither")
    if key_cert is None or key is None:
        return None
    from obamanet.provenance import SigningKey

    return SigningKey(key_cert, key)


@dataclass(frozen=True)
class VideoOptions:
    """What every command that makes a video of a person asks of it."""

    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="MP4",
            help="The video to write.",
            show_default="out/NAME.mp4, named after the sound, text or video",
        ),
    ] = None
    person: PersonFolder = None
    keypoints_out: Annotated[
        Path | None,
        typer.Option(
            "--keypoints-out",
            metavar="NPZ",
            help="Also write the mouth's movement: keypoints (T, 20, 2), canonical coordinates, and fps as text.",
        ),
    ] = None
    key_cert: KeyCert = None
    key: Key = None
    articulation: Annotated[
        float,
        typer.Option(
            "--articulation",
            help="How far the mouth moves: 1 as learned, 2 twice as far; at 0 it rests, unless a text shuts the lips.",
        ),
    ] = 1.0
    engine: EngineName = Engine.ONNXRUNTIME

    def __post_init__(self) -> None:
        """Refuses names of other kinds of files, and half of a key."""
        signing_key(self.key_cert, self.key)
        if self.out is not None and self.out.suffix.lower() != ".mp4":
            raise OptionError(f"the video is an mp4 file: got {self.out}, allowed is a name that ends in .mp4")
        if self.keypoints_out is not None and self.keypoints_out.suffix.lower() != ".npz":
            raise OptionError(
                f"keypoints are an npz file: got {self.keypoints_out}, allowed is a name that ends in .npz"
            )

    def checked(
        self,
        name: str,
        inputs: Sequence[Path | None],
        *,
        fps: str | None = None,
        outputs: Sequence[Path] = (),
    ) -> VideoJob:
        """Returns the checked request; all that can be known without a network is checked.

        Args:
            name: of the video, without suffix, when none was given.
            inputs: files that the video is made from, beside the person and the key.
            fps: frame rate as the user wrote it; None for the person's own.
            outputs: further files that the command writes.

        Raises:
            ObamanetError: an option cannot be used, an output would replace a file, or the key cannot sign.
        """
        from obamanet.cli.outputs import check_outputs
        from obamanet.cli.persons import find_person
        from obamanet.engine.network import check_engine
        from obamanet.pipelines.speak import SpeakOptions
        from obamanet.provenance import check_key
        from obamanet.timing import parse_rate

        check_engine(self.engine)
        rate: Fraction | None = parse_rate(fps) if fps is not None else None
        person = find_person(self.person)
        out = self.out if self.out is not None else Path("out") / f"{name}.mp4"
        check_outputs((out, self.keypoints_out, *outputs), (*inputs, person, self.key_cert, self.key))
        key = signing_key(self.key_cert, self.key)
        check_key(key)
        options = SpeakOptions(rate, key, self.keypoints_out, self.articulation)
        return VideoJob(out, person, self.engine, options)


@dataclass(frozen=True)
class VideoJob:
    """A checked request for a video: where it goes, the folder of who speaks, what runs the networks, and how."""

    out: Path
    person: Path
    engine: Engine
    options: SpeakOptions

    def load_speaker(self) -> Speaker:
        """Returns the person ready to speak; raises an ObamanetError."""
        from obamanet.inference.speaker import Speaker
        from obamanet.person import load_person

        return Speaker(load_person(self.person), self.engine)
