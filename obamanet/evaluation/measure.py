"""Measures one generated video against its recording: tracks, mouths, pictures, sound."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np

from obamanet.audio.features import FeatureOptions, extract_features
from obamanet.audio.load import stream_sound
from obamanet.constants import LANDMARK_COUNT, MOUTH
from obamanet.errors import EvaluationError, SoundError
from obamanet.evaluation import metrics
from obamanet.evaluation.alignment import Aligned, align, covered, head_onto_head, into_frame
from obamanet.evaluation.judges.fid import FaceFeatures, Inception
from obamanet.evaluation.judges.lip_reading import NO_TRANSCRIPT, LipReader, MouthPair
from obamanet.evaluation.judges.lpips import MIN_SIDE, Lpips, Supplied, load_if_available
from obamanet.evaluation.judges.lse import ChungSyncNet
from obamanet.evaluation.judges.own_syncnet import OwnSyncNet
from obamanet.evaluation.pairing import Pair
from obamanet.evaluation.sharpness import cpbd
from obamanet.evaluation.sync import SoundSteps, find_offset, lag_curve, silences, sound_steps
from obamanet.evaluation.tracks import ClipTrack, Tracker
from obamanet.face.identity import FaceEmbedder, identity_distance
from obamanet.keypoints.opening import mouth_opening, mouth_width
from obamanet.render.crop import cut_square, portrait_box
from obamanet.render.picture_quality import MIN_SSIM_SIDE, laplacian_sharpness, psnr, ssim
from obamanet.types import CropBox
from obamanet.video.reader import probe_video, read_frames

FROZEN_DEVIATION: Final = 0.005
"""Eye distances. An opening with a smaller standard deviation is frozen; recorded sentences have at least 0.02."""

FACE_MARGIN, MOUTH_MARGIN = 1.1, 1.4
"""Sides of the square crops, as multiples of the larger extent of the points."""

SAMPLED_EVERY: Final = 5
"""Frames. Sharpness, LPIPS, FID and the renderer's square use every fifth frame: neighbours hardly differ."""

FACES_EMBEDDED: Final = 6
"""Frames of a clip whose faces are embedded, spread evenly; the real clip's own score compares its halves."""

HEAD_BESIDE, HEAD_ABOVE = 0.35, 0.8
"""Face widths and heights about the landmarks that hair and ears may take; beyond, above the chin, is background."""

MIN_BACKGROUND: Final = 200
"""Pixels. With fewer the flicker is not measured."""

MIRROR_MARGIN: Final = 0.05
"""Correlation by which the mirrored picture must be nearer to the recording for the pair to count as mirrored."""

MIRROR_SIDE: Final = 96
"""Pixels. Faces are compared with their mirror image at this size."""

MIRRORED_POINTS = np.array(
    [
        *(*range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1)),
        *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
        *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65),
    ]
)
"""Which of the 68 landmarks each becomes in a mirror."""

NO_SYNCNET: Final = "give --syncnet FILE, Chung's syncnet_v2.model"
NO_SQUARE: Final = "with --person only: of other videos the renderer's own square is not known"


@dataclass(frozen=True)
class Score:
    """One metric of one clip.

    Attributes:
        key: of the metric.
        generated: its value for the generated video, None where it is not available.
        real: its value for the recording, None where it is not available.
        reason: why a value is not available.
    """

    key: str
    generated: float | None
    real: float | None
    reason: str = ""


@dataclass(frozen=True)
class MouthSeries:
    """The opening of both mouths over time.

    Attributes:
        times: seconds (F,).
        generated: eye distances (F,).
        real: eye distances (F,).
    """

    times: np.ndarray
    generated: np.ndarray
    real: np.ndarray


@dataclass(frozen=True)
class ClipScores:
    """Everything measured of one pair.

    Attributes:
        pair: the pair.
        scores: of every metric that a single clip has.
        series: the opening of both mouths.
        notes: what had to be aligned or is odd.
        portraits: squares about the generated and the real head, each in its own frame.
        faces: features for FID, None where they are not available.
        no_faces: why not.
    """

    pair: Pair
    scores: tuple[Score, ...]
    series: MouthSeries
    notes: tuple[str, ...]
    portraits: tuple[CropBox, CropBox]
    faces: FaceFeatures | None = None
    no_faces: str = ""


