"""Prints how well a person speaks text: against recorded sentences, on ordinary prose by both roads, and by recordings.

    python benchmarks/text.py DATASET --align ../shared/data/grid_s1/align --split ../shared/data/grid_s1/split.json

DATASET is what ``obamanet prepare`` made of the recordings. Parts: ``recorded`` (held-out sentences with their true
times), ``prose`` (the keypoints of both roads on sentences_en.txt and sentences_es.txt), ``video`` (landmarks found
anew in painted frames of ``--videos`` of these for each road), ``recordings`` (real Spanish, in ``--speech``).

What is shown has lips that are shut, rounded and stilled by the text's times, so that keypoints held against these same
times say only that they were; such rows are marked. Painted frames tell whether it can be seen: raw landmarks are held
against the raw ones of recorded frames, steadied against steadied.
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
from obamanet.face.dlib_landmarker import DlibLandmarker
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


@dataclass(frozen=True)
class Said:
    """A sentence and its mouth by one road: ``held`` as it is shown, ``bare`` before lips are held to the text."""

    words: tuple[Word, ...]
    times: np.ndarray
    bare: np.ndarray
    held: np.ndarray


def main() -> int:
    """Print the tables."""
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
            said = [say_both(text, voice, person, poser, predictor) for text in texts]
            rows += measure_prose(language, said, person_gap)
        if "video" in arguments.parts:
            said = [say_both(text, voice, person, poser, predictor) for text in texts[: arguments.videos]]
            rows += measure_video(language, said, person, person_gap, raw_gap)
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
    """Compare the road of syllables, given the true text and times, and its baselines with dlib's raw landmarks."""
    poses, pca = poses_of(person), person.mouth.pca
    taught = [(piece, recorded_words(piece, align_folder, "en-gb", SPOKEN)) for piece in train]
    means, most, choice = syllable_means(taught, person)
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
            names[3]: np.repeat(pca.decode(poses.centres[most][None]), len(times), axis=0),
            names[4]: np.repeat(pca.mean.reshape(1, 20, 2), len(times), axis=0),
        }
        for name, mouth in mouths.items():
            distance = np.linalg.norm(to_pixel(mouth[keep], placement) - clip.raw[keep][:, MOUTH], axis=-1)
            errors[name].append(distance.ravel())
            openings[name].append(mouth_opening(mouth[keep]))
        true_openings.append(mouth_opening(truth))
        real = poses.nearest(pca.encode(steady.astype(np.float32)))
        right["network"].append(weights.argmax(axis=1)[keep] == real)
        right["per-syllable majority"].append(np.array([choice.get(label, most) for label in labels])[keep] == real)
        right["majority pose"].append(real == most)
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
    taught: Sequence[tuple[Piece, tuple[Word, ...]]], person: Person
) -> tuple[dict[str, np.ndarray], int, dict[str, int]]:
    """Return, from the training sentences, the mean mouth and the commonest pose of each syllable, "" for silence.

    In between, the commonest pose of all.
    """
    poses, mouths = poses_of(person), defaultdict(list)
    for piece, words in taught:
        canonical = _tracked(piece.clip.landmarks[piece.start : piece.stop], person)
        for mouth, time in zip(canonical, frame_times(piece.stop, person.fps)[piece.start :], strict=True):
            mouths[_label(words, float(time))].append(mouth)
    stacked = {label: np.stack(many).astype(np.float32) for label, many in mouths.items()}
    numbers = {label: poses.nearest(person.mouth.pca.encode(many)) for label, many in stacked.items()}
    most = int(np.bincount(np.concatenate(list(numbers.values()))).argmax())
    return (
        {label: many.mean(axis=0) for label, many in stacked.items()},
        most,
        {label: int(np.bincount(many).argmax()) for label, many in numbers.items()},
    )


def measure_prose(language: str, said: Sequence[dict[str, Said]], person_gap: float) -> list[Row]:
    """Compare the keypoints of both roads."""
    rows = []
    for name, kind in (("before lips are held to the text", "bare"), ("as shown", "held")):
        both = [[mouth_opening(getattr(one[road], kind)) for road in ("syllables", "audio")] for one in said]
        each = [correlation(a, b) for a, b in both]
        target = ">= 0.7" if kind == "held" else ""
        rows.append(
            Row(f"{language}: opening correlation of the roads, {name}, mean", float(np.mean(each)), "", target)
        )
        rows.append(Row(f"{language}: opening correlation of the roads, {name}, least", float(np.min(each))))
    for road in ("syllables", "audio"):
        for name, kind in (("before lips are held", "bare"), ("as shown", "held")):
            seen = Seen()
            for one in said:
                seen.add(one[road].words, one[road].times, getattr(one[road], kind))
            rows += seen.rows(f"{language}, via {road}, {name}", person_gap, placed=kind == "held")
    return rows


