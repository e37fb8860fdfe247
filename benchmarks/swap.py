"""Prints how good and how quick face swaps are: likeness, expression, identity, steadiness, frames per second.

python benchmarks/swap.py model gan --videos unseen/*.mpg --faces-a faces/s1 --faces-b faces/b
python benchmarks/swap.py --convert model talk.mp4 --minutes 10 --size 1280x720
python benchmarks/swap.py --speed --faces-a faces/s1 --faces-b faces/b
"""

from __future__ import annotations

import argparse
import itertools
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from itertools import chain, cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np

from obamanet.constants import LANDMARK_COUNT, LEFT_EYE, MOUTH, RIGHT_EYE
from obamanet.evaluation.metrics import correlation
from obamanet.face.identity import FaceEmbedder
from obamanet.face.mesh_landmarker import MeshLandmarker
from obamanet.face.track import track_face
from obamanet.keypoints.opening import mouth_opening
from obamanet.memory import check_memory
from obamanet.progress import Progress
from obamanet.render.picture_quality import laplacian_sharpness, ssim
from obamanet.swap.alignments import Face
from obamanet.swap.convert_faces import ConvertOptions, PlacedFaces, convert, swapped_frames
from obamanet.swap.face_finder import MeshFaces
from obamanet.swap.face_masks import hull_mask
from obamanet.swap.face_set import FaceSet
from obamanet.swap.smooth_tracks import face_matrices
from obamanet.swap.stages import Form, config_of
from obamanet.swap.swap_model import Direction, Swapper, read_swap
from obamanet.swap.two_persons import mean_embedding
from obamanet.swap.umeyama import transform, warp
from obamanet.video.reader import probe_video, read_frames
from obamanet.video.sound_encoder import SoundSpan
from obamanet.video.writer import VideoWriter

if TYPE_CHECKING:
    import keras

    from obamanet.swap.swap_training import SwapOptions

Item = TypeVar("Item")

BLINK = 0.6
"""Share of the median eye opening below which an eye counts as shut."""

BLINK_FRAMES = 3
"""Frames that a blink may lie beside that of the source and still be the same."""

IDENTITY_STEP, IDENTITY_FACES = 3, 60
"""Frames of a clip from one face embedding to the next, and faces whose mean embedding is a person's."""

MOVING = 0.2
"""Pixels per frame, mean of five, from which on a face counts as moving."""

SPEED_BATCH = 16
"""Faces a side and step of a timed training."""

SPEED_WARM_UP, SPEED_STEPS, SPEED_SECONDS = 2, 3, 8.0
"""Steps before those that are timed, in which the graph is built; the least that are timed; and seconds they take."""

THREADS = 2
"""Processor threads of the networks."""

Rows = dict[str, str]
"""Figures by name."""


@dataclass(frozen=True)
class Clip:
    """A video that was not trained on: ``images`` (H, W, 3) uint8 BGR, landmarks (T, 68, 2), and its faces."""

    name: str
    images: list[np.ndarray]
    fps: Fraction
    landmarks: np.ndarray
    faces: tuple[Face, ...]


def read_clip(video: Path) -> Clip:
    """Returns the tracked ``video``."""
    fps = probe_video(video).fps
    images = [frame.image for frame in read_frames(video, fps)]
    landmarks = track_face(images, MeshLandmarker()).landmarks[:, :LANDMARK_COUNT]
    finder = MeshFaces()
    found = [finder.find(image)[:1] for image in images]
    faces = tuple(Face(number, "", 0, 0, 0, one[0]) for number, one in enumerate(found) if one)
    return Clip(video.stem, images, fps, landmarks, faces)


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


