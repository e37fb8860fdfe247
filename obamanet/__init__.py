"""ObamaNet: a sound file in, a video of a face that says it out.

What a program needs of it is here; everything else is for the project itself. Nothing is loaded before it is used, so
``import obamanet`` takes no time.

    from pathlib import Path
    from obamanet import SpeakOptions, default_person_folder, load_person, parse_rate, speak

    person = load_person(default_person_folder())
    video = speak(Path("speech.wav"), Path("talk.mp4"), person, SpeakOptions(fps=parse_rate("29.97")))

Speaking:   :func:`default_person_folder`, :func:`load_person`, :func:`speak`, :func:`dub`, :class:`SpeakOptions`,
            :func:`parse_rate`; :class:`Speaker`, a person loaded for many calls, and :class:`Engine`, what runs its
            networks; :class:`KeypointStream`, for sound that is still coming
Moving:     :func:`reenact`
A person:   :func:`prepare`, :func:`load_dataset`, :func:`split_dataset`, :func:`train_keypoints`,
            :class:`KeypointOptions`, :func:`train_renderer`, :class:`RenderMode`, :class:`GeneratorConfig`,
            :class:`TrainOptions`, :class:`Limits`, :func:`assemble_person`, :class:`Origin`; to begin with another's
            networks :func:`trained_predictor`, :func:`start_weights`, :func:`trained_renderer`; all of it in one for a
            person that another drives: :func:`make_puppet`
What is in
a video:    :func:`verify_video`
Forgetting: :func:`find_traces`, :func:`erase`
Throughout: :class:`ObamanetError`, which everything bad input can cause is; :class:`ConsoleProgress`, a progress bar
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from obamanet.about import VERSION as __version__
from obamanet.errors import ObamanetError

if TYPE_CHECKING:
    from obamanet.about import default_person_folder
    from obamanet.assemble import assemble_person
    from obamanet.engine.formats import Engine
    from obamanet.erasure.erase import erase
    from obamanet.erasure.find import find_traces
    from obamanet.inference.speaker import Speaker
    from obamanet.inference.streaming import KeypointStream
    from obamanet.networks.config import GeneratorConfig
    from obamanet.person import Origin, Person, load_person
    from obamanet.pipelines.dub import DubbedVideo, dub
    from obamanet.pipelines.puppet import make_puppet
    from obamanet.pipelines.reenact import reenact
    from obamanet.pipelines.speak import SpeakOptions, SpokenVideo, speak
    from obamanet.progress import ConsoleProgress
    from obamanet.provenance import verify_video
    from obamanet.timing import parse_rate
    from obamanet.training.data.dataset import load_dataset, split_dataset
    from obamanet.training.data.prepare import prepare
    from obamanet.training.loop.runner import Limits
    from obamanet.training.loop.trained_networks import trained_predictor, trained_renderer
    from obamanet.training.renderer.pix2pix_training import TrainOptions
    from obamanet.training.renderer.renderer_training import train_renderer
    from obamanet.training.speech.keypoint_training import KeypointOptions, start_weights, train_keypoints
    from obamanet.types import RenderMode

_HOMES = {
    "ConsoleProgress": "progress",
    "GeneratorConfig": "networks.config",
    "DubbedVideo": "pipelines.dub",
    "Engine": "engine.formats",
    "KeypointOptions": "training.speech.keypoint_training",
    "KeypointStream": "inference.streaming",
    "Limits": "training.loop.runner",
    "Origin": "person",
    "Person": "person",
    "RenderMode": "types",
    "SpeakOptions": "pipelines.speak",
    "Speaker": "inference.speaker",
    "SpokenVideo": "pipelines.speak",
    "TrainOptions": "training.renderer.pix2pix_training",
    "assemble_person": "assemble",
    "erase": "erasure.erase",
    "find_traces": "erasure.find",
    "dub": "pipelines.dub",
    "default_person_folder": "about",
    "start_weights": "training.speech.keypoint_training",
    "load_dataset": "training.data.dataset",
    "load_person": "person",
    "make_puppet": "pipelines.puppet",
    "parse_rate": "timing",
    "prepare": "training.data.prepare",
    "reenact": "pipelines.reenact",
    "speak": "pipelines.speak",
    "split_dataset": "training.data.dataset",
    "train_keypoints": "training.speech.keypoint_training",
    "train_renderer": "training.renderer.renderer_training",
    "trained_predictor": "training.loop.trained_networks",
    "trained_renderer": "training.loop.trained_networks",
    "verify_video": "provenance",
}
"""The module of each public name; a test holds this against the imports above."""

__all__ = [
    "ConsoleProgress",
    "DubbedVideo",
    "Engine",
    "GeneratorConfig",
    "KeypointOptions",
    "KeypointStream",
    "Limits",
    "ObamanetError",
    "Origin",
    "Person",
    "RenderMode",
    "SpeakOptions",
    "Speaker",
    "SpokenVideo",
    "TrainOptions",
    "__version__",
    "assemble_person",
    "default_person_folder",
    "dub",
    "erase",
    "find_traces",
    "load_dataset",
    "load_person",
    "make_puppet",
    "parse_rate",
    "prepare",
    "reenact",
    "speak",
    "split_dataset",
    "start_weights",
    "train_keypoints",
    "train_renderer",
    "trained_predictor",
    "trained_renderer",
    "verify_video",
]


def __getattr__(name: str) -> Any:
    """Returns the public ``name``, loading its module on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Returns every public name, loaded or not."""
    return sorted({*globals(), *_HOMES})
