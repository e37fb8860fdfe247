"""Prints the errors of a person's parts on recorded sentences: of the predicted keypoints, and of the renderer.

    python benchmarks/quality.py DATASET --split ../shared/data/grid_s1/split.json --side test

DATASET is what ``obamanet prepare`` made of the recordings; it must hold the clips named in the split. The finished
video, of both parts, is measured by ``obamanet evaluate --person``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import numpy as np
from seen import Row, Seen

from obamanet.constants import MOUTH
from obamanet.evaluation.metrics import amplitude_ratio, correlation, flicker, landmark_distance
from obamanet.evaluation.sharpness import cpbd
from obamanet.face.landmark_models import Landmarks
from obamanet.face.landmarker import load_landmarker
from obamanet.face.track import track_face
from obamanet.inference.frame_renderer import Renderer
from obamanet.inference.keypoint_predictor import Predictor
from obamanet.keypoints.head import place_head
from obamanet.keypoints.lips import uncross_lips
from obamanet.keypoints.opening import mouth_opening, mouth_width
from obamanet.keypoints.placement import fit_placement, to_canonical, to_pixel
from obamanet.person import Person, load_person
from obamanet.pipelines.into_frames import draw_whole_face
from obamanet.pipelines.speak import load_features
from obamanet.progress import ConsoleProgress
from obamanet.render.crop import to_square
from obamanet.render.picture_quality import laplacian_sharpness, psnr, ssim
from obamanet.timing import frame_times
from obamanet.training.data.dataset import Clip, Piece, load_dataset
from text2face.mouth.pose_examples import recorded_words

BACKGROUND_ROWS = slice(0, 60)
"""Rows of the portrait's upper corners, which are background in every frame of this footage."""

BACKGROUND_COLUMNS = 24
"""Columns of the upper corners, from either side."""


def has_raw_landmarks(clip: Clip) -> np.ndarray:
    """Returns the frames (T,) bool in which a face was detected, so that its raw landmarks are the truth."""
    return ~np.isnan(clip.raw[:, 0, 0]) & (clip.segment >= 0)


def sound_of(clip: Clip) -> Path:
    """Returns the clip's sound; exits for a clip without one."""
    return clip.sound or sys.exit(f"clip has no sound: {clip.folder}")


def read_square(clip: Clip, index: int) -> np.ndarray:
    """Returns the recorded portrait (S, S, 3) of frame ``index``."""
    picture = cv2.imread(str(clip.frame_path(index)))
    return sys.exit(f"frame is missing: {clip.frame_path(index)}") if picture is None else picture


def openings(landmarks: np.ndarray, person: Person) -> np.ndarray:
    """Returns the mouth opening (T,) of ``landmarks`` (T, 68, 2) in eye distances."""
    return mouth_opening(to_canonical(landmarks, place_head(landmarks, person.mouth.head))[:, MOUTH])


