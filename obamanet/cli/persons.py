"""Where persons are found, and what the commands say about them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from obamanet.about import default_person_folder
from obamanet.errors import PersonError

if TYPE_CHECKING:
    from obamanet.keypoints.mouth_poses import MouthPoses
    from obamanet.person import Person

CARD = "person.json"
"""The file that makes a folder a person; obamanet.person says the same, but importing that takes a second."""


def find_person(given: Path | None) -> Path:
    """Return the person's folder: ``given``, the one inside the dataset ``given``, or else the default person.

    Raises :class:`PersonError` when there is none.
    """
    if given is None:
        default = default_person_folder()
        if not (default / CARD).is_file():
            raise PersonError(f"the default person is not there: {default}; name another one with --person DIR")
        return default
    inside = given / "person"
    if not (given / CARD).is_file() and (inside / CARD).is_file():
        return inside
    if not given.is_dir():
        raise PersonError(f"no such person folder: {given}")
    if not (given / CARD).is_file():
        trained = "; train its keypoints and its renderer first" if (given / "dataset.json").is_file() else ""
        raise PersonError(f"not a person: {given} has no {CARD}{trained}")
    return given


def find_start(given: Path) -> Path:
    """Return the folder of what a training is to begin with: ``given`` if it is a run, else as :func:`find_person`."""
    from obamanet.training.loop.runner import OPTIONS_FILE

    return given if (given / OPTIONS_FILE).is_file() else find_person(given)


def in_words(poses: MouthPoses | None) -> str:
    """Return a line on a person's mouth poses."""
    if poses is None:
        return "none; obamanet poses finds them in the footage"
    return f"{poses.count}, of {poses.counts.sum()} frames; k-means on {poses.variance:.0%} of the mouth's movement"


def _speech_in_words(person: Person) -> str:
    if person.speech is None:
        return "none; obamanet train keypoints learns it"
    network = person.speech.predictor
    form = "bidirectional" if network.bidirectional else f"{float(network.delay / person.fps):.2g} s look-ahead"
    return f"{network.layers} LSTM layers of {network.units}, {form}, {person.speech.features.kind}"


def describe(person: Person) -> list[str]:
    """Return the person's card as lines for people."""
    size = person.image_size
    lines = {
        "name": person.name,
        "folder": person.folder,
        "rendering": f"{person.mode.value}, {size}x{size} pixels, generator width {person.generator.width}",
        "frame rate": f"{person.fps} fps",
        "speech": _speech_in_words(person),
        "reference": f"{float(len(person.reference.points) / person.reference.fps):.1f} s of head movement",
        "voices": person.speech.voices if person.speech and person.speech.voices else "not told",
        "mouth poses": in_words(person.poses),
        "syllables": f"{person.poser.recorded}; {person.poser.spoken}" if person.poser else "not learned",
        "footage": person.origin.footage,
        "licence": person.origin.licence,
        "attribution": person.origin.attribution,
        "consent": person.origin.consent,
    }
    told = [f"{name}: {value}" for name, value in lines.items()]
    return told + [f"measured {name}: {value:.4g}" for name, value in person.metrics.items()]
