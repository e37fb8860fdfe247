"""The metrics: name, unit, crop, source, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Better(StrEnum):
    """Which way a metric is better."""

    HIGHER = "higher"
    LOWER = "lower"
    ONE = "nearer 1"
    REAL = "nearer the real clip's"


@dataclass(frozen=True)
class Metric:
    """One row of the report.

    Attributes:
        key: its name in results.json.
        title: in words.
        unit: of its values, "" for a plain number.
        better: which way it is better.
        about: source and how it is measured.
        pooled: whether it is computed over the joined clips, not as the mean of the clips' values.
    """

    key: str
    title: str
    unit: str
    better: Better
    about: str
    pooled: bool = False


EYES = "eye distances"
"""Unit: the distance between the outer corners of the eyes (300-W's inter-ocular distance)."""

KEPT_IN_PLACE = "as it is; where frame sizes differ, brought to the reference by one similarity per clip"

SQUARE = "against the recording cut and sized as in training; heads are where they are; every fifth frame"

FID_SET = "all clips' face crops of every fifth frame at once; fewer than 2048 raise it"

METRICS: tuple[Metric, ...] = (
    Metric("lmd_px", "mouth LMD", "px", Better.LOWER, f"Chen et al. 2018, 20 mouth points, {KEPT_IN_PLACE}"),
    Metric("lmd_eyes", "mouth LMD", EYES, Better.LOWER, "the same over the distance of the outer eye corners"),
    Metric("lmd_placed_px", "mouth LMD, head removed", "px", Better.LOWER, "head placement of each frame taken off"),
    Metric("lmd_placed_eyes", "mouth LMD, head removed", EYES, Better.LOWER, "the same over the eye distance"),
    Metric("velocity_error", "mouth velocity error", f"{EYES}/s", Better.LOWER, "D-V, Zhou et al. 2020; head removed"),
    Metric("opening_correlation", "opening correlation", "", Better.HIGHER, "Pearson, inner lips; mean of clips"),
    Metric("opening_correlation_joined", "opening correlation, joined", "", Better.HIGHER, "over all frames", True),
    Metric("opening_amplitude", "opening amplitude", "of real", Better.ONE, "ratio of standard deviations"),
    Metric("opening_amplitude_joined", "opening amplitude, joined", "of real", Better.ONE, "over all frames", True),
    Metric("width_correlation", "width correlation", "", Better.HIGHER, "Pearson, outer corners; mean of clips"),
    Metric("av_offset", "AV offset", "ms", Better.REAL, "positive: sound late; lag curve without weights, +-600 ms"),
    Metric("av_offset_size", "AV offset, size", "ms", Better.LOWER, "its absolute value"),
    Metric("av_confidence", "AV confidence", "", Better.HIGHER, "peak of the lag curve above its median"),
    Metric("silence_motion", "motion in silence", "of speech", Better.LOWER, "mean lip speed, silent over spoken"),
    Metric("tremble", "landmark jitter", f"{EYES}/1000", Better.REAL, "root mean square above 6 Hz, 68 points"),
    Metric("psnr_full", "PSNR, frame", "dB", Better.HIGHER, f"{KEPT_IN_PLACE}; mean over frames"),
    Metric("psnr_face", "PSNR, face", "dB", Better.HIGHER, "square about the 68 points, 10 % wider"),
    Metric("psnr_mouth", "PSNR, mouth", "dB", Better.HIGHER, "square about the mouth points, 40 % wider"),
    Metric("psnr_placed", "PSNR, mouth, head removed", "dB", Better.HIGHER, "the head of each frame laid on the real"),
    Metric("psnr_square", "PSNR, renderer's square", "dB", Better.HIGHER, f"not pasted; {SQUARE}"),
    Metric("ssim_full", "SSIM, frame", "", Better.HIGHER, "Wang et al. 2004, BGR, 11x11 Gaussian of sigma 1.5"),
    Metric("ssim_face", "SSIM, face", "", Better.HIGHER, "the same crop as PSNR"),
    Metric("ssim_mouth", "SSIM, mouth", "", Better.HIGHER, "the same crop as PSNR"),
    Metric("ssim_placed", "SSIM, mouth, head removed", "", Better.HIGHER, "the head of each frame laid on the real"),
    Metric("ssim_square", "SSIM, renderer's square", "", Better.HIGHER, "the same squares"),
    Metric("sharp_face", "sharpness, face", "grey^2", Better.REAL, "variance of the Laplacian, real clip's scale"),
    Metric("sharp_mouth", "sharpness, mouth", "grey^2", Better.REAL, "the same, mouth crop"),
    Metric("cpbd", "CPBD", "", Better.REAL, "Narvekar and Karam 2011, own writing; frame, real clip's scale"),
    Metric("identity", "identity distance", "", Better.LOWER, "dlib's face embedding; one person below 0.6"),
    Metric("flicker", "background flicker", "grey", Better.REAL, "mean change beside and above the head"),
    Metric("lpips", "LPIPS, face", "", Better.LOWER, "Zhang et al. 2018, AlexNet, package lpips; face crop"),
    Metric("fid", "FID, face", "", Better.LOWER, f"Heusel et al. 2017, package pytorch-fid; {FID_SET}", True),
    Metric("lse_c", "LSE-C", "", Better.HIGHER, "Prajwal et al. 2020, Chung's SyncNet: median - least distance"),
    Metric("lse_d", "LSE-D", "", Better.LOWER, "the same: least mean distance of 31 shifts; face box of 68 points"),
    Metric("own_offset", "own SyncNet offset", "ms", Better.REAL, "positive: sound late; landmarks, from GRID s1"),
    Metric("own_confidence", "own SyncNet confidence", "", Better.HIGHER, "the same: median less least distance"),
    Metric("word_error", "lip reader's word error", "%", Better.REAL, "51 GRID words, trained on real footage"),
)

BY_KEY = {metric.key: metric for metric in METRICS}