def measure(folder: Path, clips: list[Clip], faces_b: Path, a: np.ndarray, b: np.ndarray) -> Rows:
    """Returns the figures of a model.

    Args:
        folder: the model's.
        clips: of A.
        faces_b: folder of extracted faces of B, whose last ones were not trained on.
        a: mean embedding (128,) of A.
        b: that of B.
    """
    model = read_swap(folder)
    as_a, as_b = (Swapper(model, direction, threads=THREADS) for direction in (Direction.B_TO_A, Direction.A_TO_B))
    placed = [
        (clip.images[number], face.matrix)
        for clip in clips
        for number, (face,) in PlacedFaces(clip.faces, as_a.size, smooth=False).items()
    ]
    of_a = [warp(image, matrix, as_a.size) for image, matrix in placed]
    faces = FaceSet(faces_b, as_b.size, 2)
    of_b = [faces.face(index) for index in faces.val]
    rows = {"step": str(model.step)}
    for name, seen, swapper in (("A", of_a, as_a), ("B", of_b, as_b)):
        painted = [swapper.paint(face[None])[0][0] for face in seen]
        likeness = np.mean([ssim(one, other) for one, other in zip(painted, seen, strict=True)])
        sharp = np.mean([*map(laplacian_sharpness, painted)]) / np.mean([*map(laplacian_sharpness, seen)])
        rows[f"{name} as {name}, SSIM, {len(seen)} unseen faces"] = f"{likeness:.3f}"
        rows[f"{name} as {name}, sharpness, share of the recorded"] = f"{sharp:.2f}"
    return rows | measure_swap(as_b, clips, a, b)


def measure_swap(swapper: Swapper, clips: list[Clip], a: np.ndarray, b: np.ndarray) -> Rows:
    """Returns what of expression and identity is in the converted ``clips``; ``a`` and ``b`` are mean embeddings."""
    embedder = FaceEmbedder()
    openings, lids, sharpness, blinked, kept = [], [], [], 0, 0
    apart: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    for clip in clips:
        swapped = list(swapped_frames(iter(clip.images), clip.faces, clip.fps, swapper, ConvertOptions()))
        after = track_face(swapped, MeshLandmarker()).landmarks[:, :LANDMARK_COUNT]
        both = np.isfinite(clip.landmarks[:, 0, 0]) & np.isfinite(after[:, 0, 0])
        one, other = clip.landmarks[both], after[both]
        openings.append(correlation(mouth_opening(other[:, MOUTH]), mouth_opening(one[:, MOUTH])))
        lids.append(correlation(eye_opening(other), eye_opening(one)))
        there, found = blinks(eye_opening(one)), blinks(eye_opening(other))
        blinked += len(there)
        kept += sum(any(abs(blink - near) <= BLINK_FRAMES for near in found) for blink in there)
        for number, (face,) in PlacedFaces(clip.faces, 128, smooth=False).items():
            inside = cv2.erode(hull_mask(transform(face.landmarks, face.matrix), (128, 128)), np.ones((9, 9))) > 0
            given, made = (warp(images[number], face.matrix, 128) for images in (clip.images, swapped))
            sharpness.append(
                cv2.Laplacian(made, cv2.CV_32F)[inside].var() / cv2.Laplacian(given, cv2.CV_32F)[inside].var()
            )
        shown = {False: (clip.images, clip.landmarks), True: (swapped, after)}
        for index in np.flatnonzero(both)[::IDENTITY_STEP]:
            for is_swapped, (images, points) in shown.items():
                vector = embedder.embed(images[index], points[index])
                apart[is_swapped].append((float(np.linalg.norm(vector - a)), float(np.linalg.norm(vector - b))))
    nearer = {key: 100 * np.mean([to_b < to_a for to_a, to_b in pairs]) for key, pairs in apart.items()}
    to_a, to_b = np.mean(apart[True], axis=0)
    return {
        "A as B, sharpness in the frame, share of the recorded": f"{np.mean(sharpness):.2f}",
        "mouth opening, correlation with the source (worst clip)": f"{np.mean(openings):.2f} ({min(openings):.2f})",
        "eye opening, correlation with the source": f"{np.mean(lids):.2f}",
        "blinks kept": f"{kept} of {blinked}",
        "frames nearer to B than to A (before the swap)": f"{nearer[True]:.0f} % ({nearer[False]:.0f} %)",
        "embedding's distance to B, to A": f"{to_b:.2f}, {to_a:.2f}",
    }


def centres_of(matrices: list[np.ndarray], side: float) -> np.ndarray:
    """Returns where the middle of aligned pictures of ``side`` pixels lies in the frame: (T, 2)."""
    middle = np.full(2, (side - 1) / 2)
    return np.array([np.linalg.solve(matrix[:, :2], middle - matrix[:, 2]) for matrix in matrices])


