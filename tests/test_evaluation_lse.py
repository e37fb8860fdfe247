"""Chung's SyncNet with made weights: the network, what goes into it, and the arithmetic of LSE."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from conftest import made_landmarks
from made import babble, recorded_frames, write_video
from numpy.lib.stride_tricks import sliding_window_view
from torch_files import state_dict, write_legacy, write_zip

from obamanet.audio.load import load_sound
from obamanet.engine.onnxruntime_engine import OnnxruntimeNetwork
from obamanet.engine.syncnet_v2_graph import stream_network
from obamanet.errors import EvaluationError
from obamanet.evaluation.evaluate import Subject, evaluate
from obamanet.evaluation.judges import lse
from obamanet.evaluation.judges.lpips import Supplied
from obamanet.evaluation.judges.lse import ChungSyncNet, face_boxes, face_crop, lip_sync_error, shift_distances
from obamanet.evaluation.measure import Measurer
from obamanet.evaluation.pairing import Pair
from obamanet.evaluation.tracks import ClipTrack, Tracker
from obamanet.networks.syncnet_v2 import FACE, SOUND, frame_channels, weight_shapes


def made_weights() -> dict[str, np.ndarray]:
    """Return weights of the right shapes that keep values within bounds from layer to layer."""
    random = np.random.default_rng(1)
    weights = {}
    for name, shape in weight_shapes().items():
        if len(shape) > 1:
            values = random.standard_normal(shape, dtype=np.float32) * np.sqrt(2 / np.prod(shape[1:]))
        elif name.endswith("running_var"):
            values = random.uniform(0.5, 2.0, shape)
        else:
            values = random.normal(1.0 if name.endswith("weight") else 0.0, 0.2, shape)
        weights[name] = values.astype(np.float32)
    return weights


@pytest.fixture(scope="module")
def weights() -> dict[str, np.ndarray]:
    return made_weights()


@pytest.fixture(scope="module")
def model(weights: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the made weights as a file, with the counters that later versions of PyTorch keep."""
    values = weights | {"netcnnaud.1.num_batches_tracked": np.array(3, dtype=np.int64)}
    return write_legacy(tmp_path_factory.mktemp("lse") / "syncnet_v2.model", state_dict(values, legacy=True), values)


class PlainSyncNet:
    """The layers as PyTorch has them, one by one in numpy, (C, T, H, W)."""

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        self.weights = weights

    def convolution(
        self, x: np.ndarray, name: str, number: int, stride: tuple[int, ...], pad: tuple[int, ...]
    ) -> np.ndarray:
        kernel, bias = self.weights[f"{name}.{number}.weight"], self.weights[f"{name}.{number}.bias"]
        kernel = kernel.reshape(*kernel.shape[:2], *(1,) * (5 - kernel.ndim), *kernel.shape[2:])
        x = np.pad(x, ((0, 0), *((side, side) for side in pad)))
        views = sliding_window_view(x, kernel.shape[2:], axis=(1, 2, 3))[:, :: stride[0], :: stride[1], :: stride[2]]
        return np.tensordot(kernel, views, axes=((1, 2, 3, 4), (0, 4, 5, 6))) + bias[:, None, None, None]

    def normalised(self, x: np.ndarray, name: str) -> np.ndarray:
        scale, shift, mean, variance = (
            self.weights[f"{name}.{part}"].reshape(-1, *(1,) * (x.ndim - 1))
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        return np.maximum((x - mean) / np.sqrt(variance + 1e-5) * scale + shift, 0)

    def pooled(self, x: np.ndarray, strides: tuple[int, int], pad: int = 0) -> np.ndarray:
        x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)), constant_values=-np.inf)
        return sliding_window_view(x, (3, 3), axis=(2, 3)).max(axis=(-1, -2))[:, :, :: strides[0], :: strides[1]]

    def dense(self, x: np.ndarray, name: str) -> np.ndarray:
        x = self.weights[f"{name}.0.weight"] @ x.ravel() + self.weights[f"{name}.0.bias"]
        x = self.normalised(x, f"{name}.1")
        return self.weights[f"{name}.3.weight"] @ x + self.weights[f"{name}.3.bias"]

    def face(self, frames: np.ndarray) -> np.ndarray:
        """Return the embedding of five pictures (5, 224, 224, 3)."""
        x = frames.astype(np.float32).transpose(3, 0, 1, 2)
        layers = [(0, 2, 0), (4, 2, 1), (8, 1, 1), (11, 1, 1), (14, 1, 1), (18, 1, 0)]
        for number, stride, pad in layers:
            x = self.convolution(x, "netcnnlip", number, (1, stride, stride), (0, pad, pad))
            x = self.normalised(x, f"netcnnlip.{number + 1}")
            if number in (0, 4, 14):
                x = self.pooled(x, (2, 2), pad=1 if number == 4 else 0)
        return self.dense(x, "netfclip")

    def sound(self, cepstrum: np.ndarray) -> np.ndarray:
        """Return the embedding of MFCC (13, 20)."""
        x = cepstrum[None, None]
        for number in (0, 4, 8, 11, 14, 18):
            pad = 0 if number == 18 else 1
            x = self.convolution(x, "netcnnaud", number, (1, 1, 1), (0, pad, pad))
            x = self.normalised(x, f"netcnnaud.{number + 1}")
            if number in (4, 14):
                x = self.pooled(x, (1, 2) if number == 4 else (2, 2))
        return self.dense(x, "netfcaud")


