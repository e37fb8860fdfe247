"""FID: the formula against another implementation, its place in the report, and what is said where it cannot be had."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.linalg import sqrtm

from obamanet.errors import EvaluationError
from obamanet.evaluation.catalogue import BY_KEY
from obamanet.evaluation.judges import lpips
from obamanet.evaluation.judges.fid import FaceFeatures, Inception, frechet_distance
from obamanet.evaluation.judges.lpips import import_torch
from obamanet.evaluation.measure import ClipScores, MouthSeries
from obamanet.evaluation.pairing import Pair
from obamanet.evaluation.results import Summary, bounds, summarise
from obamanet.types import CropBox


def fid_of(clips: list[ClipScores]) -> Summary:
    return next(summary for summary in summarise(clips) if summary.metric.key == "fid")


def made_clip(faces: FaceFeatures | None, no_faces: str = "") -> ClipScores:
    series = MouthSeries(np.arange(3) / 25, np.arange(3.0), np.arange(3.0))
    boxes = CropBox(0, 0, 8), CropBox(0, 0, 8)
    return ClipScores(Pair("a", Path("a"), Path("b")), (), series, (), boxes, faces, no_faces)


def test_two_gaussians_of_one_dimension() -> None:
    random = np.random.default_rng(1)
    ours, real = random.normal(2, 3, (200, 1)), random.normal(1, 1, (300, 1))
    expected = (ours.mean() - real.mean()) ** 2 + (ours.std(ddof=1) - real.std(ddof=1)) ** 2
    assert frechet_distance(ours, real) == pytest.approx(expected)


@pytest.mark.parametrize("counts", [(60, 80), (60, 12), (9, 80)])
def test_the_root_of_the_product_of_covariances(counts: tuple[int, int]) -> None:
    random = np.random.default_rng(2)
    mixing = random.normal(0, 1, (16, 16))
    ours, real = random.normal(0, 1, (counts[0], 16)) @ mixing, random.normal(0.3, 1.4, (counts[1], 16)) @ mixing
    first, second = np.cov(ours, rowvar=False), np.cov(real, rowvar=False)
    mean = np.square(ours.mean(axis=0) - real.mean(axis=0)).sum()
    expected = mean + np.trace(first + second - 2 * np.real(sqrtm(first @ second)))
    assert frechet_distance(ours, real) == pytest.approx(expected, rel=1e-4)


def test_the_same_pictures_have_no_distance_and_one_picture_has_none() -> None:
    faces = np.random.default_rng(3).normal(0, 1, (30, 64)).astype(np.float32)
    assert frechet_distance(faces, faces) == pytest.approx(0.0, abs=1e-6)
    with pytest.raises(ValueError, match="needs 2 pictures: got 1"):
        frechet_distance(faces[:1], faces)


def test_it_is_one_figure_of_all_clips_without_an_interval() -> None:
    random = np.random.default_rng(4)
    seen = [FaceFeatures(random.normal(0, 1, (6, 8)), random.normal(1, 1, (5, 8))) for _ in range(3)]
    summary = fid_of([made_clip(faces) for faces in seen])
    together = [np.concatenate([getattr(faces, side) for faces in seen]) for side in ("generated", "real")]
    assert summary.generated is not None and summary.real is not None
    assert summary.generated.value == pytest.approx(frechet_distance(*together))
    assert (summary.clips, summary.real.value, bounds(summary.generated)) == (3, 0.0, "-")
    single = fid_of([made_clip(replace(seen[0], generated=seen[0].generated[:1]))])
    assert (single.generated, single.reason) == (None, "needs 2 pictures: got 1")


def test_what_is_missing_is_said_with_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert BY_KEY["fid"].pooled
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EvaluationError) as raised:
        Inception()
    assert str(raised.value) == (
        "not installed: torch, torchvision, pytorch-fid; pip install torch torchvision pytorch-fid, and put "
        "pt_inception-2015-12-05-6726825d.pth into hub/checkpoints of PyTorch's cache (~/.cache/torch)"
    )
    assert fid_of([made_clip(None, "not installed")]).reason == "not installed"

    torch = SimpleNamespace(hub=SimpleNamespace(get_dir=lambda: str(tmp_path)))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    monkeypatch.setattr(importlib, "import_module", lambda name: torch)
    folder = tmp_path / "checkpoints"
    with pytest.raises(EvaluationError, match=f"weights are missing: put some.pth into {folder}"):
        import_torch("lpips", weights="some.pth")
    folder.mkdir()
    (folder / "some.pth").touch()
    assert import_torch("lpips", weights="some.pth") is torch


def test_packages_that_do_not_fit_each_other_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> object:
        raise RuntimeError("operator torchvision::nms does not exist\nand more")

    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    monkeypatch.setattr(importlib, "import_module", broken)
    tool, reason = lpips.load_if_available(lambda: import_torch("torchvision", "lpips", weights="some.pth"))
    assert tool is None
    assert reason == "installed but not usable: torch, torchvision, lpips: operator torchvision::nms does not exist"