def measure_steadiness(clips: list[Clip]) -> Rows:
    """Returns how much smoothing takes off the box's jitter, and how far it leaves the measured place for that.

    Jitter is the standard deviation of the second difference of the box's upper left corner, which turning and scaling
    move too. Lag is how far the smoothed middle stays behind the measured one along its movement.
    """
    shares, moving, still, lags = [], [], [], []
    for clip in clips:
        raw, smooth = (face_matrices(clip.faces, 256, smooth=smooth) for smooth in (False, True))
        corners = [np.array([np.linalg.solve(m[:, :2], -m[:, 2]) for m in matrices]) for matrices in (raw, smooth)]
        jitter = [np.diff(corner, 2, axis=0).std() for corner in corners]
        shares.append(jitter[1] / jitter[0])
        measured, steadied = centres_of(raw, 256), centres_of(smooth, 256)
        velocity = np.gradient(cv2.blur(measured, (1, 5)), axis=0)
        speed = np.linalg.norm(velocity, axis=1)
        apart = steadied - measured
        moves = speed > MOVING
        moving.append(np.linalg.norm(apart[moves], axis=1))
        still.append(np.linalg.norm(apart[~moves], axis=1))
        lags.append(-(apart[moves] * velocity[moves]).sum(axis=1) / speed[moves] ** 2)
    far, near, late = (np.concatenate(values) for values in (moving, still, lags))
    return {
        "jitter of the box, smoothed / not (worst clip)": f"{np.mean(shares):.2f} ({max(shares):.2f})",
        "smoothed from measured middle, px, root mean square: at rest": f"{np.sqrt((near**2).mean()):.2f}",
        f"the same while it moves, {len(far)} frames (most)": f"{np.sqrt((far**2).mean()):.2f} ({far.max():.2f})"
        if len(far)
        else "never moves",
        "lag while it moves, frames": f"{late.mean():+.2f}" if len(late) else "never moves",
    }


class MemoryProgress(Progress):
    """Prints frames, frames per second and this process's memory at every tenth of each pass, and keeps the memory.

    Attributes:
        memory: MB by the pass and the share of it that was done, in tenths from 0 to 10.
    """

    def __init__(self) -> None:
        self.memory: dict[tuple[str, int], float] = {}

    def track(self, items: Iterable[Item], description: str, total: int | None = None) -> Iterator[Item]:
        """Yields ``items`` and prints a line at every tenth of ``total``."""
        began, tenths = time.perf_counter(), {round((total or 1) * tenth / 10): tenth for tenth in range(11)}
        self._checkpoint(description, 0, 0, total, began)
        for count, item in enumerate(items, 1):
            yield item
            if count in tenths:
                self._checkpoint(description, tenths[count], count, total, began)

    def growth(self, description: str, frames: int) -> str:
        """Returns KB per frame from a fifth of a pass of ``frames``, when all is loaded, to its end."""
        first, last = self.memory[description, 2], self.memory[description, 10]
        return f"{1000 * (last - first) / (0.8 * frames):.2f}"

    def _checkpoint(self, description: str, tenth: int, count: int, total: int | None, began: float) -> None:
        now = self.memory[description, tenth] = memory_now()
        rate = count / max(time.perf_counter() - began, 1e-9)
        print(f"{description}: {count} of {total} frames, {rate:.1f}/s, {now:.0f} MB", flush=True)


def memory_now() -> float:
    """Returns the resident memory of this process in MB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def write_longer(video: Path, path: Path, minutes: float, size: tuple[int, int] | None) -> int:
    """Writes ``video`` forward and backward for ``minutes``, its sound again and again, and returns the frames.

    Args:
        video: a few seconds.
        path: the mp4.
        minutes: of the result.
        size: width and height to scale to, with the picture's edge repeated beside it; None for the video's own.
    """
    info = probe_video(video)
    images = [frame.image for frame in read_frames(video, info.fps)]
    if size is not None:
        images = [padded(image, size) for image in images]
    count = round(minutes * 60 * info.fps)
    length = len(images) / info.fps
    repeats = -(-count // len(images))
    sound = [SoundSpan(video, duration=length, until=length)] * repeats if info.has_sound else []
    with VideoWriter(path, (images[0].shape[1], images[0].shape[0]), info.fps, sound, cut_sound=True) as writer:
        for image in islice(cycle([*images, *images[-2:0:-1]]), count):
            writer.write(image)
    return count


def padded(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Returns ``image`` as high as ``size`` (width, height), its edges repeated to the width."""
    width = min(size[0], round(image.shape[1] * size[1] / image.shape[0]))
    image = cv2.resize(image, (width, size[1]), interpolation=cv2.INTER_CUBIC)
    left = (size[0] - width) // 2
    return cv2.copyMakeBorder(image, 0, 0, left, size[0] - width - left, cv2.BORDER_REPLICATE)


