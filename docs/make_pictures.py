"""Makes the README's pictures from the default person: a contact sheet and a short animated picture.

    python docs/make_pictures.py [--person checkpoints/grid_s1]

Only generated frames are shown, no recorded ones.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import numpy as np

from obamanet.inference.frame_renderer import Renderer
from obamanet.inference.speaker import Speaker
from obamanet.keypoints.opening import mouth_opening
from obamanet.person import load_person
from obamanet.pipelines.speak import SpeakOptions, move_lips, place_landmarks, predict_sound
from obamanet.render.sketch import draw_face

ROOT = Path(__file__).resolve().parent.parent
COLUMNS = 7
ANIMATION_SECONDS = 4
ANIMATION_SIDE = 224


def main() -> int:
    """Write docs/contact_sheet.jpg and docs/hello.webp."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--person", type=Path, default=ROOT / "checkpoints" / "grid_s1")
    parser.add_argument("--sound", type=Path, default=ROOT / "data" / "audio" / "hello_en.wav")
    arguments = parser.parse_args()
    person = load_person(arguments.person)
    keypoints = move_lips(*predict_sound(arguments.sound, Speaker(person)), person, SpeakOptions())
    sketches = [draw_face(face, person.image_size) for face in place_landmarks(keypoints, person)]
    pictures = list(Renderer(person).paint_all(sketches))

    by_opening = np.argsort(mouth_opening(keypoints.points))
    shown = by_opening[np.linspace(0, len(by_opening) - 1, COLUMNS).round().astype(int)]
    sheet = np.vstack([np.hstack([row[i] for i in shown]) for row in (sketches, pictures)])
    cv2.imwrite(str(ROOT / "docs" / "contact_sheet.jpg"), sheet, [cv2.IMWRITE_JPEG_QUALITY, 90])

    animation = cv2.Animation()
    count = round(ANIMATION_SECONDS * person.fps)
    side = (ANIMATION_SIDE, ANIMATION_SIDE)
    animation.frames = [cv2.resize(picture, side, interpolation=cv2.INTER_AREA) for picture in pictures[:count]]
    animation.durations = [round(1000 / person.fps)] * count
    cv2.imwriteanimation(str(ROOT / "docs" / "hello.webp"), animation, [cv2.IMWRITE_WEBP_QUALITY, 70])
    return 0


if __name__ == "__main__":
    sys.exit(main())
