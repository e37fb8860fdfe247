"""Prints how well a person's predictor works on voices, rooms and noises that it was not trained on.

    python benchmarks/voices.py DATASET --data ../shared/data --side test --painted 15 --music MUSIC --noise NOISE

DATASET is what ``obamanet prepare`` made of GRID talker s1; ``--data`` holds grid_s1, grid_other and speech. Predicted
keypoints are compared with the true ones of the same sound, in canonical units.

White and pink noise and made music are of the kinds in the training, and the rows say so. MUSIC and NOISE are folders
of recordings that are not in it; benchmarks/README.md says which packages have some, and under which licences.

Lips are shut where their gap is below a quarter of the median vowel's in the recordings, tracked in the same way: raw
landmarks of painted frames are compared with raw ones of recorded frames, and steadied with steadied. True closures are
those of text2face.mouth.lip_times, from phoneme times given by synthetic voices or by alignment.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from seen import Seen

from obamanet.audio.augment.line import mp3, telephone
from obamanet.audio.augment.music import music
from obamanet.audio.augment.noise import add_noise, babble, pink_noise, white_noise
from obamanet.audio.features import FeatureOptions, extract_features
from obamanet.audio.load import load_sound
from obamanet.constants import MOUTH, SAMPLE_RATE
from obamanet.evaluation.judges.own_syncnet import OwnSyncNet
from obamanet.evaluation.metrics import amplitude_ratio, correlation
from obamanet.evaluation.statistics import (
    Interval,
    block_correlation,
    bootstrap_mean,
    mean_block_correlation,
)
from obamanet.evaluation.sync import find_offset, lag_curve, sound_steps
from obamanet.evaluation.tracks import Tracker
from obamanet.face.landmark_models import Landmarks
from obamanet.face.landmarker import load_landmarker
from obamanet.face.track import track_face
from obamanet.inference.keypoint_predictor import Predictor
from obamanet.keypoints.head import place_head
from obamanet.keypoints.opening import mouth_opening
from obamanet.keypoints.placement import to_canonical
from obamanet.person import Person, load_person
from obamanet.pipelines.speak import render_squares
from obamanet.timing import frame_times
from obamanet.training.data.dataset import Clip, load_dataset
from obamanet.training.data.synthetic_voices import transfer_keypoints
from obamanet.training.data.word_times import GRID_LETTERS
from obamanet.training.encoder.mixtures import find_sounds
from obamanet.training.judges.grid_grammar import words_of_name
from obamanet.types import AudioClip, CanonicalKeypoints
from text2face.mouth.pose_features import Word
from text2face.syllables.timed import syllables_of
from text2face.text.normalise import read_out
from text2face.timed_speech import Speech
from text2face.voice.aligners import align
from text2face.voice.espeak import speak_timed
from text2face.voice_augmentation import (
    HELD_FOR_CHOOSING,
    HELD_FOR_MEASURING,
    SpeakingStyle,
    at_sample_rate,
    resynthesise,
    say_timed,
)

BLOCK = 12
"""Frames per block of the bootstrap over a talker's frames: half a second, two or three syllables."""

MAX_LAG = 5
"""Maximum lag of the predicted mouth against the true one, in frames."""

CEILING_PAIRS = 8
"""Number of mouths assembled from other recordings for each sentence."""

LANGUAGES = {"ljspeech": "en-us", "asterisk_es": "es-419"}
"""Accents for the alignment of recordings without pictures."""

ACCENTS = {"en": "en-gb", "es": "es"}
"""Accents of the benchmarks' prose by language; none of its sentences is in any training."""

PARTS = ("sounds", "stillness", "lips", "talkers", "speech", "cost")
"""Tables: sounds against right lips, no speech, closures, other talkers, voices without pictures, time taken."""

HERE = Path(__file__).resolve().parent

SECONDS = 20
"""Length of silence, noise and music, in seconds."""

IN_TRAINING = "of the kind it was taught"
"""Label of sounds made by a generator of the training, with other random numbers."""


@dataclass(frozen=True)
class Mouth:
    """The true opening (T,) of a mouth at ``fps``, with its sound (N,) at 16 kHz and the spoken words."""

    opening: np.ndarray
    sound: np.ndarray
    words: tuple[str, ...]
    fps: float


