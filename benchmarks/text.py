"""Prints how well a person speaks text: recorded sentences, prose from syllables and from sound, and recordings.

    python benchmarks/text.py DATASET --align ../shared/data/grid_s1/align --split ../shared/data/grid_s1/split.json

DATASET is what ``obamanet prepare`` made of the recordings. Parts: ``recorded`` (held-out sentences with their true
times), ``prose`` (keypoints predicted from syllables and from sound on sentences_en.txt and sentences_es.txt),
``video`` (landmarks tracked in painted frames of ``--videos`` of these), ``recordings`` (real Spanish, in
``--speech``).

In the shown keypoints lips are shut, round and at rest at the text's times, so that a comparison with the same times
shows nothing else; such rows are marked. Painted frames show whether it is visible: raw landmarks are compared with raw
ones of recorded frames, steadied with steadied.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import soundfile
from seen import Row, Seen

from obamanet.audio.load import load_sound
from obamanet.constants import MOUTH
from obamanet.evaluation.metrics import amplitude_ratio, correlation
from obamanet.face.landmark_models import Landmarks
from obamanet.face.landmarker import load_landmarker
from obamanet.face.track import track_face
from obamanet.inference.keypoint_predictor import Predictor
from obamanet.keypoints.head import place_head
from obamanet.keypoints.opening import mouth_opening
from obamanet.keypoints.placement import to_canonical, to_pixel
from obamanet.person import Person, load_person, poses_of
from obamanet.pipelines.speak import load_features, render_squares
from obamanet.progress import ConsoleProgress
from obamanet.timing import frame_times
from obamanet.training.data.dataset import Piece, load_dataset, split_dataset
from obamanet.types import CanonicalKeypoints
from text2face.mouth.mouth_track import MouthTrack
from text2face.mouth.pose_examples import recorded_words
from text2face.mouth.pose_features import Word
from text2face.mouth.pose_predictor import Poser
from text2face.syllables.timed import syllables_of
from text2face.text.normalise import read_out
from text2face.timed_speech import Speech
from text2face.voice.aligners import align
from text2face.voice.espeak import speak_timed

HERE = Path(__file__).resolve().parent

VOICES = {"en": "en-gb", "es": "es"}
"""Voice of the prose, by language."""


@dataclass(frozen=True)
class SpokenSentence:
    """A sentence with its predicted mouth: ``bare`` as predicted, ``held`` as shown, with lips held to the text."""

    words: tuple[Word, ...]
    times: np.ndarray
    bare: np.ndarray
    held: np.ndarray


def main() -> int:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--align", type=Path, required=True, help="word times: CLIP.align")
    parser.add_argument("--split", type=Path, required=True, help="JSON with lists of clip names")
    parser.add_argument("--side", default="val", help="which list of the split; test is for the final figure only")
    parser.add_argument("--person", type=Path, default=Path("checkpoints/grid_s1"))
    parser.add_argument("--parts", default="recorded,prose")
    parser.add_argument("--videos", type=int, default=5, help="sentences painted for each road and language")
    parser.add_argument("--speech", type=Path, help="folder with asterisk_es, ljspeech and klettres_es")
    parser.add_argument("--limit", type=int, help="look at so many sentences only")
    arguments = parser.parse_args()
    person, progress = load_person(arguments.person), ConsoleProgress()
    poser, predictor = Poser(person), Predictor(person)
    names = json.loads(arguments.split.read_text())[arguments.side][: arguments.limit]
    dataset = load_dataset(arguments.dataset)
    clips = [clip for clip in dataset.clips if clip.name in names]
    pieces = [Piece(clip, 0, len(clip.segment)) for clip in clips]
    timed = [recorded_words(piece, arguments.align, "en-gb") for piece in progress.track(pieces, "timing", len(pieces))]
    truth, raw_truth = Seen(), Seen()
    for piece, words in zip(pieces, timed, strict=True):
        clip, times = piece.clip, frame_times(piece.stop, person.fps)
        truth.add(words, times, _tracked(clip.landmarks, person))
        raw_truth.add(words, times, _tracked(clip.raw, person, clip.landmarks))
    person_gap, raw_gap = float(np.median(truth.vowels)), float(np.median(raw_truth.vowels))
    rows = truth.rows(f"recorded, {arguments.side}", person_gap)
    rows += raw_truth.rows(f"recorded, {arguments.side}, raw landmarks", raw_gap)[:3]
    if "recorded" in arguments.parts:
        train = split_dataset(dataset, split_file=arguments.split).train
        rows += measure_recorded(pieces, timed, train, arguments.align, person, poser)
    for language, voice in VOICES.items():
        texts = (HERE / f"sentences_{language}.txt").read_text("utf-8").splitlines()[: arguments.limit]
        if "prose" in arguments.parts:
            spoken = [say_both(text, voice, person, poser, predictor) for text in texts]
            rows += measure_prose(language, spoken, person_gap)
        if "video" in arguments.parts:
            spoken = [say_both(text, voice, person, poser, predictor) for text in texts[: arguments.videos]]
            rows += measure_video(language, spoken, person, person_gap, raw_gap)
    if "recordings" in arguments.parts:
        rows += measure_recordings(
            arguments.speech or sys.exit("--speech is needed"), person, poser, predictor, person_gap
        )
    sys.stdout.write("| figure | measured | target |\n|---|---|---|\n")
    for row in rows:
        sys.stdout.write(f"| {row.name} | {row.value:.3f} {row.unit} | {row.target} |\n")
    return 0


def measure_recorded(
    pieces: Sequence[Piece],
    timed: Sequence[tuple[Word, ...]],
    train: Sequence[Piece],
    align_folder: Path,
    person: Person,
    poser: Poser,
) -> list[Row]:
    """Compares the poser, given true text and times, and its baselines with the face mesh's raw landmarks."""
    poses, pca = poses_of(person), person.mouth.pca
    training = [(piece, recorded_words(piece, align_folder, "en-gb", VOICED)) for piece in train]
    means, majority, choice = syllable_means(training, person)
    names = ["network", "network, lips held", "per-syllable mean", "majority pose", "mean mouth"]
    errors: dict[str, list[np.ndarray]] = defaultdict(list)
    openings: dict[str, list[np.ndarray]] = defaultdict(list)
    right: dict[str, list[np.ndarray]] = defaultdict(list)
    true_openings = []
    for piece, words in zip(pieces, timed, strict=True):
        clip, times = piece.clip, frame_times(piece.stop, person.fps)
        keep = ~np.isnan(clip.raw[:, 0, 0]) & (clip.segment >= 0)
        placement = place_head(clip.landmarks[keep], person.mouth.head)
        truth = to_canonical(clip.raw[keep], placement)[:, MOUTH]
        steady = _tracked(clip.landmarks, person)[keep]
        weights = poser.weights(words, 0, len(times))
        network = pca.decode(poses.mixture(weights))
        labels = [_label(words, time) for time in times]
        mouths = {
            names[0]: network,
            names[1]: _held(network, words, times, person),
            names[2]: np.stack([means.get(label, means[""]) for label in labels]),
            names[3]: np.repeat(pca.decode(poses.centres[majority][None]), len(times), axis=0),
            names[4]: np.repeat(pca.mean.reshape(1, 20, 2), len(times), axis=0),
        }
        for name, mouth in mouths.items():
            distance = np.linalg.norm(to_pixel(mouth[keep], placement) - clip.raw[keep][:, MOUTH], axis=-1)
            errors[name].append(distance.ravel())
            openings[name].append(mouth_opening(mouth[keep]))
        true_openings.append(mouth_opening(truth))
        real = poses.nearest(pca.encode(steady.astype(np.float32)))
        right["network"].append(weights.argmax(axis=1)[keep] == real)
        right["per-syllable majority"].append(np.array([choice.get(label, majority) for label in labels])[keep] == real)
        right["majority pose"].append(real == majority)
    true = np.concatenate(true_openings)
    rows = []
    for name in names:
        target = "<= 1.15" if name.startswith("network") else ""
        rows.append(Row(f"recorded, {name}: mouth LMD", float(np.concatenate(errors[name]).mean()), "px", target))
    for name in names[:3]:
        target = ">= 0.78" if name.startswith("network") else ""
        opening = np.concatenate(openings[name])
        rows.append(Row(f"recorded, {name}: opening correlation", correlation(opening, true), "", target))
        rows.append(Row(f"recorded, {name}: opening amplitude", amplitude_ratio(opening, true), "of truth"))
    rows += [
        Row(f"recorded, {name}: pose accuracy", float(np.concatenate(hits).mean())) for name, hits in right.items()
    ]
    return rows


