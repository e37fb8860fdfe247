"""Prints how well a person follows a driver: his own unseen sentences, and other talkers.

    python benchmarks/reenact.py DATASET --split ../shared/data/grid_s1/split.json --side test \
        --others ../shared/data/grid_other

DATASET is what ``obamanet prepare`` made of the person's recordings. The finished mp4 is looked at by the face mesh, as
the driver is. Blinks are those of both eyes' mean opening; one is kept if the result blinks within two frames of it.
Jitter is that of nose and eye corners, which speech does not move, above 6 Hz.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from seen import Row

from obamanet.constants import MOUTH, STABLE_POINTS
from obamanet.evaluation.metrics import correlation, jitter, landmark_distance
from obamanet.face.identity import FaceEmbedder
from obamanet.face.mesh_landmarker import MeshLandmarker
from obamanet.face.track import FaceTrack, track_face
from obamanet.inference.speaker import Speaker
from obamanet.keypoints.eyes import eye_openings, find_blinks, gaze
from obamanet.keypoints.opening import mouth_opening, mouth_width
from obamanet.keypoints.placement import fit_placement, fit_template, to_canonical
from obamanet.person import load_person
from obamanet.pipelines.reenact import reenact
from obamanet.progress import ConsoleProgress
from obamanet.render.crop import to_square
from obamanet.render.picture_quality import psnr, ssim
from obamanet.training.data.dataset import Clip, load_dataset
from obamanet.video.reader import read_frames

ROOT = Path(__file__).resolve().parent.parent

NEAR_FRAMES = 2
"""Frames by which a blink of the result may be early or late."""

EMBEDDED_EVERY = 15
"""Frames between two faces whose identity is looked at."""


@dataclass
class Followed:
    """Measurements of drivers and of the person who follows them.

    Attributes:
        series: by name, pairs of the driver's and the result's series, one per clip.
        blinks: of the drivers.
        kept: blinks of the drivers that the result has.
        added: blinks of the result that the drivers do not have.
        jitters: pairs of the driver's and the result's jitter, thousandths of the eye distance.
    """

    series: dict[str, list[tuple[np.ndarray, np.ndarray]]] = field(default_factory=dict)
    blinks: int = 0
    kept: int = 0
    added: int = 0
    jitters: list[tuple[float, float]] = field(default_factory=list)

    def add(self, driver: np.ndarray, result: np.ndarray, fps: float) -> None:
        """Adds the landmarks (T, 78, 2) of a driver and of the result."""
        faces = [to_canonical(face, fit_placement(face, fit_template(face))) for face in (driver, result)]
        for name, measure in (
            ("opening", lambda face: mouth_opening(face[:, MOUTH])),
            ("width", lambda face: mouth_width(face[:, MOUTH])),
            ("gaze, sideways", lambda face: gaze(face)[:, 0]),
            ("gaze, up and down", lambda face: gaze(face)[:, 1]),
        ):
            self.series.setdefault(name, []).append((measure(faces[0]), measure(faces[1])))
        ours, theirs = (find_blinks(eye_openings(face).mean(axis=-1)) for face in (result, driver))
        self.blinks += len(theirs)
        self.kept += sum(_has(ours, blink) for blink in theirs)
        self.added += sum(not _has(theirs, blink) for blink in ours)
        points = list(STABLE_POINTS)
        self.jitters.append((1000 * jitter(faces[0][:, points], fps), 1000 * jitter(faces[1][:, points], fps)))

    def rows(self, who: str, targets: dict[str, str]) -> list[Row]:
        """Returns the figures; correlations are over all frames, each clip about its own mean."""
        rows = []
        for name, pairs in self.series.items():
            centred = [np.concatenate([one[side] - one[side].mean() for one in pairs]) for side in (0, 1)]
            rows.append(Row(f"{who}: {name}, correlation", correlation(*centred), "", targets.get(name, "")))
        if self.blinks:
            rows.append(Row(f"{who}: blinks kept of {self.blinks}", self.kept / self.blinks, "", targets["blinks"]))
            rows.append(Row(f"{who}: blinks added per blink", self.added / self.blinks))
        driver, result = np.mean(self.jitters, axis=0)
        rows.append(Row(f"{who}: jitter, of the driver's", result / driver, "", "<= 1"))
        return rows


def _has(blinks: list[tuple[int, int]], wanted: tuple[int, int]) -> bool:
    """Returns whether one of ``blinks`` is ``wanted``, up to NEAR_FRAMES."""
    return any(first - NEAR_FRAMES < wanted[1] and wanted[0] < last + NEAR_FRAMES for first, last in blinks)


def images_of(video: Path) -> list[np.ndarray]:
    """Returns the frames of a short video."""
    return [frame.image for frame in read_frames(video)]


def both_seen(*tracks: FaceTrack) -> np.ndarray:
    """Returns the frames that have a face in all tracks, (F,) whole numbers."""
    count = min(len(track.segment) for track in tracks)
    return np.flatnonzero(np.all([track.segment[:count] >= 0 for track in tracks], axis=0))


def measure_self(clips: Sequence[Clip], speaker: Speaker, folder: Path, mesh: MeshLandmarker) -> list[Row]:
    """Drives the person with his own recordings, and compares the result with them."""
    followed, again, psnrs, ssims, distances = Followed(), Followed(), [], [], []
    for clip in clips:
        made = reenact(Path(clip.source), folder / f"{clip.name}.mp4", speaker)
        images = images_of(made.path)
        result = track_face(images, mesh)
        frames = both_seen(
            result,
            FaceTrack(clip.landmarks, clip.raw, clip.segment, 1, clip.segment < 0, np.zeros(len(clip.segment), bool)),
        )
        recorded = to_square(clip.landmarks[frames], clip.box, speaker.person.image_size)
        followed.add(recorded, result.landmarks[frames], float(made.fps))
        squares = [cv2.imread(str(clip.frame_path(int(frame)))) for frame in frames]
        again.add(recorded, track_face(squares, mesh).landmarks, float(made.fps))
        scale = 256 / speaker.person.image_size
        distances.append(scale * landmark_distance(result.landmarks[frames][:, MOUTH], recorded[:, MOUTH]))
        for frame, truth in zip(frames[::5], squares[::5], strict=True):
            psnrs.append(psnr(images[frame], truth))
            ssims.append(ssim(images[frame], truth))
    return [
        Row("himself: portrait PSNR", float(np.mean(psnrs)), "dB", ">= 30"),
        Row("himself: portrait SSIM", float(np.mean(ssims))),
        Row("himself: mouth LMD", float(np.mean(distances)), "px", "<= 1.2"),
        *followed.rows("himself", {"opening": ">= 0.95", "blinks": ">= 0.9", "gaze, sideways": ">= 0.8"}),
        *again.rows("his recorded squares, looked at again", {"blinks": ""}),
    ]


def measure_others(
    videos: Sequence[Path], own: Sequence[Clip], speaker: Speaker, folder: Path, mesh: MeshLandmarker
) -> list[Row]:
    """Drives the person with other talkers."""
    followed, embedder = Followed(), FaceEmbedder()
    faces = [
        embedder.embed(cv2.imread(str(clip.frame_path(20))), to_square(clip.landmarks[20], clip.box)) for clip in own
    ]
    nearer = []
    for video in videos:
        made = reenact(video, folder / f"{video.stem}.mp4", speaker)
        theirs, ours = images_of(video), images_of(made.path)
        driver, result = track_face(theirs, mesh), track_face(ours, mesh)
        frames = both_seen(driver, result)
        followed.add(driver.landmarks[frames], result.landmarks[frames], float(made.fps))
        shown, driving = (
            np.mean([embedder.embed(images[i], track.landmarks[i]) for i in frames[::EMBEDDED_EVERY]], axis=0)
            for images, track in ((ours, result), (theirs, driver))
        )
        nearer.append(np.linalg.norm(shown - np.mean(faces, axis=0)) < np.linalg.norm(shown - driving))
        print(
            f"{video.stem}: distance to the person {np.linalg.norm(shown - np.mean(faces, axis=0)):.2f}, "
            f"to the driver {np.linalg.norm(shown - driving):.2f}",
            file=sys.stderr,
        )
    return [
        *followed.rows(f"{len(videos)} others", {"opening": ">= 0.92", "width": ">= 0.8", "blinks": ">= 0.8"}),
        Row(f"{len(videos)} others: clips nearer to the person than to the driver", float(np.mean(nearer)), "", "1"),
    ]


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--person", type=Path, default=ROOT / "checkpoints" / "grid_s1")
    parser.add_argument("--split", type=Path, required=True, help="JSON with lists of clip names")
    parser.add_argument("--side", default="val", help="which of its lists drives the person")
    parser.add_argument("--others", type=Path, help="folder of other talkers' videos")
    parser.add_argument("--out", type=Path, help="folder that keeps the videos")
    arguments = parser.parse_args()
    names = set(json.loads(arguments.split.read_text())[arguments.side])
    clips = [clip for clip in load_dataset(arguments.dataset).clips if clip.name in names]
    speaker, mesh = Speaker(load_person(arguments.person)), MeshLandmarker()
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.out or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        rows = measure_self(list(ConsoleProgress().track(clips, "following", len(clips))), speaker, folder, mesh)
        if arguments.others:
            videos = sorted(path for path in arguments.others.iterdir() if path.is_file())
            rows += measure_others(videos, clips, speaker, folder, mesh)
    print("| figure | measured | target |\n|---|---|---|")
    for row in rows:
        print(f"| {row.name} | {row.value:.3f} {row.unit} | {row.target} |".replace(" |", " |"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
