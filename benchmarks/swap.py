"""Prints how good and how quick a face swap is: likeness, expression, identity, steadiness, frames per second.

python benchmarks/swap.py model ../shared/data/grid_s1/video/bbal7s.mpg --faces-a faces/s1 --faces-b faces/b
python benchmarks/swap.py --speed
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from obamanet.constants import LANDMARK_COUNT, LEFT_EYE, MOUTH, RIGHT_EYE
from obamanet.evaluation.metrics import correlation
from obamanet.face.identity import FaceEmbedder
from obamanet.face.mesh_landmarker import MeshLandmarker
from obamanet.face.track import track_face
from obamanet.keypoints.opening import mouth_opening
from obamanet.memory import check_memory
from obamanet.pix2pix.pictures import list_pictures, read_picture
from obamanet.render.picture_quality import laplacian_sharpness, ssim
from obamanet.swap.alignments import Face
from obamanet.swap.convert_faces import ConvertOptions, convert, place_faces, swapped_frames
from obamanet.swap.face_finder import MeshFaces
from obamanet.swap.smooth_tracks import face_matrices
from obamanet.swap.stages import Form, config_of
from obamanet.swap.swap_model import Direction, Swapper, read_swap
from obamanet.swap.umeyama import warp
from obamanet.video.reader import probe_video, read_frames

BLINK = 0.6
"""Share of the median eye opening below which an eye counts as shut."""

SPEED_STEPS, SPEED_BATCH = 8, 16
"""Timed steps of a training, and faces a side in each."""


def images_of(video: Path) -> list[np.ndarray]:
    """Returns the frames of ``video``, (H, W, 3) uint8 BGR each."""
    return [frame.image for frame in read_frames(video, probe_video(video).fps)]


def eye_opening(landmarks: np.ndarray) -> np.ndarray:
    """Returns the height of the eyes as a share of their width, (T,), of landmarks (T, 68, 2)."""
    shares = []
    for part in (LEFT_EYE, RIGHT_EYE):
        eye = landmarks[:, part]
        height = np.linalg.norm((eye[:, 1] + eye[:, 2] - eye[:, 4] - eye[:, 5]) / 2, axis=-1)
        shares.append(height / np.linalg.norm(eye[:, 3] - eye[:, 0], axis=-1))
    return np.mean(shares, axis=0)


def blinks(opening: np.ndarray) -> list[int]:
    """Returns the frames in the middle of each blink."""
    shut = np.flatnonzero(opening < BLINK * np.median(opening))
    return [int(group.mean()) for group in np.split(shut, np.flatnonzero(np.diff(shut) > 3) + 1) if group.size]


def mean_embedding(folder: Path, embedder: FaceEmbedder) -> np.ndarray:
    """Returns the mean embedding (128,) of every tenth of the raw faces in ``folder``."""
    model, found = MeshFaces(), []
    for path in list_pictures(folder / "raw")[::10]:
        image = read_picture(path)
        model.restart()
        found += [embedder.embed(image, face) for face in model.find(image)[:1]]
    return np.mean(found, axis=0)


def box_jitter(matrices: list[np.ndarray]) -> float:
    """Returns the standard deviation of the second difference of the aligned picture's corner in the frame, pixels."""
    corners = np.array([np.linalg.solve(matrix[:, :2], -matrix[:, 2]) for matrix in matrices])
    return float(np.diff(corners, 2, axis=0).std())


def measure(model_folder: Path, video: Path, faces_a: Path, faces_b: Path) -> list[tuple[str, str]]:
    """Returns the figures of a model on an unseen video of A as rows of name and value."""
    model = read_swap(model_folder)
    embedder = FaceEmbedder()
    rows = []
    images = images_of(video)
    track = track_face(images, MeshLandmarker())
    faces = tuple(
        Face(number, "", 0, 0, 0, points[:LANDMARK_COUNT].astype(np.float32))
        for number, points in enumerate(track.landmarks)
        if np.isfinite(points).all()
    )
    own = Swapper(model, Direction.B_TO_A, threads=2)
    placed = place_faces(faces, own.size, smooth=False)
    likeness, sharp = [], []
    for number, (face,) in placed.items():
        seen = warp(images[number], face.matrix, own.size)
        painted = own.paint(seen[None])[0][0]
        likeness.append(ssim(painted, seen))
        sharp.append(laplacian_sharpness(painted) / laplacian_sharpness(seen))
    rows.append(("self-reconstruction of A, SSIM", f"{np.mean(likeness):.3f}"))
    rows.append(("its sharpness, share of the recorded", f"{np.mean(sharp):.2f}"))
    swapper = Swapper(model, Direction.A_TO_B, threads=2)
    swapped = list(swapped_frames(iter(images), faces, probe_video(video).fps, swapper, ConvertOptions()))
    after = track_face(swapped, MeshLandmarker())
    both = np.isfinite(track.landmarks[:, 0, 0]) & np.isfinite(after.landmarks[:, 0, 0])
    one, other = track.landmarks[both, :LANDMARK_COUNT], after.landmarks[both, :LANDMARK_COUNT]
    opening = correlation(mouth_opening(other[:, MOUTH]), mouth_opening(one[:, MOUTH]))
    rows.append(("mouth opening, correlation", f"{opening:.2f}"))
    there, kept = blinks(eye_opening(one)), blinks(eye_opening(other))
    found = sum(any(abs(blink - near) <= 3 for near in kept) for blink in there)
    rows.append(("blinks kept", f"{found} of {len(there)}"))
    a, b = mean_embedding(faces_a, embedder), mean_embedding(faces_b, embedder)
    shown = [image for image, there in zip(swapped, both, strict=True) if there]
    vectors = [embedder.embed(image, points) for image, points in zip(shown, other, strict=True)]
    nearer = np.mean([np.linalg.norm(vector - b) < np.linalg.norm(vector - a) for vector in vectors])
    rows.append(("frames nearer to B than to A", f"{100 * nearer:.0f} %"))
    raw, smooth = (box_jitter(face_matrices(faces, 256, smooth=steadied)) for steadied in (False, True))
    rows.append(("jitter of the box, smoothed / not", f"{smooth / raw:.2f}"))
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        convert(video, Path(folder) / "out.mp4", model, Direction.A_TO_B, swapper)
        rows.append(("converting, frames per second", f"{len(images) / (time.perf_counter() - began):.1f}"))
    return rows