class Measurer:
    """Measures pairs; build it once per process, it holds the models."""

    def __init__(self, cache: Path | None = None, supplied: Supplied | None = None) -> None:
        self._tracker = Tracker(cache)
        self._embedder: FaceEmbedder | None = None
        self._lpips, self._lpips_missing = load_if_available(Lpips)
        self._inception, self._inception_missing = load_if_available(Inception)
        supplied = supplied or Supplied()
        self._chung = ChungSyncNet(supplied.syncnet) if supplied.syncnet else None
        self._judges = supplied.judges
        self._lip_reader: LipReader | None = None
        self._own_syncnet: OwnSyncNet | None = None

    def measure(self, pair: Pair) -> ClipScores:
        """Returns all scores of ``pair``; the same input gives the same numbers.

        Raises:
            ObamanetError: a video cannot be read or has no face, or the generated one is the recording's mirror image.
        """
        for path in (pair.generated, pair.reference):
            # Before minutes go into tracking the other one.
            probe_video(path)
        ours, real = self._tracker.track(pair.generated), self._tracker.track(pair.reference)
        aligned = align(ours, real)
        _refuse_mirrored(pair, aligned)
        notes = list(aligned.notes)
        scores, series = _mouth(aligned)
        frozen = _is_frozen(series)
        if frozen:
            notes.append("frozen: the generated mouth does not move")
        scores += _sound(pair, ours, real, aligned, frozen, notes)
        scores += self._own_sync(pair, ours, real, aligned, frozen)
        tally = self._pictures(pair, ours, aligned)
        scores += [*tally.scores(self._lpips_missing), *_unpasted(pair, aligned), *self._lse(pair, ours, real)]
        scores.append(self._words(pair, tally.mouths))
        portraits = portrait_box(ours.landmarks[ours.seen]), portrait_box(real.landmarks[real.seen])
        return ClipScores(
            pair, tuple(scores), series, tuple(notes), portraits, tally.face_features(), self._inception_missing
        )

    def _own_sync(self, pair: Pair, ours: ClipTrack, real: ClipTrack, aligned: Aligned, frozen: bool) -> list[Score]:
        """Returns offset and confidence of our own SyncNet; a generated video without sound uses the real sound."""
        keys = ("own_offset", "own_confidence")
        if not ours.has_sound and not real.has_sound:
            return [Score(key, None, None, "neither video has sound") for key in keys]
        self._own_syncnet = self._own_syncnet or OwnSyncNet(self._judges.syncnet)
        sources = (
            (pair.generated if ours.has_sound else pair.reference, aligned.our_mouth),
            (pair.reference if real.has_sound else None, aligned.real_mouth),
        )
        found: list[tuple[float | None, float | None]] = []
        reasons = []
        for path, mouth in sources:
            try:
                if path is None:
                    raise ValueError("no sound")
                sound = extract_features(stream_sound(path), FeatureOptions())
                offset = self._own_syncnet.offset(mouth, aligned.times, sound)
                found.append((offset.offset, offset.confidence))
                reasons.append("")
            except (ValueError, SoundError) as problem:
                found.append((None, None))
                reasons.append(str(problem))
        if frozen:
            found[0], reasons[0] = (None, 0.0), "the generated mouth is frozen"
        both = zip(keys, *found, strict=True)
        return [Score(key, generated, true, reasons[0] if generated is None else "") for key, generated, true in both]

    def _lse(self, pair: Pair, ours: ClipTrack, real: ClipTrack) -> list[Score]:
        """Returns LSE-C and LSE-D of both videos, each with its own sound and as it is."""
        if self._chung is None:
            return [Score(key, None, None, NO_SYNCNET) for key in ("lse_c", "lse_d")]
        found: list[tuple[float | None, float | None]] = []
        reasons = []
        for path, track in ((pair.generated, ours), (pair.reference, real)):
            try:
                if not track.has_sound:
                    raise ValueError("no sound")
                error = self._chung.measure(path, track)
                found.append((error.confidence, error.distance))
                reasons.append("")
            except (ValueError, SoundError) as problem:
                found.append((None, None))
                reasons.append(str(problem))
        both = zip(("lse_c", "lse_d"), *found, strict=True)
        return [Score(key, generated, true, reasons[0]) for key, generated, true in both]

    def _words(self, pair: Pair, mouths: MouthPair | None) -> Score:
        """Returns the lip reader's word error, where the words are known."""
        if mouths is None:
            return Score("word_error", None, None, NO_TRANSCRIPT)
        try:
            self._lip_reader = self._lip_reader or LipReader(self._judges.lipreader)
            return Score("word_error", *mouths.word_errors(self._lip_reader, pair.words))
        except ValueError as error:
            return Score("word_error", None, None, str(error))

    def _pictures(self, pair: Pair, ours: ClipTrack, aligned: Aligned) -> _Tally:
        """Measures the pictures of both videos frame by frame."""
        tally = _Tally(covered(ours.size, aligned), _background(aligned, covered(ours.size, aligned)))
        tally.mouths = MouthPair(aligned.ours, aligned.real, aligned.times) if pair.words else None
        embedded = set(np.linspace(0, len(aligned.faces) - 1, FACES_EMBEDDED).round().astype(int).tolist())
        face_side, mouth_side = _side(aligned.real, FACE_MARGIN), _side(aligned.real[:, MOUTH], MOUTH_MARGIN)
        row_of = {int(frame): row for row, frame in enumerate(aligned.faces)}
        for index, (picture, truth) in enumerate(_frames(pair, aligned)):
            tally.whole(picture, truth, sampled=index % SAMPLED_EVERY == 0)
            if index not in row_of:
                continue
            row = row_of[index]
            points, true_points = aligned.ours[row], aligned.real[row]
            if tally.mouths is not None:
                tally.mouths.add_frame(picture, truth)
            face, mouth = _square(true_points, face_side), _square(true_points[MOUTH], mouth_side)
            onto = head_onto_head(points, true_points)
            tally.crop("face", _cut(picture, face), _cut(truth, face))
            tally.crop("mouth", _cut(picture, mouth), _cut(truth, mouth))
            tally.crop("placed", _cut(into_frame(picture, onto, aligned.size), mouth), _cut(truth, mouth))
            if row % SAMPLED_EVERY == 0:
                tally.sharpness("face", _cut(picture, face), _cut(truth, face))
                tally.sharpness("mouth", _cut(picture, mouth), _cut(truth, mouth))
                if self._lpips is not None and min(_cut(truth, face).shape[:2]) >= MIN_SIDE:
                    tally.add("lpips", self._lpips.distance(_cut(picture, face), _cut(truth, face)), 0.0)
                if self._inception is not None:
                    tally.features.append(self._inception.features(_cut(picture, face)))
                    tally.real_features.append(self._inception.features(_cut(truth, face)))
            if row in embedded:
                self._embedder = self._embedder or FaceEmbedder()
                tally.embeddings.append(self._embedder.embed(picture, points))
                tally.real_embeddings.append(self._embedder.embed(truth, true_points))
        return tally


