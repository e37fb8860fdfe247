"""A person on the command line: checked, and its card shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from obamanet.cli.declare import command
from obamanet.cli.persons import find_person

if TYPE_CHECKING:
    from obamanet.keypoints.mouth_poses import MouthPoses
    from obamanet.person import Person


@command("me")
def person_verb(
    *,
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIR",
            help="A person's folder, or the dataset folder it was trained in.",
            show_default="the default person",
        ),
    ] = None,
) -> None:
    """Check a person and show its card: sizes, origin, licence, consent, figures."""
    from obamanet.person import load_person

    print("\n".join(describe(load_person(find_person(folder)))), flush=True)


def in_words(poses: MouthPoses | None) -> str:
    """Returns a line on a person's mouth poses."""
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
    """Returns the person's card as lines for people."""
    size, config = person.image_size, person.generator
    lines = {
        "name": person.name,
        "folder": person.folder,
        "rendering": f"{person.mode.value}, {size}x{size} pixels, generator width {config.width}, fold {config.fold}",
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
