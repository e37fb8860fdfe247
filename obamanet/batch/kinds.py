"""The kinds of jobs: what each needs, and how it is made.

Each field of a kind is a column of the job file. ``main`` are the columns of which one must be given; a job without a
column ``kind`` is of the kind whose they are. ``results`` tells the files and folders that ``make`` makes in an empty
folder for a job of some name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

from obamanet.engine.formats import Engine
from obamanet.errors import EvaluationError, OptionError
from obamanet.person import CARD
from obamanet.pipelines.speak import SpeakOptions
from obamanet.progress import Progress
from obamanet.provenance import SigningKey
from obamanet.swap.colour_transfer import Colour
from obamanet.swap.face_masks import Part
from obamanet.swap.face_sources import is_picture
from obamanet.swap.swap_face import Blend, BlendOptions
from obamanet.swap.swap_model import Direction, Swapper, read_swap
from obamanet.types import DrivenPart
from text2face.say import MouthSource, SayOptions
from text2face.timeline import check_timeline_names
from text2face.voice.voices import choose_voice

if TYPE_CHECKING:
    from obamanet.inference.speaker import Speaker

KEPT_SPEAKERS: Final = 4
"""Persons, and face swaps, that one process keeps loaded, about 100 MB each; with more, the one not used for longest
goes."""


@dataclass(frozen=True)
class Studio:
    """What a worker makes videos with.

    Attributes:
        engine: the back end that runs the networks.
        key: signs the videos; None for the local key of the machine that makes them.
        threads: processor threads of one job.
        progress: gets the progress of the job.
    """

    engine: Engine = Engine.ONNXRUNTIME
    key: SigningKey | None = None
    threads: int = 1
    progress: Progress = field(default_factory=Progress)

    def swapper(self, model: Path, direction: Direction) -> Swapper:
        """Returns the face swap in the folder ``model``, loaded once in this process.

        Raises:
            ObamanetError: the model or the engine cannot be used.
        """
        return _swapper(model, direction, self.engine, self.threads)

    def speaker(self, person: Path) -> Speaker:
        """Returns the person in the folder ``person``, loaded once in this process, and again when its card changes.

        Raises:
            ObamanetError: the person or the engine cannot be used.
        """
        return _speaker(person, _change_time(person / CARD), self.engine, self.threads)

    def load(self, person: Path) -> None:
        """Loads a person's networks before they are needed, so that the first job does not wait for them.

        Raises:
            ObamanetError: the person or the engine cannot be used.
        """
        import numpy as np

        speaker = self.speaker(person)
        size = speaker.person.image_size
        # A network's first call takes several times as long.
        speaker.renderer.paint(np.zeros((size, size, 3), np.uint8))
        if speaker.person.speech is not None:
            speaker.predictor  # noqa: B018  # it is loaded when it is asked for
        if speaker.person.poser is not None:
            speaker.poser_network  # noqa: B018


class Work(Protocol):
    """What a job makes."""

    def make(self, folder: Path, name: str, studio: Studio) -> None:
        """Makes it in the empty folder ``folder``, in files called ``name``.

        Raises:
            ObamanetError: it cannot be made.
        """


def _change_time(file: Path) -> int | None:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return None  # Loading the person tells what is wrong.


@lru_cache(KEPT_SPEAKERS)
def _speaker(person: Path, changed: int | None, engine: Engine, threads: int) -> Speaker:
    from obamanet.inference.speaker import Speaker
    from obamanet.person import load_person

    return Speaker(load_person(person), engine, threads)


@lru_cache(KEPT_SPEAKERS)
def _swapper(model: Path, direction: Direction, engine: Engine, threads: int) -> Swapper:
    return Swapper(read_swap(model), direction, engine, threads)


@dataclass(frozen=True)
class SpeakJob:
    """A video of a person who says a sound.

    Attributes:
        sound: the sound file.
        person: folder of who speaks.
        fps: frame rate; None for the person's own.
        articulation: as of :class:`obamanet.pipelines.speak.SpeakOptions`.

    Raises:
        OptionError: the articulation is out of range.
    """

    main: ClassVar[tuple[str, ...]] = ("sound",)

    sound: Path
    person: Path
    fps: Fraction | None = None
    articulation: float = SpeakOptions.articulation

    def __post_init__(self) -> None:
        """Checks the options."""
        self._options(None)

    def results(self, name: str) -> tuple[str, ...]:
        """Returns the video's name."""
        return (f"{name}.mp4",)

    def make(self, folder: Path, name: str, studio: Studio) -> None:
        """Writes the video."""
        from obamanet.pipelines.speak import speak

        speak(
            self.sound, folder / f"{name}.mp4", studio.speaker(self.person), self._options(studio.key), studio.progress
        )

    def _options(self, key: SigningKey | None) -> SpeakOptions:
        return SpeakOptions(self.fps, key, articulation=self.articulation)