class _Tally:
    """Gathers the picture metrics of one clip, frame by frame."""

    def __init__(self, area: tuple[slice, slice], background: np.ndarray) -> None:
        self._area = area
        self._background = background
        self._ours: dict[str, list[float]] = defaultdict(list)
        self._real: dict[str, list[float]] = defaultdict(list)
        self._before: tuple[np.ndarray, np.ndarray] | None = None
        self.embeddings: list[np.ndarray] = []
        self.real_embeddings: list[np.ndarray] = []
        self.mouths: MouthPair | None = None
        self.features: list[np.ndarray] = []
        self.real_features: list[np.ndarray] = []

    def add(self, key: str, ours: float | None, real: float | None) -> None:
        """Adds one frame's values; None is left out."""
        if ours is not None:
            self._ours[key].append(ours)
        if real is not None:
            self._real[key].append(real)

    def whole(self, picture: np.ndarray, truth: np.ndarray, sampled: bool) -> None:
        """Adds the metrics of whole frames, with or without a face."""
        ours, real = picture[self._area], truth[self._area]
        self.crop("full", ours, real)
        if sampled and min(real.shape[:2]) > 0:
            self.add("cpbd", cpbd(ours), cpbd(real))
        if self._before is not None and self._background.sum() >= MIN_BACKGROUND:
            before, true_before = self._before
            self.add(
                "flicker",
                metrics.flicker(np.stack([before, picture]), self._background),
                metrics.flicker(np.stack([true_before, truth]), self._background),
            )
        self._before = picture, truth

    def crop(self, name: str, picture: np.ndarray, truth: np.ndarray) -> None:
        """Adds PSNR and SSIM of one crop, if it is large enough."""
        if min(truth.shape[:2]) < MIN_SSIM_SIDE:
            return
        self.add(f"psnr_{name}", psnr(picture, truth), float("inf"))
        self.add(f"ssim_{name}", ssim(picture, truth), 1.0)

    def sharpness(self, name: str, picture: np.ndarray, truth: np.ndarray) -> None:
        """Adds the sharpness of one crop."""
        if min(truth.shape[:2]) > 0:
            self.add(f"sharp_{name}", laplacian_sharpness(picture), laplacian_sharpness(truth))

    def face_features(self) -> FaceFeatures | None:
        """Returns the Inception features of the faces, None without Inception."""
        return FaceFeatures(np.stack(self.features), np.stack(self.real_features)) if self.features else None

    def scores(self, no_lpips: str) -> list[Score]:
        """Returns the means over the frames."""
        reasons = {
            "cpbd": "no block of 64 pixels has an edge",
            "flicker": "no background beside or above the head",
            "lpips": no_lpips or f"the face is smaller than {MIN_SIDE} pixels",
        }
        names = [f"{kind}_{crop}" for kind in ("psnr", "ssim") for crop in ("full", "face", "mouth", "placed")]
        scores = []
        for key in [*names, "sharp_face", "sharp_mouth", "cpbd", "flicker", "lpips"]:
            ours, real = self._ours[key], self._real[key]
            reason = "" if ours else reasons.get(key) or "the crop is smaller than 11 pixels"
            scores.append(
                Score(key, float(np.mean(ours)) if ours else None, float(np.mean(real)) if real else None, reason)
            )
        return [*scores, self._identity()]

    def _identity(self) -> Score:
        if len(self.embeddings) < 2:
            return Score("identity", None, None, "fewer than two faces")
        faces, true_faces = np.stack(self.embeddings), np.stack(self.real_embeddings)
        half = len(true_faces) // 2
        return Score(
            "identity",
            identity_distance(faces, true_faces),
            identity_distance(true_faces[:half], true_faces[half:]),
        )


