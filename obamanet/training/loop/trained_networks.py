"""Loads trained networks, of a run or a person, to start another training with or to assemble a person from."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from obamanet.audio.features import FeatureOptions
from obamanet.constants import LANDMARK_COUNT
from obamanet.errors import DatasetError, ObamanetError
from obamanet.files import DAMAGED
from obamanet.networks.config import GeneratorConfig, PredictorConfig
from obamanet.person import MOUTH_FILE, MouthModel, Person, load_mouth, load_person
from obamanet.timing import parse_rate
from obamanet.training.loop.runner import OPTIONS_FILE, read_options
from obamanet.types import RenderMode, SketchStyle


@dataclass(frozen=True)
class TrainedPredictor:
    """A trained predictor.

    Attributes:
        folder: the run or the person that it is from.
        config: sizes of the network.
        features: features that it takes.
        fps: video frames per second that it predicts.
        mouth: PCA, rest mouth, head and jaw of its face.
        weights: file of its weights.
        encoder: sha256 of the speech encoder before it; None for features without one.
        voices: description of the voices it was trained on.
        split: digest of the split it was trained on; None where that is not known, as for a person.
    """

    folder: Path
    config: PredictorConfig
    features: FeatureOptions
    fps: Fraction
    mouth: MouthModel
    weights: Path
    encoder: str | None = None
    voices: str = ""
    split: str | None = None

    @property
    def lookahead(self) -> float:
        """Seconds of sound after a frame that its prediction uses."""
        return float(self.config.delay / self.fps)


@dataclass(frozen=True)
class TrainedRenderer:
    """A trained renderer; ``folder``, ``config``, ``weights`` and ``split`` as in :class:`TrainedPredictor`.

    ``mode`` is how its output is put into the frame, None for a generator trained on pairs of pictures; ``sketch`` and
    ``landmark_count`` are those of :class:`obamanet.person.Person`.
    """

    folder: Path
    config: GeneratorConfig
    weights: Path
    mode: RenderMode | None = None
    split: str | None = None
    sketch: SketchStyle = SketchStyle.PARTS
    landmark_count: int = LANDMARK_COUNT


def trained_predictor(folder: Path) -> TrainedPredictor:
    """Returns the predictor of the run or person in ``folder``.

    Raises :class:`DatasetError` for a damaged run and :class:`obamanet.errors.PersonError` for a damaged person.
    """
    if (folder / OPTIONS_FILE).is_file():
        return run_predictor(folder)
    person = load_person(folder)
    speech = person.speech_part
    return TrainedPredictor(
        folder,
        speech.predictor,
        speech.features,
        person.fps,
        speech.mouth,
        _person_weights(person.predictor_weights),
        speech.encoder_digest,
    )


def trained_renderer(folder: Path) -> TrainedRenderer:
    """Returns the renderer of the run, trained on a dataset or on pictures, or of the person in ``folder``.

    Raises :class:`DatasetError` for a damaged run and :class:`obamanet.errors.PersonError` for a damaged person.
    """
    if (folder / OPTIONS_FILE).is_file():
        return run_renderer(folder)
    person: Person = load_person(folder)
    return TrainedRenderer(
        folder,
        person.generator,
        _person_weights(person.renderer_weights),
        person.mode,
        sketch=person.sketch,
        landmark_count=person.landmark_count,
    )


def run_predictor(run: Path, weights: str = "best") -> TrainedPredictor:
    """Returns the predictor trained in ``run``, its ``weights`` "best" or "last"; raises :class:`DatasetError`."""
    options = read_options(run)
    try:
        data: dict[str, Any] = options["data"]
        return TrainedPredictor(
            run,
            PredictorConfig(**options["predictor"]),
            FeatureOptions(**options["features"]),
            parse_rate(options["rates"]["fps"]),
            load_mouth(run / MOUTH_FILE),
            _weights(run, weights),
            data.get("encoder"),
            str(data.get("voices", "")),
            data.get("split"),
        )
    except DatasetError:
        raise
    except (*DAMAGED, ObamanetError) as error:
        raise DatasetError(f"not a predictor's training run: {run}: {error!r}") from error


def run_renderer(run: Path, weights: str = "best") -> TrainedRenderer:
    """Returns the renderer trained in ``run``, its ``weights`` "best" or "last"; raises :class:`DatasetError`."""
    options = read_options(run)
    try:
        render: dict[str, Any] = options.get("render", {})
        return TrainedRenderer(
            run,
            GeneratorConfig(**options["generator"]),
            _weights(run, weights),
            RenderMode(render["mode"]) if render else None,
            options.get("data", {}).get("split"),
            SketchStyle(render.get("sketch", SketchStyle.PARTS)),
            int(render.get("landmarks", LANDMARK_COUNT)),
        )
    except DatasetError:
        raise
    except (*DAMAGED, ObamanetError) as error:
        raise DatasetError(f"not a renderer's training run: {run}: {error!r}") from error


def load_weights(network: Any, path: Path) -> None:
    """Reads the weights at ``path`` into ``network``; raises :class:`DatasetError` when they do not fit."""
    try:
        network.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).partition("\n")[0]
        raise DatasetError(f"no usable weights: {path}: {reason}; train first") from error


def _person_weights(path: Path) -> Path:
    if not path.is_file():
        raise DatasetError(
            f"person has no training weights to start with: {path} is missing; "
            "those of the default person are in the source's checkpoints/grid_s1, not in the wheel"
        )
    return path


def _weights(run: Path, which: str) -> Path:
    path = run / f"{which}.weights.h5"
    if not path.is_file():
        raise DatasetError(f"no such weights: {path}; train first")
    return path