def measure_convert(folder: Path, video: Path, minutes: float, size: tuple[int, int] | None) -> Rows:
    """Returns frames per second of a whole conversion, finding faces included, and the memory of this process.

    Both passes print a line at every tenth of their way.
    """
    model, progress = read_swap(folder), MemoryProgress()
    with tempfile.TemporaryDirectory() as scratch:
        longer = Path(scratch) / "longer.mp4"
        count = write_longer(video, longer, minutes, size)
        info = probe_video(longer)
        began, cpu = time.perf_counter(), time.process_time()
        swapper = Swapper(model, Direction.A_TO_B, threads=THREADS)
        convert(longer, Path(scratch) / "out.mp4", model, Direction.A_TO_B, swapper, progress=progress)
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
    rows = {
        f"converting {minutes:g} min of {info.width}x{info.height}, frames per second": f"{count / took:.1f}",
        "its processor time, ms per frame": f"{1000 * cpu / count:.1f}",
    }
    for verb in ("finding faces", "swapping faces"):
        shown = ", ".join(f"{progress.memory[verb, tenth]:.0f}" for tenth in (0, 1, 2, 5, 10))
        rows[f"{verb}, memory in MB at the start, a tenth, a fifth, half, the end"] = shown
        rows[f"{verb}, growth from a fifth to the end, KB per frame"] = progress.growth(verb, count)
    return rows


@dataclass(frozen=True)
class Trainee:
    """What is timed: its ``name``, number of ``parameters`` in millions, and a ``step`` on a batch."""

    name: str
    parameters: str
    step: Callable[[object], object]


def images_per_second(batches: Iterator[object], step: Callable[[object], object]) -> float:
    """Returns the faces a second that ``step`` is trained on, in at least SPEED_STEPS steps and SPEED_SECONDS."""
    for batch in islice(batches, SPEED_WARM_UP):
        step(batch)
    began, steps, took = time.perf_counter(), 0, 0.0
    while steps < SPEED_STEPS or took < SPEED_SECONDS:
        step(next(batches))
        steps, took = steps + 1, time.perf_counter() - began
    return 2 * SPEED_BATCH * steps / took


def print_speed(faces_a: Path, faces_b: Path) -> None:
    """Prints images per second of whole training steps: ours, and deepfakes' "original" form as plain Keras trains it.

    Both take the same faces of 64 pixels, read, augmented and prefetched by the same code, with as many a step. Ours is
    the step of ``obamanet swap train``: all losses of the form, one gradient for both sides, the average of the
    weights. Theirs is ``train_on_batch`` of one autoencoder a side, compiled with Adam and the mean absolute error, and
    nothing else. The plain one comes first: ours has TensorFlow keep to an order of sums, which would slow it down.
    """
    from obamanet.background import in_background
    from obamanet.swap.swap_training import SwapOptions, draw_faces

    sets = (FaceSet(faces_a, 64, 2), FaceSet(faces_b, 64, 2))
    for side in sets:
        # So that reading the files, which are kept, is not timed.
        for index in side.train:
            side.face(index)
    options = SwapOptions(batch_size=SPEED_BATCH, eyes_weight=None if all(all(side.eyes) for side in sets) else 0.0)
    print(f"training on 64 px, {SPEED_BATCH} faces a side and step, {SPEED_SECONDS:g} s each after the first steps\n")
    print("| what | parameters, millions | images per second |\n|---|---|---|", flush=True)
    for trainee in trainees(options, sets):
        with closing(in_background((draw_faces(*sets, options, step) for step in itertools.count()), 2)) as batches:
            speed = images_per_second(batches, trainee.step)
        print(f"| {trainee.name} | {trainee.parameters} | {speed:.3g} |", flush=True)
    print()