@dataclass(frozen=True)
class SayJob:
    """A video of a person who says a text, with its timelines.

    Attributes:
        person: folder of who speaks.
        text: the text; None where it is in a file.
        text_file: file of the text, UTF-8.
        language: as the other ones of :class:`text2face.say.SayOptions`.
        voice: who voices the text.
        rate: times the voice's usual rate.
        via: what moves the mouth.
        timelines: kinds of timelines that are also written: json, tsv, vtt.
        fps: as of :class:`SpeakJob`.
        articulation: as of :class:`SpeakJob`.

    Raises:
        ObamanetError: not one of text and file is given, or an option cannot be used.
    """

    main: ClassVar[tuple[str, ...]] = ("text", "text_file")

    person: Path
    text: str | None = None
    text_file: Path | None = None
    language: str = SayOptions.language
    voice: str = SayOptions.voice
    rate: float = SayOptions.rate
    via: MouthSource | None = None
    timelines: tuple[str, ...] = ()
    fps: Fraction | None = None
    articulation: float = SpeakOptions.articulation

    def __post_init__(self) -> None:
        """Checks the options."""
        if (self.text is None) == (self.text_file is None):
            raise OptionError("one of text and text_file is needed")
        choose_voice(self.voice, self.language, self.rate)
        check_timeline_names(self._options(Path(), "name", None).timelines)

    def results(self, name: str) -> tuple[str, ...]:
        """Returns the names of the video and of the timelines."""
        return (f"{name}.mp4", *(f"{name}.{suffix}" for suffix in self.timelines))

    def make(self, folder: Path, name: str, studio: Studio) -> None:
        """Writes the video and the timelines."""
        from text2face.say import say
        from text2face.voice.espeak import restart

        # Else the sound would depend on what this process has said before.
        restart()
        options = self._options(folder, name, studio.key)
        say(self._written(), folder / f"{name}.mp4", studio.speaker(self.person), options, studio.progress)

    def _options(self, folder: Path, name: str, key: SigningKey | None) -> SayOptions:
        timelines = tuple(folder / f"{name}.{suffix}" for suffix in self.timelines)
        speak = SpeakOptions(self.fps, key, articulation=self.articulation)
        return SayOptions(self.language, self.voice, self.rate, timelines, speak, self.via)

    def _written(self) -> str:
        if self.text_file is None:
            assert self.text is not None  # one of both is given
            return self.text
        try:
            return self.text_file.read_text("utf-8-sig")
        except UnicodeDecodeError as error:
            raise OptionError(
                f"text file is not UTF-8 ({error.reason} at byte {error.start}): {self.text_file}"
            ) from None
        except OSError as error:
            raise OptionError(f"text file cannot be read ({error.strerror}): {self.text_file}") from None


@dataclass(frozen=True)
class ReenactJob:
    """A video of a person who moves as the face in another video does.

    Attributes:
        driver: the video whose largest face is followed.
        person: folder of who is driven.
        only: what follows the driver.
        fps: frame rate; None for the driver's own.
        articulation: as of :class:`SpeakJob`.

    Raises:
        OptionError: the articulation is out of range.
    """

    main: ClassVar[tuple[str, ...]] = ("driver",)

    driver: Path
    person: Path
    only: DrivenPart = DrivenPart.HEAD
    fps: Fraction | None = None
    articulation: float = SpeakOptions.articulation

    def __post_init__(self) -> None:
        """Checks the options."""
        self._options(None)

    def results(self, name: str) -> tuple[str, ...]:
        """Returns the video's name."""
        return (f"{name}.mp4",)

    def make(self, folder: Path, name: str, studio: Studio) -> None:
        """Writes the video."""
        from obamanet.pipelines.reenact import reenact

        speaker, options = studio.speaker(self.person), self._options(studio.key)
        reenact(self.driver, folder / f"{name}.mp4", speaker, options, part=self.only, progress=studio.progress)

    def _options(self, key: SigningKey | None) -> SpeakOptions:
        return SpeakOptions(self.fps, key, articulation=self.articulation)