def test_the_networks_are_those_of_pytorch(weights: dict[str, np.ndarray]) -> None:
    random = np.random.default_rng(2)
    plain = PlainSyncNet(weights)
    frames = random.integers(0, 256, (5, 224, 224, 3), dtype=np.uint8)
    cepstrum = random.normal(0, 10, (13, 20)).astype(np.float32)
    face, sound = (
        OnnxruntimeNetwork(stream_network(stream, weights))(window[None])[0][0]
        for stream, window in ((FACE, frame_channels(frames).astype(np.float32)), (SOUND, cepstrum[..., None]))
    )
    for ours, theirs in ((face, plain.face(frames)), (sound, plain.sound(cepstrum))):
        assert theirs.std() > 0.1
        np.testing.assert_allclose(ours, theirs, atol=1e-4 * np.abs(theirs).max())


def test_there_are_as_many_weights_as_in_the_published_file() -> None:
    # 54.5 MB of float32, as github.com/joonson/syncnet_python's download_model.sh fetches it.
    count = sum(int(np.prod(shape)) for shape in weight_shapes().values())
    assert count * 4 == pytest.approx(54.5e6, rel=0.005)


def test_other_weights_are_refused(weights: dict[str, np.ndarray], tmp_path: Path) -> None:
    small = {"netcnnaud.0.weight": weights["netcnnaud.0.weight"]}
    with pytest.raises(EvaluationError, match=r"not the weights of syncnet_v2.model: .*is nothing, needed is"):
        ChungSyncNet(write_zip(tmp_path / "small", state_dict(small), small))
    turned = weights | {"netfcaud.3.weight": weights["netfcaud.3.weight"].T}
    turned = {name: np.ascontiguousarray(value) for name, value in turned.items()}
    with pytest.raises(EvaluationError, match=r"netfcaud.3.weight is \(512, 1024\), needed is \(1024, 512\)"):
        ChungSyncNet(write_zip(tmp_path / "turned", state_dict(turned), turned))


def test_planted_features_give_their_shift_distance_and_confidence() -> None:
    random = np.random.default_rng(3)
    faces = random.normal(0, 1, (60, 64)).astype(np.float32)
    for late in (-15, -10, -1, 0, 4, 15):
        sounds = np.roll(faces, late, axis=0) + np.float32(0.5)
        sounds[: max(0, late)], sounds[60 + min(0, late) :] = 9.0, 9.0
        distances = shift_distances(faces, sounds)
        found = lip_sync_error(distances)
        # SyncNet's sign: late sound is negative. Of 60 faces, those whose sound lies beyond the ends meet zeros.
        assert found.offset == -late
        beyond = slice(60 - late, None) if late > 0 else slice(0, -late)
        expected = np.full(60, 64**0.5 * 0.5)
        expected[beyond] = np.linalg.norm(faces[beyond], axis=1)
        assert found.distance == pytest.approx(expected.mean(), rel=1e-4)
        assert found.confidence == pytest.approx(np.median(distances.mean(axis=0)) - found.distance, abs=1e-5)


def test_the_distance_is_pytorchs_pairwise_distance() -> None:
    faces, sounds = np.zeros((1, 4), np.float32), np.zeros((1, 4), np.float32)
    assert shift_distances(faces, sounds) == pytest.approx(np.full((1, 31), 2e-6))
    sounds[0] = 3.0
    assert shift_distances(faces, sounds)[0, lse.MAX_SHIFT] == pytest.approx(6.0)


def track_of(landmarks: np.ndarray, seen: np.ndarray, fps: int = 25) -> ClipTrack:
    count = len(landmarks)
    return ClipTrack(np.arange(count) / fps, landmarks, seen, (320, 288), Fraction(fps), count / fps, False, True)


def test_the_box_is_about_the_face_and_steady() -> None:
    still = np.repeat(made_landmarks(1, 200.0), 60, axis=0) + 40
    low, high = still[0].min(axis=0), still[0].max(axis=0)
    low[1] -= 0.3 * (high[1] - low[1])
    shaken = still.copy()
    shaken[30] += 50
    seen = np.ones(60, dtype=bool)
    seen[:5] = seen[40:43] = seen[55:] = False
    shaken[~seen] = np.nan
    with pytest.raises(ValueError, match="a face in 12 frames at 25 fps, needed are 13"):
        face_boxes(track_of(still[:12], seen[5:17]))
    first, boxes = face_boxes(track_of(shaken, seen))
    assert (first, boxes.shape) == (5, (50, 3))
    expected = [*(low + high) / 2, (high - low).max() / 2]
    np.testing.assert_allclose(boxes, np.repeat([expected], 50, axis=0), rtol=1e-5)
    # At 50 fps the same seconds give the same frames at 25.
    _, twice = face_boxes(track_of(np.repeat(still, 2, axis=0), np.ones(120, dtype=bool), fps=50))
    assert len(twice) == 60


