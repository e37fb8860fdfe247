"""Made clips and datasets that several tests use: drawn faces with sound, and small videos of recorded frames."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import islice
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import soundfile
from conftest import locked
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from obamanet.constants import DATASET_SCHEMA, LEFT_EYE, RIGHT_EYE, SAMPLE_RATE
from obamanet.erasure.find import folder_trace
from obamanet.erasure.layouts import recognise
from obamanet.progress import Progress
from obamanet.provenance import SigningKey
from obamanet.video.reader import read_frames
from obamanet.video.writer import VideoWriter

FPS = Fraction(25)

UNREADABLE_JSON = {
    "nested objects": '{"schema":' * 100_000,
    "nested lists": "[" * 100_000,
    "many digits": '{"schema": ' + "9" * 5000 + "}",
    "infinity": '{"schema": Infinity}',
    "beyond a float": '{"schema": 1e999}',
}
"""What a reader of JSON without care dies of."""


class Notes(Progress):
    """Keeps what the user is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def note(self, text: str) -> None:
        """Keep ``text``."""
        self.told.append(text)


@dataclass(frozen=True)
class MadeClip:
    """A clip of a made dataset: landmarks (T, 68, 2) in a square of 64 pixels, and its sound at 16 kHz, if any."""

    name: str
    landmarks: np.ndarray
    samples: np.ndarray | None = None
    segment: np.ndarray | None = None


def with_irises(landmarks: np.ndarray) -> np.ndarray:
    """Return ``landmarks`` (T, 68, 2) with an iris in the middle of each eye, a quarter as wide: (T, 78, 2)."""
    irises = []
    for eye in (LEFT_EYE, RIGHT_EYE):
        corners = landmarks[:, [eye.start, eye.start + 3]]
        radius = np.linalg.norm(corners[:, 1] - corners[:, 0], axis=-1)[:, None, None] / 8
        irises.append(corners.mean(axis=1)[:, None] + radius * np.array([(0, 0), (1, 0), (0, -1), (-1, 0), (0, 1)]))
    return np.concatenate([landmarks, *irises], axis=1).astype(np.float32)


def write_dataset(folder: Path, clips: Sequence[MadeClip], fps: Fraction = FPS) -> Path:
    """Write ``clips`` as a prepared dataset without frames, which training of keypoints does not need."""
    names = []
    for number, clip in enumerate(clips):
        names.append(f"{clip.name}-{number:08x}")
        place = folder / "clips" / names[-1]
        place.mkdir(parents=True)
        key = {"sha256": hashlib.sha256(names[-1].encode()).hexdigest()}
        about = {"name": clip.name, "source": f"/{names[-1]}.mp4", "key": key}
        (place / "clip.json").write_text(json.dumps(about))
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


def foreign_files(folder: Path) -> list[Path]:
    """Return what lies in ``folder``, and in those below it, that the program would not know as its own work."""
    kinds = {path: recognise(path) for path in [folder, *(path for path in folder.rglob("*") if path.is_dir())]}
    assert kinds[folder] is not None, "the folder itself is of no kind that is known"
    return [path for found in kinds.values() if found for path in folder_trace(found, "").others]


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


def one_colour(path: Path, count: int = 5) -> Path:
    """Write a video of ``count`` grey frames, 64 x 48 pixels."""
    return write_video(path, [np.full((48, 64, 3), 128, np.uint8)] * count)


def self_signed(folder: Path) -> SigningKey:
    """Write a key and a certificate that it signed itself, as ``openssl req -x509`` makes them."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "me")])
    start = datetime.now(UTC) - timedelta(days=1)
    certificate = x509.CertificateBuilder(name, name, private.public_key(), 7, start, start + timedelta(days=30)).sign(
        private, hashes.SHA256()
    )
    encoding = serialization.Encoding.PEM
    key = SigningKey(folder / "own_chain.pem", folder / "own_key.pem")
    key.certificate_chain.write_bytes(certificate.public_bytes(encoding))
    plain = serialization.NoEncryption()
    key.private_key.write_bytes(private.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain))
    return key


def ffmpeg(*arguments: str | Path) -> None:
    """Run ffmpeg; an error fails the test."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=60)


def prepare_recorded(grid_s1: Path, common_folder: Path) -> Path:
    """Return a dataset of two recorded half-sentences, prepared once for all tests, with squares of 64 pixels."""
    from obamanet.training.data.prepare import prepare

    folder = common_folder / "recorded"
    with locked(common_folder / "recorded.lock"):
        if not (folder / "dataset.json").is_file():
            videos = []
            for name in ("bbaf2n", "bbaf3s"):
                videos.append(common_folder / f"{name}.mpg")
                ffmpeg("-t", "1.4", "-i", grid_s1 / "video" / videos[-1].name, "-c", "copy", videos[-1])
            prepare(videos, folder, image_size=64, workers=1)
    return folder


def write_judges(folder: Path) -> None:
    """Write a tiny judge of sync and a tiny lip reader, of random weights, as runs in the dataset ``folder``."""
    from obamanet.bundle import write_network
    from obamanet.networks.config import LipReaderConfig, SyncNetConfig
    from obamanet.networks.lip_reader import build_lip_reader
    from obamanet.networks.syncnet import build_syncnet
    from obamanet.training.judges.judge_card import LIPREADER, SYNCNET

    sync = SyncNetConfig(width=8, size=4)
    lips = LipReaderConfig(*LIPREADER.sizes.values(), filters=(4, 4), units=8)
    for kind, network, config in ((SYNCNET, build_syncnet(sync), sync), (LIPREADER, build_lip_reader(lips), lips)):
        write_network(network, kind, config, {"origin": "random weights"}, folder / kind.stem)