def measure_keypoints(clips: list[Clip], person: Person) -> list[Row]:
    """Compares predicted keypoints with the face mesh's raw landmarks, in pixels of the recordings."""
    predictor = Predictor(person)
    predicted, mean_mouth, truth, opened, true, predicted_width, true_width = [], [], [], [], [], [], []
    per_clip, plain, plain_mean, steadied = [], [], [], []
    for clip in clips:
        keep = has_raw_landmarks(clip)
        points = predictor.predict(load_features(sound_of(clip), person)).points
        count = min(len(points), len(keep))
        keep = keep[:count]
        placement = place_head(clip.landmarks[:count][keep], person.mouth.head)
        upright = fit_placement(clip.landmarks[:count][keep], person.mouth.head.template)
        raw = clip.raw[:count][keep]
        mouth = points[:count][keep]
        # As wide and open as in the picture: a turned head's mouth is narrower, and the predicted one follows it.
        canonical = to_canonical(raw, upright)[:, MOUTH]
        pixels = to_pixel(mouth, placement)
        shown = to_canonical(pixels, upright)
        mean = np.broadcast_to(person.mouth.pca.mean.reshape(1, 20, 2), mouth.shape)
        predicted.append(pixels)
        mean_mouth.append(to_pixel(mean, placement))
        plain.append(to_pixel(mouth, upright))
        plain_mean.append(to_pixel(mean, upright))
        truth.append(raw[:, MOUTH])
        opened.append(mouth_opening(shown))
        true.append(mouth_opening(canonical))
        steadied.append(openings(clip.landmarks[:count][keep], person))
        predicted_width.append(mouth_width(shown))
        true_width.append(mouth_width(canonical))
        per_clip.append(correlation(opened[-1], true[-1]))
    pixels, means, truths = map(np.concatenate, (predicted, mean_mouth, truth))
    opening, true_opening = np.concatenate(opened), np.concatenate(true)
    width = correlation(np.concatenate(predicted_width), np.concatenate(true_width))
    return [
        Row("keypoints: mouth LMD", landmark_distance(pixels, truths), "px", "<= 1.00"),
        Row("keypoints: mouth LMD of the mean mouth", landmark_distance(means, truths), "px"),
        Row("keypoints: mouth LMD, head's turn not followed", landmark_distance(np.concatenate(plain), truths), "px"),
        Row("keypoints: the same of the mean mouth", landmark_distance(np.concatenate(plain_mean), truths), "px"),
        Row("keypoints: opening correlation", correlation(opening, true_opening), "", ">= 0.93"),
        Row("keypoints: opening correlation, mean of clips", float(np.mean(per_clip))),
        Row("keypoints: opening correlation with steadied landmarks", correlation(opening, np.concatenate(steadied))),
        Row("keypoints: opening amplitude", amplitude_ratio(opening, true_opening), "of truth", "0.90 to 1.10"),
        Row("keypoints: width correlation", width, "", ">= 0.85"),
    ]


def measure_closures(clips: list[Clip], person: Person, align: Path) -> list[Row]:
    """Compares when the lips are shut at p, b and m with the recorded lips, and counts shut stretches these lack."""
    predictor, predicted, recorded, shut = Predictor(person), Seen(), Seen(), Seen()
    for clip in clips:
        words = recorded_words(Piece(clip, 0, len(clip.segment)), align, "en-gb")
        points = predictor.predict(load_features(sound_of(clip), person)).points
        mouth = to_canonical(clip.landmarks, place_head(clip.landmarks, person.mouth.head))[:, MOUTH]
        count = min(len(points), len(mouth))
        times = frame_times(count, person.fps)
        predicted.add(words, times, uncross_lips(points[:count]))
        recorded.add(words, times, mouth[:count])
        shut.add(words, times, np.zeros((count, 20, 2)))
    rows = []
    for name, seen in (("keypoints", predicted), ("recorded lips", recorded), ("lips that never open", shut)):
        score = seen.against(recorded)
        rows.append(Row(f"{name}: lips shut at p b m, of {score.closures}", score.shut_share))
        rows.append(Row(f"{name}: shut where the recorded are not, for each p b m", score.false_share))
    return rows