def test_the_crop_reaches_as_far_as_the_original_one() -> None:
    down, across = np.indices((300, 400))
    picture = np.stack([across // 2, down // 2, 0 * down], axis=-1).astype(np.uint8)
    crop = face_crop(picture, np.array([200.0, 120.0, 50.0]))
    assert crop.shape == (224, 224, 3)
    # From x 130 to 270 and from y 70 to 210: half the side is 50, times 1.4, 1 and 1.8.
    np.testing.assert_allclose(crop[112, [0, -1], 0], [130 / 2, 269 / 2], atol=1)
    np.testing.assert_allclose(crop[[0, -1], 112, 1], [70 / 2, 209 / 2], atol=1)
    beyond = face_crop(picture, np.array([10.0, 290.0, 50.0]))
    assert (beyond[0, 0] == 110).all() and (beyond[-1, -1] == 110).all() and not (beyond[0, -1] == 110).all()


def test_the_cepstrum_is_that_of_16_bit_sound(tmp_path: Path) -> None:
    import python_speech_features

    samples = babble(1.0)
    whole = np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)
    expected = python_speech_features.mfcc(whole, 16000)
    windows = list(lse._sound_windows(samples))
    assert windows[0].shape == (13, 20, 1)
    for index in (0, 1, len(windows) - 1):
        np.testing.assert_allclose(windows[index][..., 0], expected[4 * index : 4 * index + 20].T, rtol=1e-4, atol=1e-4)


class PlainNetwork:
    """In a network's place: a fixed mixture of some of its inputs, quick to compute."""

    def __init__(self, step: int) -> None:
        self.step = step

    def __call__(self, windows: np.ndarray) -> tuple[np.ndarray, ...]:
        assert windows.dtype == np.float32
        some = windows[:, :: self.step, :: self.step].reshape(len(windows), -1)
        mixture = np.random.default_rng(4).normal(0, 0.01, (some.shape[1], 8)).astype(np.float32)
        return (some @ mixture,)


@pytest.fixture
def quick(model: Path, monkeypatch: pytest.MonkeyPatch) -> ChungSyncNet:
    """Return the judge with quick networks in place of its own."""
    monkeypatch.setattr(lse, "checked_weights", lambda path: {})
    monkeypatch.setattr(lse, "stream_network", lambda stream, _: stream)
    monkeypatch.setattr(lse, "OnnxruntimeNetwork", lambda stream: PlainNetwork(stream.shape[0] // 4))
    return ChungSyncNet(model)


def test_a_real_clip_is_cut_into_windows_as_in_the_original(quick: ChungSyncNet, grid_s1: Path, tmp_path: Path) -> None:
    recording = grid_s1 / "video" / "bwig3a.mpg"
    clip = write_video(tmp_path / "clip.mp4", recorded_frames(recording, 40), recording)
    track = Tracker(tmp_path / "cache").track(clip)
    found = quick.measure(clip, track)
    # 35 windows of 40 frames, one less than there is room for.
    first, boxes = face_boxes(track)
    pictures = recorded_frames(clip, 40)
    crops = [face_crop(picture, box) for picture, box in zip(pictures, boxes, strict=True)]
    faces = PlainNetwork(56)(np.stack([frame_channels(crops[i : i + 5]) for i in range(35)]).astype(np.float32))[0]
    samples = load_sound(clip).samples
    sounds = PlainNetwork(3)(np.stack(list(lse._sound_windows(samples))[:35]))[0]
    assert (first, len(boxes)) == (0, 40)
    wanted = lip_sync_error(shift_distances(faces, sounds))
    assert found.offset == wanted.offset
    assert (found.distance, found.confidence) == pytest.approx((wanted.distance, wanted.confidence), abs=1e-3)


def test_what_is_too_short_or_silent_is_a_row_with_its_reason(
    quick: ChungSyncNet, grid_s1: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("obamanet.evaluation.measure.ChungSyncNet", lambda path: quick)
    recording = grid_s1 / "video" / "bwig3a.mpg"
    # Around the face alone: the pictures are measured too.
    frames = [frame[20:268, 75:285] for frame in recorded_frames(recording, 40)]
    clip = write_video(tmp_path / "whole.mp4", frames, recording)
    measurer = Measurer(tmp_path / "cache", Supplied(Path("syncnet_v2.model")))
    for name, count, sound, reason in (
        ("mute", 40, None, "no sound"),
        ("short", 30, recording, "too short: 1.20 s, needed are 1.44 s"),
    ):
        path = write_video(tmp_path / f"{name}.mp4", frames[:count], sound)
        scores = {score.key: score for score in measurer.measure(Pair(name, path, clip)).scores}
        for key in ("lse_c", "lse_d"):
            assert (scores[key].generated, scores[key].reason) == (None, reason)
            assert scores[key].real is not None


def test_a_file_that_is_none_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="cannot be read"):
        evaluate([], tmp_path, Subject("nothing"), workers=1, supplied=Supplied(tmp_path / "none.model"))