def main() -> None:
    """Reads the command line, measure, print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--side", choices=("val", "test"), default="val")
    parser.add_argument("--person", type=Path, default=Path("checkpoints/grid_s1"))
    parser.add_argument("--painted", type=int, default=0, help="sounds of each kind to paint and look at")
    parser.add_argument("--music", type=Path, help="folder of recorded music without singing")
    parser.add_argument("--noise", type=Path, help="folder of recorded noise without voices")
    parser.add_argument("--parts", default=",".join(PARTS), help="which tables to print")
    given = parser.parse_args()
    parts, testing = given.parts.split(","), given.side == "test"
    if not set(parts) <= set(PARTS):
        parser.error(f"--parts are of {','.join(PARTS)}: got {given.parts}")
    person = load_person(given.person)
    talker = Talker(person)
    names = json.loads((given.data / "grid_s1" / "split.json").read_text(encoding="utf-8"))
    clips = {clip.name: clip for clip in load_dataset(given.dataset).clips if (clip.segment == 0).all()}
    these = [clips[name] for name in names[given.side] if name in clips]
    own = [recorded(clip, person) for clip in these]
    recorded_sounds = {
        kind: recordings(folder) for kind, folder in (("noise", given.noise), ("music", given.music)) if folder
    }
    held = HELD_FOR_MEASURING if testing else HELD_FOR_CHOOSING
    train_words, speech = [words_of_name(name) for name in names["train"]], given.data / "speech"
    print(f"\n{given.side} split, {len(own)} sentences, person {given.person}\n")
    print(f"{shared_words('These sentences', [mouth.words for mouth in own], train_words)}\n")
    if "sounds" in parts:
        print("| sound | opening correlation | amplitude | sync, frames |\n|---|---|---|---|")
        clean = report("own voice", own, [mouth.sound for mouth in own], talker)
        voices(own, talker, held)
        augmentations(own, talker, sorted((speech / "ljspeech").glob("*.wav")), recorded_sounds, clean)
    if "stillness" in parts:
        stillness(own, talker, recorded_sounds)
    if "lips" in parts:
        labials(these, speech if testing else None, held, talker, given.painted)
    if "talkers" in parts and testing:
        training = [recorded(clips[name], person) for name in names["train"] if name in clips]
        others(own, training, given.data / "grid_other", talker, train_words)
    if "speech" in parts and testing:
        foreign(speech, talker)
    if "cost" in parts:
        cost(own, talker)


def recorded(clip: Clip, person: Person) -> Mouth:
    """Returns the true mouth of a prepared clip."""
    assert clip.sound is not None
    canonical = to_canonical(clip.landmarks, place_head(clip.landmarks, person.mouth.head))
    opening = mouth_opening(canonical[:, MOUTH])
    return Mouth(opening, load_sound(clip.sound).samples, words_of_name(clip.name), float(person.fps))


@dataclass(frozen=True)
class Tracked:
    """A mouth tracked in pictures, canonical, (T, 20, 2) each: ``raw``, and ``steady``, averaged in time."""

    raw: np.ndarray
    steady: np.ndarray


def tracked(raw: np.ndarray, landmarks: np.ndarray, person: Person) -> Tracked:
    """Returns the mouths of the ``raw`` and of the steadied ``landmarks`` (T, 68, 2), placed by the latter."""
    place = place_head(landmarks, person.mouth.head)
    return Tracked(*(to_canonical(points, place)[:, MOUTH] for points in (raw, landmarks)))


class Talker:
    """Predicts the person's mouth from samples, with its networks loaded."""

    def __init__(self, person: Person) -> None:
        self.person, self._predictor = person, Predictor(person)
        self._landmarker = load_landmarker(Landmarks.MESH)

    def say(self, sound: np.ndarray) -> np.ndarray:
        """Returns the mouth (T, 20, 2) for ``sound`` (N,) at 16 kHz."""
        features = extract_features(AudioClip(sound, SAMPLE_RATE), self.person.features)
        return self._predictor.predict(features).points

    def painted(self, mouth: np.ndarray) -> Tracked:
        """Returns ``mouth`` (T, 20, 2) as tracked in the painted frames, NaN where no face is found."""
        keypoints = CanonicalKeypoints(mouth, self.person.fps)
        track = track_face(render_squares(keypoints, self.person), self._landmarker)
        return tracked(track.raw, track.landmarks, self.person)