def measure_renderer(clips: list[Clip], person: Person, pictures: Path | None) -> list[Row]:
    """Paints the recorded landmarks and compare with the recorded portraits."""
    renderer = Renderer(person)
    landmarker = load_landmarker(Landmarks.MESH)
    psnrs, ssims, mouth_psnrs, ours, theirs, found, true = [], [], [], [], [], [], []
    sharp, blurless = [], []
    corners = np.zeros((person.image_size, person.image_size), dtype=bool)
    corners[BACKGROUND_ROWS, :BACKGROUND_COLUMNS] = corners[BACKGROUND_ROWS, -BACKGROUND_COLUMNS:] = True
    rows = []
    for clip in clips:
        frames = np.flatnonzero(clip.segment >= 0)
        points = to_square(clip.landmarks[frames], clip.box, person.image_size)
        recorded = np.stack([read_square(clip, int(i)) for i in frames])
        painted = np.stack(list(renderer.paint_all(draw_whole_face(p, person) for p in points)))
        psnrs += [psnr(a, b) for a, b in zip(painted, recorded, strict=True)]
        ssims += [ssim(a, b) for a, b in zip(painted, recorded, strict=True)]
        for face, a, b in zip(points, painted, recorded, strict=True):
            left, top = np.floor(face[MOUTH].min(axis=0)).astype(int) - 8
            right, bottom = np.ceil(face[MOUTH].max(axis=0)).astype(int) + 8
            mouths = [each[top:bottom, left:right] for each in (a, b)]
            mouth_psnrs.append(psnr(*mouths))
            sharp.append([laplacian_sharpness(each) for each in mouths])
            blurless.append([cpbd(each) or 0.0 for each in (a, b)])
        ours.append(flicker(painted, corners))
        theirs.append(flicker(recorded, corners))
        track = track_face(iter(painted), landmarker)
        again = track.segment >= 0
        found.append(openings(track.landmarks[again], person))
        true.append(openings(clip.landmarks[frames][again], person))
        middle = int(np.argmax(mouth_opening(points[:, MOUTH])))
        rows.append(np.hstack([draw_whole_face(points[middle], person), painted[middle], recorded[middle]]))
    if pictures is not None:
        cv2.imwrite(str(pictures), np.vstack(rows[:: max(1, len(rows) // 6)][:6]))
    return [
        Row("renderer: PSNR, portrait", float(np.mean(psnrs)), "dB", ">= 30.5"),
        Row("renderer: SSIM, portrait", float(np.mean(ssims)), "", ">= 0.90"),
        Row("renderer: PSNR, mouth", float(np.mean(mouth_psnrs)), "dB"),
        Row("renderer: sharpness, mouth", _ratio(sharp), "of recorded", ">= 0.85"),
        Row("renderer: CPBD", _ratio(blurless), "of recorded", ">= 0.6"),
        Row("renderer: opening correlation", correlation(np.concatenate(found), np.concatenate(true)), "", ">= 0.88"),
        Row("renderer: opening amplitude", amplitude_ratio(np.concatenate(found), np.concatenate(true)), "of truth"),
        Row("renderer: background flicker", float(np.mean(ours) / np.mean(theirs)), "of recorded", "<= 1"),
    ]


def _ratio(pairs: list[list[float]]) -> float:
    """Returns the mean of the first values over that of the second ones."""
    ours, theirs = np.mean(pairs, axis=0)
    return float(ours / theirs)


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--person", type=Path, default=Path("checkpoints/grid_s1"))
    parser.add_argument("--split", type=Path, required=True, help="JSON with lists of clip names")
    parser.add_argument("--side", default="val", help="which list of the split; test is for the final figure only")
    parser.add_argument("--parts", default="keypoints,renderer")
    parser.add_argument("--align", type=Path, help="folder of word times; needed for closures")
    parser.add_argument("--limit", type=int, help="measure only so many clips")
    parser.add_argument("--pictures", type=Path, help="write a PNG of sketch, painted and recorded frames here")
    arguments = parser.parse_args()
    names = json.loads(arguments.split.read_text())[arguments.side]
    clips = [clip for clip in load_dataset(arguments.dataset).clips if clip.name in names][: arguments.limit]
    person = load_person(arguments.person)
    progress = ConsoleProgress()
    rows: list[Row] = []
    if "keypoints" in arguments.parts:
        rows += measure_keypoints(list(progress.track(clips, "keypoints", len(clips))), person)
    if arguments.align:
        rows += measure_closures(list(progress.track(clips, "closures", len(clips))), person, arguments.align)
    if "renderer" in arguments.parts:
        rows += measure_renderer(list(progress.track(clips, "renderer", len(clips))), person, arguments.pictures)
    sys.stdout.write(f"| figure, {len(clips)} {arguments.side} sentences | measured | target |\n|---|---|---|\n")
    for row in rows:
        sys.stdout.write(f"| {row.name} | {row.value:.3f} {row.unit} | {row.target} |\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