def syllable_means(
    training: Sequence[tuple[Piece, tuple[Word, ...]]], person: Person
) -> tuple[dict[str, np.ndarray], int, dict[str, int]]:
    """Computes the baselines from the training sentences.

    Returns:
        means: mean mouth (20, 2) of each syllable, "" for silence.
        majority: the most frequent pose.
        choice: the most frequent pose of each syllable.
    """
    poses, mouths = poses_of(person), defaultdict(list)
    for piece, words in training:
        canonical = _tracked(piece.landmarks, person)
        for mouth, time in zip(canonical, frame_times(piece.stop, person.fps)[piece.start :], strict=True):
            mouths[_label(words, float(time))].append(mouth)
    stacked = {label: np.stack(many).astype(np.float32) for label, many in mouths.items()}
    numbers = {label: poses.nearest(person.mouth.pca.encode(many)) for label, many in stacked.items()}
    majority = int(np.bincount(np.concatenate(list(numbers.values()))).argmax())
    return (
        {label: many.mean(axis=0) for label, many in stacked.items()},
        majority,
        {label: int(np.bincount(many).argmax()) for label, many in numbers.items()},
    )


def measure_prose(language: str, spoken: Sequence[dict[str, SpokenSentence]], person_gap: float) -> list[Row]:
    """Compares the keypoints predicted from syllables with those predicted from sound."""
    rows = []
    for name, kind in (("before lips are held to the text", "bare"), ("as shown", "held")):
        both = [[mouth_opening(getattr(one[source], kind)) for source in SOURCES] for one in spoken]
        each = [correlation(a, b) for a, b in both]
        target = ">= 0.7" if kind == "held" else ""
        rows.append(
            Row(f"{language}: opening correlation of the roads, {name}, mean", float(np.mean(each)), "", target)
        )
        rows.append(Row(f"{language}: opening correlation of the roads, {name}, least", float(np.min(each))))
    for source in SOURCES:
        for name, kind in (("before lips are held", "bare"), ("as shown", "held")):
            seen = Seen()
            for one in spoken:
                seen.add(one[source].words, one[source].times, getattr(one[source], kind))
            rows += seen.rows(f"{language}, via {source}, {name}", person_gap, placed=kind == "held")
    return rows