def _mouth(aligned: Aligned) -> tuple[list[Score], MouthSeries]:
    """Returns the scores of the landmarks, and the opening of both mouths."""
    fps = float(aligned.fps)
    ours, real = aligned.our_mouth, aligned.real_mouth
    opening, true_opening = mouth_opening(ours), mouth_opening(real)
    series = MouthSeries(aligned.times, opening, true_opening)
    frozen = _is_frozen(series)
    distances = np.linalg.norm(aligned.ours[:, MOUTH] - aligned.real[:, MOUTH], axis=-1)
    placed = np.linalg.norm(ours - real, axis=-1)
    eyes = aligned.real_place.scale[:, None]
    scores = [
        Score("lmd_px", float(distances.mean()), 0.0),
        Score("lmd_eyes", float((distances / eyes).mean()), 0.0),
        Score("lmd_placed_px", float((placed * eyes).mean()), 0.0),
        Score("lmd_placed_eyes", float(placed.mean()), 0.0),
        Score("velocity_error", metrics.velocity_error(ours, real, fps), 0.0),
        Score("opening_correlation", 0.0 if frozen else metrics.correlation(opening, true_opening), 1.0),
        Score("opening_amplitude", metrics.amplitude_ratio(opening, true_opening), 1.0),
        Score("width_correlation", 0.0 if frozen else metrics.correlation(mouth_width(ours), mouth_width(real)), 1.0),
    ]
    try:
        eye = float(aligned.real_place.scale.mean())
        jitter, true_jitter = (
            1000 * metrics.jitter(face[:, :LANDMARK_COUNT], fps) / eye for face in (aligned.ours, aligned.real)
        )
        scores.append(Score("tremble", jitter, true_jitter))
    except ValueError as error:
        scores.append(Score("tremble", None, None, str(error)))
    return scores, series