def trainees(options: SwapOptions, sets: tuple[FaceSet, FaceSet]) -> Iterator[Trainee]:
    """Yields what is timed, built as late as it is needed: the plain networks first, lite and of full size."""
    from obamanet.swap.swap_training import SwapLearner

    sizes = {"lite": True, "full size": False}
    for size, lite in sizes.items():
        config = config_of(Form.ORIGINAL, 64, lite=lite)
        autoencoders = plain_original(config.width, config.code)

        def plain(batch: object, networks: list = autoencoders) -> None:
            for network, side in zip(networks, batch, strict=True):
                network.train_on_batch(side.given.astype(np.float32) / 255, side.target.astype(np.float32) / 255)

        yield Trainee(f"original, {size}: plain Keras", millions(*autoencoders), plain)
    for form in Form:
        for size, lite in sizes.items():
            learner = SwapLearner(config_of(form, 64, lite=lite), replace(options, form=form), sets)
            counted = millions(learner.network)
            if learner.discriminators:
                counted += f" and {millions(*learner.discriminators)} of discriminators"
            # From the run's middle on there are all losses of the form.
            yield Trainee(f"{form}, {size}: ours", counted, partial(learner.step, number=options.steps // 2))


def millions(*networks: keras.Model) -> str:
    """Returns the number of weights of ``networks``, those that they share counted once."""
    shared = {id(variable): int(np.prod(variable.shape)) for network in networks for variable in network.weights}
    return f"{sum(shared.values()) / 1e6:.2f}"


def plain_original(width: int, code: int) -> list:
    """Returns deepfakes' "original" architecture of 64 pixels: two compiled autoencoders that share their encoder.

    Encoder of strided convolutions, dense bottleneck, and decoders of depth-to-space layers; of the same size as ours.
    """
    import keras
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
    autoencoders = []
    for _ in "ab":
        codes = x = Input((8, 8, 4 * width))
        for filters in (2 * width, width, width // 2):
            x = up(x, filters)
        decoder = Model(codes, layers.Conv2D(3, 5, padding="same", activation="sigmoid")(x))
        face = Input((64, 64, 3))
        network = Model(face, decoder(encoder(face)))
        network.compile(optimizer=keras.optimizers.Adam(5e-5, beta_1=0.5), loss="mae")
        autoencoders.append(network)
    return autoencoders


def print_table(columns: list[str], tables: list[Rows]) -> None:
    """Prints figures as a Markdown table: a row for each name, a column for each of ``tables``."""
    names = dict.fromkeys(chain.from_iterable(tables))
    print(f"| figure | {' | '.join(columns)} |\n|{'---|' * (len(columns) + 1)}")
    for name in names:
        print(f"| {name} | {' | '.join(table.get(name, '') for table in tables)} |")
    print()


def size_of(text: str) -> tuple[int, int]:
    """Returns width and height of a text such as 1280x720."""
    width, _, height = text.partition("x")
    return int(width), int(height)


def main() -> int:
    """Prints the figures as Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="*", help="folders of trained face swaps, compared side by side")
    parser.add_argument("--videos", type=Path, nargs="+", default=[], help="videos of A that were not trained on")
    parser.add_argument("--faces-a", type=Path, help="folder of extracted faces of A")
    parser.add_argument("--faces-b", type=Path, help="folder of extracted faces of B")
    parser.add_argument("--speed", action="store_true", help="time training steps on these faces")
    parser.add_argument("--convert", type=Path, nargs=2, metavar=("MODEL", "VIDEO"), help="time converting a video")
    parser.add_argument("--minutes", type=float, default=1.0, help="length that the video is brought to")
    parser.add_argument("--size", type=size_of, help="size that it is brought to, such as 1280x720")
    arguments = parser.parse_args()
    if (arguments.models or arguments.speed) and not (arguments.faces_a and arguments.faces_b):
        parser.error("models and --speed need --faces-a and --faces-b")
    if arguments.models and not arguments.videos:
        parser.error("models need --videos")
    clips = [read_clip(video) for video in arguments.videos]
    if arguments.models:
        embedder = FaceEmbedder()
        a, b = (mean_embedding(folder, embedder, IDENTITY_FACES) for folder in (arguments.faces_a, arguments.faces_b))
        tables = [measure(model, clips, arguments.faces_b, a, b) for model in arguments.models]
        print_table([model.name for model in arguments.models], tables)
    if clips:
        print_table([f"{len(clips)} clips"], [measure_steadiness(clips)])
    if arguments.convert:
        print_table(["value"], [measure_convert(*arguments.convert, arguments.minutes, arguments.size)])
    if arguments.speed:
        check_memory()
        print_speed(arguments.faces_a, arguments.faces_b)
    print(f"{os.cpu_count()} cores")
    return 0


if __name__ == "__main__":
    sys.exit(main())
