"""Makes the README's pictures from the default person: a contact sheet and a short animated picture.

    python docs/make_pictures.py [--person checkpoints/grid_s1] [--drivers a.mpg b.mpg]
    python docs/make_pictures.py --swap model a.mpg

Only generated frames are shown, no recorded ones.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import numpy as np

from obamanet.inference.frame_renderer import Renderer
from obamanet.inference.speaker import Speaker
from obamanet.keypoints.opening import mouth_opening
from obamanet.person import load_person
from obamanet.pipelines.into_frames import draw_whole_face
from obamanet.pipelines.reenact import reenact
from obamanet.pipelines.speak import SpeakOptions, move_lips, place_landmarks, predict_sound
from obamanet.swap.convert_faces import PlacedFaces
from obamanet.swap.face_finder import MeshFaces, SourceFrame, find_faces
from obamanet.swap.swap_model import Direction, Swapper, read_swap
from obamanet.swap.umeyama import warp
from obamanet.video.reader import probe_video, read_frames

ROOT = Path(__file__).resolve().parent.parent
COLUMNS = 7
ANIMATION_SECONDS = 4
ANIMATION_SIDE = 224


def main() -> int:
    """Write docs/contact_sheet.jpg and docs/hello.webp, with drivers docs/reenact.webp; or docs/swap.webp alone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--person", type=Path, default=ROOT / "checkpoints" / "grid_s1")
    parser.add_argument("--sound", type=Path, default=ROOT / "data" / "audio" / "hello_en.wav")
    parser.add_argument(
        "--drivers", type=Path, nargs="*", default=[], help="videos that drive the person, side by side"
    )
    parser.add_argument(
        "--swap", type=Path, nargs=2, metavar=("MODEL", "VIDEO"), help="a face swap and a video of its side A"
    )
    arguments = parser.parse_args()
    if arguments.swap:
        pictures, fps = painted_both(*arguments.swap)
        animate("swap.webp", pictures, fps)
        return 0
    person = load_person(arguments.person)
    keypoints = move_lips(*predict_sound(arguments.sound, Speaker(person)), person, SpeakOptions())
    sketches = [draw_whole_face(face, person) for face in place_landmarks(keypoints, person)]
    pictures = list(Renderer(person).paint_all(sketches))

    by_opening = np.argsort(mouth_opening(keypoints.points))
    shown = by_opening[np.linspace(0, len(by_opening) - 1, COLUMNS).round().astype(int)]
    sheet = np.vstack([np.hstack([row[i] for i in shown]) for row in (sketches, pictures)])
    cv2.imwrite(str(ROOT / "docs" / "contact_sheet.jpg"), sheet, [cv2.IMWRITE_JPEG_QUALITY, 90])

    animate("hello.webp", pictures, float(person.fps))
    if arguments.drivers:
        with TemporaryDirectory() as folder:
            made = [reenact(driver, Path(folder) / f"{driver.stem}.mp4", person) for driver in arguments.drivers]
            rows = zip(*(read_frames(video.path) for video in made), strict=False)
            animate("reenact.webp", [np.hstack([frame.image for frame in row]) for row in rows], float(made[0].fps))
    return 0


def painted_both(folder: Path, video: Path) -> tuple[list[np.ndarray], float]:
    """Returns what a face swap paints of each frame of ``video``, as A on the left and as B on the right, and the rate.

    The squares are as the networks paint them, not blended into the frames, so that no recorded pixel is in them.
    """
    model = read_swap(folder)
    painters = [Swapper(model, direction, threads=2) for direction in (Direction.B_TO_A, Direction.A_TO_B)]
    fps = probe_video(video).fps
    images = [frame.image for frame in read_frames(video, fps)]
    found = find_faces((SourceFrame("", image, n == 0) for n, image in enumerate(images)), MeshFaces())
    faces = tuple(face for face in found.faces if face.number == 0)
    pictures = []
    for number, (face,) in PlacedFaces(faces, model.config.image_size, smooth=True).items():
        given = warp(images[number], face.matrix, model.config.image_size)[None]
        pictures.append(np.hstack([painter.paint(given)[0][0] for painter in painters]))
    return [cv2.resize(one, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC) for one in pictures], float(fps)


def animate(name: str, pictures: Sequence[np.ndarray], fps: float) -> None:
    """Writes the first seconds of ``pictures`` as a moving WebP into docs."""
    animation = cv2.Animation()
    shown = pictures[: round(ANIMATION_SECONDS * fps)]
    size = (ANIMATION_SIDE * shown[0].shape[1] // shown[0].shape[0], ANIMATION_SIDE)
    animation.frames = [cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in shown]
    animation.durations = [round(1000 / fps)] * len(shown)
    cv2.imwriteanimation(str(ROOT / "docs" / name), animation, [cv2.IMWRITE_WEBP_QUALITY, 70])


if __name__ == "__main__":
    sys.exit(main())