def measure_video(
    language: str, spoken: Sequence[dict[str, SpokenSentence]], person: Person, person_gap: float, raw_gap: float
) -> list[Row]:
    """Paints the sentences and track the landmarks; the gaps are the recorded vowels', steadied and raw."""
    landmarker, rows = load_landmarker(Landmarks.MESH), []
    for source in SOURCES:
        raw, steady, painted = Seen(), Seen(), []
        for one in spoken:
            keypoints = CanonicalKeypoints(one[source].held, person.fps)
            track = track_face(render_squares(keypoints, person), landmarker)
            found = _tracked(track.raw, person, track.landmarks)
            raw.add(one[source].words, one[source].times, found)
            steady.add(one[source].words, one[source].times, _tracked(track.landmarks, person))
            has_face = np.isfinite(found[:, 0, 0])
            painted.append(correlation(mouth_opening(found[has_face]), mouth_opening(one[source].held[has_face])))
        rows += raw.rows(f"{language}, via {source}, in painted frames", raw_gap)
        rows += steady.rows(f"{language}, via {source}, in painted frames, steadied", person_gap)[:3]
        rows.append(
            Row(f"{language}, via {source}: opening painted against asked for, correlation", float(np.mean(painted)))
        )
    return rows


def measure_recordings(
    speech: Path, person: Person, poser: Poser, predictor: Predictor, person_gap: float
) -> list[Row]:
    """Measures real voices: prompts aligned with their text, and single syllables."""
    rows = []
    for folder, voice in PROMPTS.items():
        held: dict[str, Seen] = defaultdict(Seen)
        bare: dict[str, Seen] = defaultdict(Seen)
        for line in (speech / folder / "transcripts.tsv").read_text("utf-8").splitlines():
            name, text = line.split("\t")
            if not text.strip():
                continue
            spoken = _say_recording(_sound(speech / folder, name), text, voice, person, poser, predictor)
            for source, one in spoken.items():
                held[source].add(one.words, one.times, one.held)
                bare[source].add(one.words, one.times, one.bare)
        for source in SOURCES:
            rows += bare[source].rows(f"{folder}, via {source}, before lips are held", person_gap)[:3]
            rows += held[source].rows(f"{folder}, via {source}", person_gap, placed=True)
    opened: dict[str, list[float]] = defaultdict(list)
    for sound in sorted((speech / "klettres_es").glob("*.ogg")):
        spoken = _say_recording(sound, sound.stem, PROMPTS["asterisk_es"], person, poser, predictor)
        for source, one in spoken.items():
            opened[source].append(float(mouth_opening(one.held).max()))
    rest = float(mouth_opening(person.mouth.rest))
    for source in SOURCES:
        gaps = np.array(opened[source])
        widest = float(np.median(gaps)) / person_gap
        rows.append(Row(f"klettres_es, via {source}: most open, median", widest, "of the vowel gap"))
        rows.append(Row(f"klettres_es, via {source}: opens twice as far as at rest", float((gaps > 2 * rest).mean())))
    return rows