def measure_video(
    language: str, said: Sequence[dict[str, Said]], person: Person, person_gap: float, raw_gap: float
) -> list[Row]:
    """Paint the sentences and look for the landmarks anew; the gaps are the recorded vowels', steadied and raw."""
    landmarker, rows = DlibLandmarker(), []
    for road in ("syllables", "audio"):
        raw, steady, given = Seen(), Seen(), []
        for one in said:
            keypoints = CanonicalKeypoints(one[road].held, person.fps)
            track = track_face(render_squares(keypoints, person), landmarker)
            found = _tracked(track.raw, person, track.landmarks)
            raw.add(one[road].words, one[road].times, found)
            steady.add(one[road].words, one[road].times, _tracked(track.landmarks, person))
            seen = np.isfinite(found[:, 0, 0])
            given.append(correlation(mouth_opening(found[seen]), mouth_opening(one[road].held[seen])))
        rows += raw.rows(f"{language}, via {road}, in painted frames", raw_gap)
        rows += steady.rows(f"{language}, via {road}, in painted frames, steadied", person_gap)[:3]
        rows.append(
            Row(f"{language}, via {road}: opening painted against asked for, correlation", float(np.mean(given)))
        )
    return rows


def measure_recordings(
    speech: Path, person: Person, poser: Poser, predictor: Predictor, person_gap: float
) -> list[Row]:
    """Look at real voices: prompts with their text, aligned, and single syllables."""
    rows, roads = [], ("syllables", "audio")
    for folder, voice in PROMPTS.items():
        held: dict[str, Seen] = defaultdict(Seen)
        bare: dict[str, Seen] = defaultdict(Seen)
        for line in (speech / folder / "transcripts.tsv").read_text("utf-8").splitlines():
            name, text = line.split("\t")
            if not text.strip():
                continue
            said = _say_recording(_sound(speech / folder, name), text, voice, person, poser, predictor)
            for road, one in zip(roads, said, strict=True):
                held[road].add(one.words, one.times, one.held)
                bare[road].add(one.words, one.times, one.bare)
        for road in roads:
            rows += bare[road].rows(f"{folder}, via {road}, before lips are held", person_gap)[:3]
            rows += held[road].rows(f"{folder}, via {road}", person_gap, placed=True)
    opened: dict[str, list[float]] = defaultdict(list)
    for sound in sorted((speech / "klettres_es").glob("*.ogg")):
        for road, one in zip(
            roads, _say_recording(sound, sound.stem, PROMPTS["asterisk_es"], person, poser, predictor), strict=True
        ):
            opened[road].append(float(mouth_opening(one.held).max()))
    rest = float(mouth_opening(person.mouth.rest))
    for road in roads:
        gaps = np.array(opened[road])
        rows.append(
            Row(f"klettres_es, via {road}: most open, median", float(np.median(gaps)) / person_gap, "of the vowel gap")
        )
        rows.append(Row(f"klettres_es, via {road}: opens twice as far as at rest", float((gaps > 2 * rest).mean())))
    return rows


def say_both(text: str, voice: str, person: Person, poser: Poser, predictor: Predictor) -> dict[str, Said]:
    """Return ``text``, said by the synthetic voice ``voice``, by both roads."""
    speech = speak_timed(read_out(text, voice).text, voice)
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "said.wav"
        soundfile.write(wav, speech.clip.samples, speech.clip.rate, subtype="PCM_16")
        syllables, audio = _roads(speech, voice, wav, person, poser, predictor)
    return {"syllables": syllables, "audio": audio}


def _say_recording(
    sound: Path, text: str, voice: str, person: Person, poser: Poser, predictor: Predictor
) -> tuple[Said, Said]:
    recording = load_sound(sound, 22_050)
    speech = align(recording, speak_timed(read_out(text, voice).text, voice)).speech
    return _roads(speech, voice, sound, person, poser, predictor)


def _roads(
    speech: Speech, voice: str, sound: Path, person: Person, poser: Poser, predictor: Predictor
) -> tuple[Said, Said]:
    words = tuple(syllables_of(word, voice) for word in speech.words)
    heard = predictor.predict(load_features(sound, person)).points
    times = frame_times(len(heard), person.fps)
    read = poser.predict(words, 0, len(times))
    return (
        Said(words, times, read, _held(read, words, times, person)),
        Said(words, times, heard, _held(heard, words, times, person)),
    )


def _held(mouth: np.ndarray, words: Sequence[Word], times: np.ndarray, person: Person) -> np.ndarray:
    """Return ``mouth`` as it is shown, with lips held to the text's times."""
    track = MouthTrack(person)
    track.add(words, 0.0, float(times[-1]))
    return track.articulate(CanonicalKeypoints(mouth, person.fps)).points


def _tracked(points: np.ndarray, person: Person, landmarks: np.ndarray | None = None) -> np.ndarray:
    """Return the canonical mouth of ``points`` (T, 68, 2), placed by them or by other ``landmarks`` of that head."""
    place = place_head(points if landmarks is None else landmarks, person.mouth.head)
    return to_canonical(points, place)[:, MOUTH]


def _label(words: Sequence[Word], time: float) -> str:
    """Return the sounds of the syllable that is said at ``time``, "" for none."""
    for word in words:
        for syllable in word:
            if syllable.start <= time < syllable.end:
                return " ".join(sound.symbol for sound in syllable.phonemes)
    return ""


def _sound(folder: Path, name: str) -> Path:
    return next(iter(sorted(folder.glob(f"{name}.*"))), None) or sys.exit(f"no sound for {name}: {folder}")


SPANISH = "es-419"
PROMPTS = {"asterisk_es": SPANISH, "ljspeech": "en-us"}
"""Folders of recorded sentences with transcripts.tsv, and the voice that says the same."""

SPOKEN: dict[str, Speech] = {}
"""Texts that the voice has said before: GRID's sentences come again."""


if __name__ == "__main__":
    sys.exit(main())
