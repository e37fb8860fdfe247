"""Made clips and datasets that several tests use: drawn faces with sound, and small videos of recorded frames."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import islice
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import soundfile

from obamanet.constants import DATASET_SCHEMA, SAMPLE_RATE
from obamanet.video.reader import read_frames
from obamanet.video.writer import VideoWriter

FPS = Fraction(25)


@dataclass(frozen=True)
class MadeClip:
    """A clip of a made dataset: landmarks (T, 68, 2) in a square of 64 pixels, and its sound at 16 kHz, if any."""

    name: str
    landmarks: np.ndarray
    samples: np.ndarray | None = None
    segment: np.ndarray | None = None


def write_dataset(folder: Path, clips: Sequence[MadeClip], fps: Fraction = FPS) -> Path:
    """Write ``clips`` as a prepared dataset without frames, which training of keypoints does not need."""
    names = []
    for number, clip in enumerate(clips):
        names.append(f"{clip.name}-{number:08x}")
        place = folder / "clips" / names[-1]
        place.mkdir(parents=True)
        (place / "clip.json").write_text(json.dumps({"name": clip.name, "source": f"/{names[-1]}.mp4"}))
        segment = np.zeros(len(clip.landmarks), np.int32) if clip.segment is None else clip.segment
        np.savez(
            place / "track.npz",
            landmarks=clip.landmarks,
            raw=clip.landmarks,
            segment=segment,
            box=np.array([0.0, 0.0, 64.0]),
            frame_size=np.array([64, 64]),
        )
        if clip.samples is not None:
            soundfile.write(place / "sound.wav", clip.samples, SAMPLE_RATE)
    index = {"schema": DATASET_SCHEMA, "fps": str(fps), "image_size": 64, "clips": names, "rejects": [], "notes": []}
    (folder / "dataset.json").write_text(json.dumps(index))
    return folder


def babble(seconds: float, seed: int = 0) -> np.ndarray:
    """Return noise whose loudness rises and falls like syllables, four a second: (N,) float32 at 16 kHz."""
    random = np.random.default_rng(seed)
    count = round(seconds * SAMPLE_RATE)
    knots = random.uniform(0, 1, round(seconds * 8) + 2)
    loudness = np.interp(np.arange(count), np.linspace(0, count, len(knots)), knots) ** 2
    return (0.3 * loudness * random.normal(0, 1, count)).clip(-1, 1).astype(np.float32)


def write_sound(path: Path, samples: np.ndarray) -> Path:
    """Write ``samples`` (N,) at 16 kHz as a wav of 16 bits."""
    soundfile.write(path, samples, SAMPLE_RATE, subtype="PCM_16")
    return path


def recorded_frames(video: Path, count: int, first: int = 0) -> list[np.ndarray]:
    """Return ``count`` frames of ``video`` from ``first`` on, (H, W, 3) uint8 BGR each."""
    return [frame.image for frame in islice(read_frames(video), first, first + count)]


def write_video(path: Path, frames: Iterable[np.ndarray], sound: Path | None = None, fps: Fraction = FPS) -> Path:
    """Write ``frames`` of one size as a video."""
    pictures = list(frames)
    with VideoWriter(path, (pictures[0].shape[1], pictures[0].shape[0]), fps, sound) as writer:
        for picture in pictures:
            writer.write(picture)
    return path


def ffmpeg(*arguments: str | Path) -> None:
    """Run ffmpeg; an error fails the test."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=60)


@lru_cache
def prepare_recorded(grid_s1: Path, folder: Path) -> Path:
    """Return a dataset of two recorded half-sentences, prepared once for all tests, with squares of 64 pixels."""
    from obamanet.training.prepare import prepare

    videos = []
    for name in ("bbaf2n", "bbaf3s"):
        videos.append(folder / f"{name}.mpg")
        ffmpeg("-t", "1.4", "-i", grid_s1 / "video" / videos[-1].name, "-c", "copy", videos[-1])
    prepare(videos, folder / "recorded", image_size=64, workers=1)
    return folder / "recorded"


def write_judges(folder: Path) -> Path:
    """Write a tiny judge of sync and a tiny lip reader, of random weights, as runs in the dataset ``folder``."""
    from obamanet.networks.lipreader import LipReaderConfig, build_lip_reader
    from obamanet.networks.syncnet import SyncNetConfig, build_syncnet
    from obamanet.training.judges import LIPREADER, SYNCNET, save_judge

    sync = SyncNetConfig(width=8, size=4)
    lips = LipReaderConfig(*LIPREADER.sizes.values(), filters=(4, 4), units=8)
    for kind, network, config in ((SYNCNET, build_syncnet(sync), sync), (LIPREADER, build_lip_reader(lips), lips)):
        (folder / kind.name).mkdir(parents=True)
        save_judge(network, kind, {"network": asdict(config)}, folder / kind.name)
    return folder