@dataclass(frozen=True)
class EvaluateJob:
    """The evaluation of generated videos against recordings: a folder with a report.

    Attributes:
        generated: a video, a folder of videos, or a CSV of pairs.
        reference: the recording, or a folder of recordings of the same names; None with a CSV.
        protocol: whose words are known.

    Raises:
        OptionError: evaluating is not installed.
    """

    main: ClassVar[tuple[str, ...]] = ("generated",)

    generated: Path
    reference: Path | None = None
    protocol: str = "grid_s1"

    def __post_init__(self) -> None:
        """Checks that the packages of evaluating are there."""
        if find_spec("jiwer") is None:
            raise OptionError("to evaluate is not installed: pip install 'obamanet[evaluate]'")

    def results(self, name: str) -> tuple[str, ...]:
        """Returns the folder's name."""
        return (name,)

    def make(self, folder: Path, name: str, studio: Studio) -> None:
        """Writes results.json, results.csv, report.html and side-by-side videos.

        Raises:
            EvaluationError: a clip could not be measured.
        """
        from obamanet.evaluation.evaluate import Subject, evaluate
        from obamanet.evaluation.pairing import find_pairs
        from obamanet.evaluation.protocol import load_protocol, with_words

        pairs = with_words(find_pairs(self.generated, self.reference), load_protocol(self.protocol))
        subject = Subject(f"{self.generated} against {self.reference}" if self.reference else str(self.generated))
        failures = evaluate(pairs, folder / name, subject, workers=1).failures
        if failures:
            raise EvaluationError(f"{failures[0].pair.name} could not be measured: {failures[0].reason}")


@dataclass(frozen=True)
class SwapJob:
    """A video or a picture with a face swapped by a trained model; the consent that it was trained with is the model's.

    Attributes:
        source: the video or the picture.
        model: folder of the model.
        direction: whose face is painted.
        parts: of the face that are swapped; the whole face where there are none.
        colour: as of :class:`obamanet.swap.swap_face.BlendOptions`.
        blend: as there.
        coverage: as there.
        feather: as there.
        enhance: as there.

    Raises:
        ObamanetError: swapping is not installed, the source is a folder, the model cannot be used, or an option is out
            of range.
    """

    main: ClassVar[tuple[str, ...]] = ("source",)

    source: Path
    model: Path
    direction: Direction = Direction.A_TO_B
    parts: tuple[str, ...] = ()
    colour: Colour = BlendOptions.colour
    blend: Blend = BlendOptions.blend
    coverage: float = BlendOptions.coverage
    feather: float = BlendOptions.feather
    enhance: float = BlendOptions.enhance

    def __post_init__(self) -> None:
        """Checks the model and the options."""
        if find_spec("filterpy") is None:
            raise OptionError("to swap faces is not installed: pip install 'obamanet[swap]'")
        if self.source.is_dir():
            raise OptionError(f"source is a folder, swap the pictures in it one by one: {self.source}")
        if unknown := set(self.parts) - set(Part):
            raise OptionError(f"parts must be of {', '.join(Part)}, got {', '.join(sorted(unknown))}")
        self._options()
        read_swap(self.model)

    def results(self, name: str) -> tuple[str, ...]:
        """Returns the video's or the picture's name."""
        return (f"{name}.png" if is_picture(self.source) else f"{name}.mp4",)

    def make(self, folder: Path, name: str, studio: Studio) -> None:
        """Writes the video or the picture, signed with the names of both persons."""
        from obamanet.swap.convert_faces import ConvertOptions, convert

        swapper, out = studio.swapper(self.model, self.direction), folder / self.results(name)[0]
        options = ConvertOptions(self._options(), key=studio.key)
        convert(self.source, out, swapper.model, self.direction, swapper, options, studio.progress)

    def _options(self) -> BlendOptions:
        parts = frozenset(map(Part, self.parts))
        return BlendOptions(self.colour, self.blend, self.coverage, self.feather, self.enhance, parts)


ListedWork = SpeakJob | SayJob | ReenactJob | SwapJob | EvaluateJob

KINDS: Final[dict[str, type[ListedWork]]] = {
    "speak": SpeakJob,
    "say": SayJob,
    "reenact": ReenactJob,
    "swap": SwapJob,
    "evaluate": EvaluateJob,
}
"""All kinds of jobs by name; a new one is a line here."""
