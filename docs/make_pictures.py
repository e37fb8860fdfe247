"""Makes the README's pictures from the default person: a contact sheet and a short animated picture.

    python docs/make_pictures.py [--person checkpoints/grid_s1] [--drivers a.mpg b.mpg]

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
from obamanet.video.reader import read_frames

ROOT = Path(__file__).resolve().parent.parent
COLUMNS = 7
ANIMATION_SECONDS = 4
ANIMATION_SIDE = 224


def main() -> int:
    """Write docs/contact_sheet.jpg and docs/hello.webp; with drivers docs/reenact.webp, too."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--person", type=Path, default=ROOT / "checkpoints" / "grid_s1")
    parser.add_argument("--sound", type=Path, default=ROOT / "data" / "audio" / "hello_en.wav")
    parser.add_argument(
        "--drivers", type=Path, nargs="*", default=[], help="videos that drive the person, side by side"
    )
    arguments = parser.parse_args()
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