def _is_frozen(series: MouthSeries) -> bool:
    """Returns whether the generated mouth does not move, but for the tracker's noise, while the real one does."""
    return bool(np.std(series.generated) < FROZEN_DEVIATION <= np.std(series.real))


def _sound(
    pair: Pair, ours: ClipTrack, real: ClipTrack, aligned: Aligned, frozen: bool, notes: list[str]
) -> list[Score]:
    """Returns the scores of sound and mouth; a generated video without sound uses the real sound."""
    keys = ("av_offset", "av_offset_size", "av_confidence", "silence_motion")
    if not ours.has_sound and not real.has_sound:
        return [Score(key, None, None, "neither video has sound") for key in keys]
    if not ours.has_sound:
        notes.append("the generated video has no sound: measured with the recording's")
    sources = pair.generated if ours.has_sound else pair.reference, pair.reference if real.has_sound else None
    measured = [_one_sound(sources[0], aligned.our_mouth, aligned), _one_sound(sources[1], aligned.real_mouth, aligned)]
    if frozen:
        measured[0] = [None, None, 0.0, None], "the generated mouth is frozen"
    scores = []
    for key, generated, true in zip(keys, *(found for found, _ in measured), strict=True):
        scores.append(Score(key, generated, true, measured[0][1] if generated is None else ""))
    return scores


def _one_sound(path: Path | None, mouth: np.ndarray, aligned: Aligned) -> tuple[list[float | None], str]:
    """Returns offset, its size, confidence and motion in silence of one video, and why some are missing."""
    if path is None:
        return [None] * 4, "no sound"
    times = aligned.times
    found: list[float | None] = [None] * 4
    reasons = []
    try:
        steps: SoundSteps = sound_steps(extract_features(stream_sound(path), FeatureOptions()))
    except (SoundError, ValueError) as error:
        return found, str(error)
    try:
        offset = find_offset(lag_curve(mouth, times, steps))
        found[:3] = [offset.offset, abs(offset.offset), offset.confidence]
    except ValueError as error:
        reasons.append(str(error))
    try:
        silent, spoken = silences(steps, times)
        found[3] = metrics.silence_motion(metrics.speed(mouth, float(aligned.fps)), silent, spoken)
    except ValueError as error:
        reasons.append(str(error))
    return found, "; ".join(reasons)


def _frames(pair: Pair, aligned: Aligned) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields the common frames of both videos, the generated ones brought into the reference's frame."""
    ours, real = read_frames(pair.generated, aligned.fps), read_frames(pair.reference, aligned.fps)
    for picture, truth in islice(zip(ours, real, strict=False), aligned.count):
        yield into_frame(picture.image, aligned.into_reference, aligned.size), truth.image


def _unpasted(pair: Pair, aligned: Aligned) -> list[Score]:
    """Returns PSNR and SSIM of the square that the renderer painted against the same cut of the recording."""
    if pair.square is None:
        return [Score(key, None, None, NO_SQUARE) for key in ("psnr_square", "ssim_square")]
    box = portrait_box(aligned.real)
    ours, real = read_frames(pair.square, aligned.fps), read_frames(pair.reference, aligned.fps)
    both = islice(zip(ours, real, strict=False), 0, aligned.count, SAMPLED_EVERY)
    psnrs, ssims = [], []
    for painted, truth in both:
        square = cut_square(truth.image, box, painted.image.shape[0])
        psnrs.append(psnr(painted.image, square))
        ssims.append(ssim(painted.image, square))
    return [
        Score("psnr_square", float(np.mean(psnrs)), float("inf")),
        Score("ssim_square", float(np.mean(ssims)), 1.0),
    ]


