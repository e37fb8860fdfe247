"""Saves a trained poser in its person, with a card of its origin."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from obamanet.errors import DatasetError
from obamanet.export import export_networks
from obamanet.networks.config import PoserConfig
from obamanet.networks.weights import save_half
from obamanet.person import (
    POSER_FILE,
    Person,
    PoserCard,
    TextPart,
    edited_person,
    load_person,
    onnx_name,
    poses_of,
    save_card,
)
from obamanet.training.loop.log import logged
from obamanet.training.loop.runner import TrainReport, read_options
from text2face.mouth.pose_examples import EVERY_NINTH, prose


def save_poser(person: Person, report: TrainReport, sentences: int) -> Person:
    """Writes the best weights of a run into the person's folder, and returns the person reloaded.

    Args:
        person: the person.
        report: of the run.
        sentences: number of recorded training sentences, for the card.

    Raises:
        DatasetError: the run has no usable weights.
        obamanet.errors.OutputError: the folder cannot be written.
    """
    from obamanet.networks.pose_lstm import build_poser

    options = read_options(report.folder)
    config = PoserConfig(**options["poser"])
    network = build_poser(config)
    best = report.folder / "best.weights.h5"
    try:
        network.load_weights(best)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).partition("\n")[0]
        raise DatasetError(f"no usable weights: {best}: {reason}; train first") from None
    poser = _card(person, config, options, report, sentences)
    with edited_person(person.folder) as edited:
        complete = replace(edited, text=TextPart(poses_of(edited), poser))
        save_half(network, complete.poser_weights)
        (complete.folder / onnx_name(POSER_FILE)).unlink(missing_ok=True)
        export_networks(complete)
        save_card(complete)
    return load_person(person.folder)


def _card(
    person: Person, config: PoserConfig, options: dict[str, Any], report: TrainReport, sentences: int
) -> PoserCard:
    training = options["training"]
    languages = [str(language) for language in training["languages"]] if training["prose_share"] else []
    spoken = 0
    for language in languages:
        count = sum(1 for _ in prose(language))
        spoken += count - -(-count // EVERY_NINTH)
    prose_origin = f"{spoken} sentences of prose ({', '.join(languages)}) said by eSpeak NG, exact phoneme times"
    return PoserCard(
        config,
        # Of the poses it was trained for, which the person may have changed since.
        options["data"]["poses"],
        f"{sentences} recorded sentences ({person.origin.footage}): tracked mouths, word times refined to phonemes by "
        "alignment with eSpeak NG",
        f"{prose_origin}, mouths by this person's speech predictor as teacher" if languages else "nothing",
        _metrics(report),
    )


def _metrics(report: TrainReport) -> dict[str, float]:
    """Returns the validation metrics of the best weights; empty when the log cannot be read."""
    record = logged(report.folder, report.best_step)
    return {
        name: round(float(value), 4)
        for name, value in record.items()
        if name in ("step", "score") or name.endswith(("_error", "_opening_correlation"))
    }