def report(name: str, mouths: Sequence[Mouth], sounds: Sequence[np.ndarray], talker: Talker) -> float:
    """Prints the row of ``sounds`` against the true ``mouths``; returns the correlation over all frames."""
    predicted, true = [], []
    for mouth, sound in zip(mouths, sounds, strict=True):
        opening = mouth_opening(talker.say(sound))
        count = min(len(opening), len(mouth.opening))
        predicted.append(opening[:count])
        true.append(mouth.opening[:count])
    whole = correlation(np.concatenate(predicted), np.concatenate(true))
    amplitude = amplitude_ratio(np.concatenate(predicted), np.concatenate(true))
    print(f"| {name} | {whole:.3f} | {amplitude:.2f} | {lag(predicted, true):+.2f} |", flush=True)
    return whole


def lag(predicted: Sequence[np.ndarray], true: Sequence[np.ndarray]) -> float:
    """Returns the lag in frames of the ``predicted`` openings against the ``true`` ones, by cross-correlation."""
    values = []
    for shift in range(-MAX_LAG, MAX_LAG + 1):
        pairs = [(a[max(0, shift) :], b[max(0, -shift) :]) for a, b in zip(predicted, true, strict=True)]
        pairs = [(a[: len(b)], b[: len(a)]) for a, b in pairs]
        values.append(correlation(*(np.concatenate(side) for side in zip(*pairs, strict=True))))
    best = int(np.argmax(values))
    if not 0 < best < len(values) - 1:
        return float(best - MAX_LAG)
    before, top, after = values[best - 1 : best + 2]
    return best - MAX_LAG + 0.5 * (before - after) / (before - 2 * top + after)


def voices(own: Sequence[Mouth], talker: Talker, named: Sequence[str]) -> None:
    """Prints a row per synthetic voice that is in no training, against the recorded lips transferred to its sound."""
    values = []
    for voice in named:
        mouths, sounds = [], []
        for mouth in own:
            clip, times = resynthesise(
                AudioClip(mouth.sound, SAMPLE_RATE), spelled(mouth.words), SpeakingStyle(voice), "en-gb"
            )
            count = int(len(clip.samples) / SAMPLE_RATE * mouth.fps)
            opening = transfer_keypoints(mouth.opening[:, None, None], mouth.fps, times, count)[:, 0, 0]
            mouths.append(Mouth(opening, clip.samples, mouth.words, mouth.fps))
            sounds.append(clip.samples)
        values.append(report(f"synthetic, never trained on: {voice}", mouths, sounds, talker))
    print(f"| mean of these {len(values)} | {np.mean(values):.3f} | | |")


def recordings(folder: Path) -> dict[str, np.ndarray]:
    """Returns the sounds (N,) at 16 kHz in and below ``folder`` by name, those of a second or longer."""
    (paths,) = find_sounds([folder])
    sounds = {path.stem: load_sound(path).samples for path in paths}
    return {name: sound for name, sound in sounds.items() if len(sound) >= SAMPLE_RATE and sound.any()}


def stretch(sounds: Sequence[np.ndarray], random: np.random.Generator, length: int) -> np.ndarray:
    """Returns ``length`` samples of one of ``sounds`` from a random start, repeated where it is shorter."""
    sound = sounds[int(random.integers(len(sounds)))]
    return np.resize(np.roll(sound, -int(random.integers(len(sound)))), length)


def augmentations(
    own: Sequence[Mouth],
    talker: Talker,
    speech: Sequence[Path],
    recorded_sounds: Mapping[str, Mapping[str, np.ndarray]],
    clean: float,
) -> None:
    """Prints the rows of the own voice with noise and over lines, and their differences from ``clean``."""
    others = [load_sound(path).samples for path in speech]
    random = np.random.default_rng(1)
    changed = {
        "babble of LJ Speech at 10 dB": lambda x: add_noise(x, babble(others, random, len(x)), 10.0),
        f"white noise at 10 dB, {IN_TRAINING}": lambda x: add_noise(x, white_noise(random, len(x)), 10.0),
        f"made music at 10 dB, {IN_TRAINING}": lambda x: add_noise(x, music(random, len(x)), 10.0),
        f"telephone, {IN_TRAINING}": telephone,
        f"MP3, 64 kbit/s, {IN_TRAINING}": lambda x: mp3(x, 64),
        f"MP3, 16 kbit/s, {IN_TRAINING}": lambda x: mp3(x, 16),
    }
    for kind, named in recorded_sounds.items():
        sounds = list(named.values())
        # The default binds the sounds of this iteration.
        changed[f"recorded {kind} at 10 dB"] = lambda x, sounds=sounds: add_noise(
            x, stretch(sounds, random, len(x)), 10.0
        )
    for name, change in changed.items():
        value = report(f"own voice, {name}", own, [change(mouth.sound) for mouth in own], talker)
        print(f"| &nbsp; change against clean | {value - clean:+.3f} | | |")