def say_both(text: str, voice: str, person: Person, poser: Poser, predictor: Predictor) -> dict[str, SpokenSentence]:
    """Returns ``text``, spoken by a synthetic ``voice``, with the mouth predicted from each of SOURCES."""
    speech = speak_timed(read_out(text, voice).text, voice)
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "speech.wav"
        soundfile.write(wav, speech.clip.samples, speech.clip.rate, subtype="PCM_16")
        return _predict(speech, voice, wav, person, poser, predictor)


def _say_recording(
    sound: Path, text: str, voice: str, person: Person, poser: Poser, predictor: Predictor
) -> dict[str, SpokenSentence]:
    recording = load_sound(sound, 22_050)
    speech = align(recording, speak_timed(read_out(text, voice).text, voice)).speech
    return _predict(speech, voice, sound, person, poser, predictor)


def _predict(
    speech: Speech, voice: str, sound: Path, person: Person, poser: Poser, predictor: Predictor
) -> dict[str, SpokenSentence]:
    words = tuple(syllables_of(word, voice) for word in speech.words)
    from_audio = predictor.predict(load_features(sound, person)).points
    times = frame_times(len(from_audio), person.fps)
    from_syllables = poser.predict(words, 0, len(times))
    return {
        source: SpokenSentence(words, times, mouth, _held(mouth, words, times, person))
        for source, mouth in zip(SOURCES, (from_syllables, from_audio), strict=True)
    }


def _held(mouth: np.ndarray, words: Sequence[Word], times: np.ndarray, person: Person) -> np.ndarray:
    """Returns ``mouth`` as it is shown, with lips held to the text's times."""
    track = MouthTrack(person)
    track.add(words, 0.0, float(times[-1]))
    return track.articulate(CanonicalKeypoints(mouth, person.fps)).points


def _tracked(points: np.ndarray, person: Person, landmarks: np.ndarray | None = None) -> np.ndarray:
    """Returns the canonical keypoints of ``points`` (T, 68, 2), placed by them or by other ``landmarks``."""
    place = place_head(points if landmarks is None else landmarks, person.mouth.head)
    return to_canonical(points, place)[:, MOUTH]


def _label(words: Sequence[Word], time: float) -> str:
    """Returns the phonemes of the syllable at ``time``, "" for none."""
    for word in words:
        for syllable in word:
            if syllable.start <= time < syllable.end:
                return " ".join(sound.symbol for sound in syllable.phonemes)
    return ""


def _sound(folder: Path, name: str) -> Path:
    return next(iter(sorted(folder.glob(f"{name}.*"))), None) or sys.exit(f"no sound for {name}: {folder}")


SPANISH = "es-419"
PROMPTS = {"asterisk_es": SPANISH, "ljspeech": "en-us"}
"""Folders of recorded sentences with transcripts.tsv, and the voice for their alignment."""

SOURCES = ("syllables", "audio")
"""What the mouth is predicted from."""

VOICED: dict[str, Speech] = {}
"""Cache of texts that the voice has spoken, as GRID's sentences are repeated."""


if __name__ == "__main__":
    sys.exit(main())