def _refuse_mirrored(pair: Pair, aligned: Aligned) -> None:
    """Raises :class:`EvaluationError` when the generated face looks like the mirror image of the recorded one."""
    wanted = {int(aligned.faces[i]) for i in np.linspace(0, len(aligned.faces) - 1, 3).round().astype(int)}
    rows = {int(frame): row for row, frame in enumerate(aligned.faces)}
    straight, mirrored = [], []
    for index, (picture, truth) in enumerate(islice(_frames(pair, aligned), max(wanted) + 1)):
        if index not in wanted:
            continue
        points, real = aligned.ours[rows[index]], aligned.real[rows[index]]
        across = points[MIRRORED_POINTS] * (-1, 1) + (picture.shape[1] - 1, 0)
        face = _face_of(truth, real, real)
        straight.append(metrics.correlation(_face_of(picture, points, real), face))
        mirrored.append(metrics.correlation(_face_of(picture[:, ::-1], across, real), face))
    if np.mean(mirrored) > np.mean(straight) + MIRROR_MARGIN:
        raise EvaluationError(
            "the pair does not fit: the generated video is the recording's mirror image (correlation of faces "
            f"{np.mean(mirrored):.2f} mirrored, {np.mean(straight):.2f} as it is): {pair.generated}"
        )


def _face_of(picture: np.ndarray, points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Returns the luma of the face at ``points``, laid onto the crop that ``target`` fills, as a series of pixels."""
    side = _side(target[None], FACE_MARGIN)
    left, top = (target.min(axis=0) + target.max(axis=0)) / 2 - side / 2
    onto = head_onto_head(points, target)
    zoom = MIRROR_SIDE / side
    scaled = replace(onto, centre=(onto.centre - (left, top)) * zoom, scale=onto.scale * zoom)
    face = into_frame(np.ascontiguousarray(picture), scaled, (MIRROR_SIDE, MIRROR_SIDE))
    return face.astype(np.float64).mean(axis=-1).ravel()


def _background(aligned: Aligned, area: tuple[slice, slice]) -> np.ndarray:
    """Returns the pixels (H, W) bool beside and above both heads, in every frame, that both pictures have."""
    width, height = aligned.size
    points = np.concatenate([aligned.ours, aligned.real])
    low, high = points.min(axis=(0, 1)), points.max(axis=(0, 1))
    across, down = np.median(np.ptp(points, axis=1), axis=0)
    mask = np.zeros((height, width), dtype=bool)
    mask[area] = True
    mask[max(0, int(points[:, 8, 1].min())) :] = False
    left, right = int(low[0] - HEAD_BESIDE * across), int(np.ceil(high[0] + HEAD_BESIDE * across))
    mask[max(0, int(low[1] - HEAD_ABOVE * down)) :, max(0, left) : max(0, right)] = False
    return mask


def _side(points: np.ndarray, margin: float) -> int:
    """Returns the side in pixels of a square crop about ``points`` (F, N, 2), one for the whole clip."""
    return max(1, round(float(np.median(np.ptp(points, axis=1).max(axis=-1))) * margin))


def _square(points: np.ndarray, side: int) -> tuple[int, int, int]:
    """Returns left, top and side of the square about ``points`` (N, 2)."""
    left, top = np.rint((points.min(axis=0) + points.max(axis=0)) / 2 - side / 2).astype(int)
    return int(left), int(top), side


def _cut(picture: np.ndarray, square: tuple[int, int, int]) -> np.ndarray:
    """Returns what of ``square`` lies inside ``picture``."""
    left, top, side = square
    return picture[max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)]