def measure_speed() -> list[tuple[str, str]]:
    """Returns images per second of a training step: ours, and deepfakes' "original" form in plain Keras layers."""
    import keras
    import tensorflow as tf

    from obamanet.networks.face_swap import build_swap

    rows = []
    faces = [tf.random.uniform((SPEED_BATCH, 64, 64, 3)) for _ in "ab"]
    for lite in (True, False):
        config = config_of(Form.ORIGINAL, 64, lite=lite)
        for name, network in (("ours", build_swap(config)), ("plain Keras", plain_original(config.width, config.code))):
            optimizer = keras.optimizers.Adam(5e-5, beta_1=0.5)
            optimizer.build(network.trainable_variables)

            def step(network: keras.Model = network, optimizer: keras.Optimizer = optimizer) -> None:
                with tf.GradientTape() as tape:
                    painted = network(faces, training=True)
                    loss = sum(tf.reduce_mean(tf.abs(x - y)) for x, y in zip(faces, painted, strict=True))
                optimizer.apply(tape.gradient(loss, network.trainable_variables), network.trainable_variables)

            traced = tf.function(step, autograph=False)
            traced()
            began = time.perf_counter()
            for _ in range(SPEED_STEPS):
                traced()
            rate = 2 * SPEED_BATCH * SPEED_STEPS / (time.perf_counter() - began)
            rows.append((f"training, images per second, {'lite ' if lite else ''}64, {name}", f"{rate:.0f}"))
    return rows


def plain_original(width: int, code: int) -> object:
    """Returns deepfakes' "original" architecture of 64 pixels: encoder, dense bottleneck, depth-to-space decoders."""
    import tensorflow as tf
    from keras import Input, Model, layers

    def up(x: object, filters: int) -> object:
        x = layers.LeakyReLU(0.1)(layers.Conv2D(4 * filters, 3, padding="same")(x))
        return layers.Lambda(lambda y: tf.nn.depth_to_space(y, 2))(x)

    inputs = x = Input((64, 64, 3))
    for level in range(4):
        x = layers.LeakyReLU(0.1)(layers.Conv2D(width * 2**level, 5, strides=2, padding="same")(x))
    x = layers.Dense(4 * 4 * 8 * width)(layers.Dense(code)(layers.Flatten()(x)))
    encoder = Model(inputs, up(layers.Reshape((4, 4, 8 * width))(x), 4 * width))
    decoders = []
    for _ in "ab":
        codes = x = Input((8, 8, 4 * width))
        for filters in (2 * width, width, width // 2):
            x = up(x, filters)
        decoders.append(Model(codes, layers.Conv2D(3, 5, padding="same", activation="sigmoid")(x)))
    faces = [Input((64, 64, 3)) for _ in "ab"]
    return Model(faces, [decoder(encoder(face)) for decoder, face in zip(decoders, faces, strict=True)])


def main() -> int:
    """Prints the figures as a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?", help="folder of a trained face swap")
    parser.add_argument("video", type=Path, nargs="?", help="a video of A that it was not trained on")
    parser.add_argument("--faces-a", type=Path, help="folder of extracted faces of A")
    parser.add_argument("--faces-b", type=Path, help="folder of extracted faces of B")
    parser.add_argument("--speed", action="store_true", help="time training steps")
    arguments = parser.parse_args()
    rows = []
    if arguments.model:
        if not (arguments.video and arguments.faces_a and arguments.faces_b):
            parser.error("a model needs a video, --faces-a and --faces-b")
        rows += measure(arguments.model, arguments.video, arguments.faces_a, arguments.faces_b)
    if arguments.speed:
        check_memory()
        rows += measure_speed()
    print("| figure | value |\n|---|---|")
    print("\n".join(f"| {name} | {value} |" for name, value in rows))
    print(f"\n{os.cpu_count()} cores")
    return 0


if __name__ == "__main__":
    sys.exit(main())