def stillness(own: Sequence[Mouth], talker: Talker, recorded_sounds: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """Prints the movement of the mouth without speech, relative to that in speech."""
    random = np.random.default_rng(2)
    length = SECONDS * SAMPLE_RATE
    speaking = np.mean([motion(talker.say(mouth.sound)) for mouth in own])

    def moved(sound: np.ndarray) -> float:
        return float(100 * motion(talker.say(sound)) / speaking)

    silences = {
        "digital silence": np.zeros(length, np.float32),
        f"room noise at -60 dBFS, {IN_TRAINING}": (10**-3 * random.normal(size=length)).astype(np.float32),
        f"white noise, {IN_TRAINING}": white_noise(random, length),
        f"pink noise, {IN_TRAINING}": pink_noise(random, length),
    } | {f"made music {number}, {IN_TRAINING}": music(random, length) for number in range(1, 6)}
    print("\n| without speech | motion against speech's |\n|---|---|")
    for name, sound in silences.items():
        print(f"| {name} | {moved(sound):.1f} % |", flush=True)
    for kind, named in recorded_sounds.items():
        # From the middle, as music starts and ends softly.
        middles = {name: sound[max(0, (len(sound) - length) // 2) :][:length] for name, sound in named.items()}
        values = {name: moved(sound) for name, sound in middles.items()}
        largest = max(values, key=lambda name: values[name])
        low, middle, high = np.percentile(list(values.values()), (25, 50, 75))
        print(f"| recorded {kind}: median (quartiles) of {len(values)} | {middle:.1f} % ({low:.1f}, {high:.1f}) |")
        print(f"| recorded {kind}: most, {largest} | {values[largest]:.1f} % |", flush=True)


def motion(keypoints: np.ndarray) -> float:
    """Returns the mean movement of all keypoints from frame to frame."""
    return float(np.linalg.norm(np.diff(keypoints, axis=0), axis=-1).mean())


def others(
    own: Sequence[Mouth],
    training: Sequence[Mouth],
    folder: Path,
    talker: Talker,
    train_words: Sequence[tuple[str, ...]],
) -> None:
    """Prints the rows of other talkers' sound against their own lips, and the ceilings.

    Intervals are 95 % bootstraps: of a talker over blocks of BLOCK frames, of means over talkers as well.
    """
    tracker = Tracker()
    mouths: list[Mouth] = []
    predicted: list[np.ndarray] = []
    print("\n| other talkers' sound, their own lips | opening correlation | sync, frames |\n|---|---|---|")
    for path in sorted(folder.glob("*.mpg")):
        track = tracker.track(path)
        canonical = to_canonical(track.landmarks, place_head(track.landmarks, talker.person.mouth.head))
        sound = load_sound(path).samples
        spoken = talker.say(sound)
        count = min(len(spoken), len(canonical))
        opening = mouth_opening(canonical[:count, MOUTH])
        mouth = Mouth(opening, sound, words_of_name(path.stem), float(track.fps))
        predicted.append(mouth_opening(spoken[:count]))
        mouths.append(mouth)
        agreement = with_interval(block_correlation(predicted[-1], opening, BLOCK))
        print(f"| {path.stem} | {agreement} | {lag(predicted[-1:], [opening]):+.2f} |", flush=True)
    mean = mean_block_correlation(predicted, [mouth.opening for mouth in mouths], BLOCK)
    print(f"| mean | {with_interval(mean)} | |")
    for name, these in (
        ("same talker: s1's real lips for the same words in other sentences", own),
        ("other talker: s1's real lips for these talkers' words", mouths),
    ):
        pairs = [[correlation(mouth.opening, lips) for lips in assembled(mouth, training)] for mouth in these]
        ceiling = bootstrap_mean([float(np.mean(values)) for values in pairs if values])
        print(f"| ceiling, {name} | {with_interval(ceiling)} | |", flush=True)
    print(f"\n{shared_words('The other talkers', [mouth.words for mouth in mouths], train_words)}")


def with_interval(interval: Interval) -> str:
    """Returns a value with the bounds of its interval."""
    return f"{interval.value:.3f} ({interval.low:.2f} to {interval.high:.2f})"


def shared_words(name: str, sentences: Sequence[tuple[str, ...]], training: Sequence[tuple[str, ...]]) -> str:
    """Returns a message on how many words, in place, ``sentences`` share with the nearest of ``training``."""
    shared = [max(sum(a == b for a, b in zip(words, other, strict=True)) for other in training) for words in sentences]
    return (
        f"{name} share {np.median(shared):g} of their 6 words, in place, with the nearest of {len(training)} training "
        f"sentences in the median (from {min(shared)} to {max(shared)})."
    )


def assembled(mouth: Mouth, training: Sequence[Mouth]) -> Iterator[np.ndarray]:
    """Yields openings (T,) for the sentence of ``mouth``, assembled from recordings of the same words.

    Each word is taken from another recording and aligned phoneme by phoneme; between words the opening is interpolated.
    """
    here = aligned(mouth.sound, spelled(mouth.words), "en-gb")
    times = frame_times(len(mouth.opening), 25) if mouth.fps == 25 else np.arange(len(mouth.opening)) / mouth.fps
    random = np.random.default_rng(len(mouth.sound))
    for _ in range(CEILING_PAIRS):
        known: list[tuple[float, float]] = []
        for slot, word in enumerate(here.words):
            same = [each for each in training if each.words[slot] == mouth.words[slot] and each is not mouth]
            if not same:
                continue
            there = same[int(random.integers(len(same)))]
            words = aligned(there.sound, spelled(there.words), "en-gb").words
            if len(words) != len(here.words) or len(words[slot].phonemes) != len(word.phonemes):
                continue
            ours = np.array([time for sound in word.phonemes for time in (sound.start, sound.end)])
            theirs = np.array([time for sound in words[slot].phonemes for time in (sound.start, sound.end)])
            inside = (times >= ours[0]) & (times <= ours[-1])
            moments = np.interp(times[inside], ours, theirs)
            lips = np.interp(moments, np.arange(len(there.opening)) / there.fps, there.opening)
            known += list(zip(times[inside], lips, strict=True))
        if known:
            rest = float(np.percentile(mouth.opening, 10))
            edges = [(0.0, rest), (known[0][0] - 0.3, rest), *known, (known[-1][0] + 0.3, rest), (times[-1] + 1, rest)]
            yield np.interp(times, *(np.array(column) for column in zip(*edges, strict=True)))


def labials(clips: Sequence[Clip], folder: Path | None, named: Sequence[str], talker: Talker, painted: int) -> None:
    """Prints the share of p, b and m at which lips are shut, false closures per true one, and F1.

    Lips are shut where the gap is below a quarter of the median vowel's in the person's recordings ``clips``, as in
    benchmarks/text.py.
    """
    print(
        "\n| lips shut at p b m, by sound alone | of | keypoints | painted | painted, steadied |\n|---|---|---|---|---|"
    )
    recorded = [(load_sound(clip.sound).samples, spelled(words_of_name(clip.name))) for clip in clips if clip.sound]
    own = [(sound, aligned(sound, text, "en-gb")) for sound, text in recorded]
    raw, steady = Seen(), Seen()
    for clip, (_, speech) in zip(clips, own, strict=True):
        words, times = words_of(speech, "en-gb"), frame_times(len(clip.landmarks), talker.person.fps)
        mouth = tracked(clip.raw, clip.landmarks, talker.person)
        raw.add(words, times, mouth.raw)
        steady.add(words, times, mouth.steady)
    gaps = Gaps(float(np.median(raw.vowels)), float(np.median(steady.vowels)))
    cells = f"{cell(raw, gaps.raw)} | {cell(steady, gaps.steady)}"
    print(f"| recorded pictures of the own voice | {steady.closures(gaps.steady).closures} | | {cells} |")
    for language, accent in ACCENTS.items():
        texts = (HERE / f"sentences_{language}.txt").read_text("utf-8").splitlines()
        variants = [voice.partition("+")[2] for voice in named if "+" in voice]
        styles = [SpeakingStyle(f"{accent}+{variants[number % len(variants)]}") for number in range(len(texts))]
        spoken = [say_timed(read_out(text, accent).text, one, accent) for text, one in zip(texts, styles, strict=True)]
        sounds = [(at_sample_rate(speech), speech) for speech in spoken]
        print_labials(
            f"prose, {language}, {len(variants)} of these voices in turns", sounds, accent, talker, gaps, painted
        )
    print_labials("own voice", own, "en-gb", talker, gaps, painted)
    for place in [folder / name for name in LANGUAGES] if folder else []:
        accent = LANGUAGES[place.name]
        rows = [row.split("\t") for row in (place / "transcripts.tsv").read_text(encoding="utf-8").splitlines()]
        prompts = [(load_sound(place / f"{name}.wav").samples, text) for name, text in rows if text.strip()]
        sounds = [(sound, aligned(sound, text, accent)) for sound, text in prompts]
        print_labials(place.name, sounds, accent, talker, gaps, painted)


def print_labials(
    name: str,
    sounds: Sequence[tuple[np.ndarray, Speech]],
    accent: str,
    talker: Talker,
    gaps: Gaps,
    painted: int,
) -> None:
    """Prints the row of ``sounds``, each with its timed text; the first ``painted`` ones are painted and tracked."""
    predicted, raw, steady = Seen(), Seen(), Seen()
    for number, (samples, speech) in enumerate(sounds):
        spoken, words = talker.say(samples), words_of(speech, accent)
        times = frame_times(len(spoken), talker.person.fps)
        predicted.add(words, times, spoken)
        if number < painted:
            found = talker.painted(spoken)
            raw.add(words, times, found.raw)
            steady.add(words, times, found.steady)
    cells = [cell(predicted, gaps.steady), cell(raw, gaps.raw), cell(steady, gaps.steady)]
    of = f"{predicted.closures(gaps.steady).closures}; painted {raw.closures(gaps.raw).closures}"
    print(f"| {name} | {of} | {' | '.join(cells)} |", flush=True)


@dataclass(frozen=True)
class Gaps:
    """The median vowel's gap in the person's recordings, by ``raw`` and by ``steady`` landmarks."""

    raw: float
    steady: float


def cell(seen: Seen, gap: float) -> str:
    """Returns share of found closures, false ones per true one, and F1; "" without closures."""
    score = seen.closures(gap)
    return f"{score.shut_share:.3f}, {score.false_share:.2f}, F1 {score.f1:.2f}" if score.closures else ""


def spelled(words: Sequence[str]) -> str:
    """Returns ``words`` as text for a synthetic voice."""
    return " ".join(GRID_LETTERS.get(word, word) for word in words)


def aligned(sound: np.ndarray, text: str, accent: str) -> Speech:
    """Returns ``text`` with its times in ``sound`` (N,) at 16 kHz."""
    return align(AudioClip(sound, SAMPLE_RATE), speak_timed(text, accent)).speech


def words_of(speech: Speech, accent: str) -> tuple[Word, ...]:
    """Returns the timed syllables of ``speech``."""
    return tuple(syllables_of(word, accent) for word in speech.words)


def foreign(folder: Path, talker: Talker) -> None:
    """Prints the sync offsets for voices without pictures, by both measures of the evaluation."""
    judge = OwnSyncNet()
    print("\n| voice without pictures | files | within one frame | median offset, ms | own SyncNet: within one frame |")
    print("|---|---|---|---|---|")
    for name in LANGUAGES:
        offsets, judged = [], []
        for path in sorted((folder / name).glob("*.wav")):
            sound = load_sound(path)
            points = talker.say(sound.samples)
            features = extract_features(sound, FeatureOptions())
            times = frame_times(len(points), talker.person.fps)
            try:
                offsets.append(find_offset(lag_curve(points, times, sound_steps(features))).offset)
                judged.append(judge.offset(points, times, features).offset)
            except ValueError:
                continue  # The sound is too short.
        inside, judged_inside = (sum(abs(value) <= 40 for value in values) for values in (offsets, judged))
        middle = float(np.median(offsets))
        print(f"| {name} | {len(offsets)} | {inside} | {middle:+.0f} | {judged_inside} |", flush=True)


def cost(own: Sequence[Mouth], talker: Talker) -> None:
    """Prints the time from sound to keypoints, relative to the length of the sound."""
    sound = np.concatenate([mouth.sound for mouth in own])[: 60 * SAMPLE_RATE]
    took = []
    for _ in range(3):
        began = time.perf_counter()
        talker.say(sound)
        took.append(time.perf_counter() - began)
    share = min(took) / (len(sound) / SAMPLE_RATE)
    print(f"\nSound to keypoints takes {100 * share:.1f} % of the sound's length on this machine.")


if __name__ == "__main__":
    main()
