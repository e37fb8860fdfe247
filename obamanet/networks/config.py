"""Sizes of the networks, free of Keras: what a person's card can be checked with before any library is loaded."""

from __future__ import annotations

from dataclasses import dataclass

from obamanet.constants import IMAGE_SIZE, MAX_IMAGE_SIZE
from obamanet.errors import OptionError

WIDEST = 256
"""Channels double with depth up to this many, or to the paper's 8 times the first layer's where that is more."""

MAX_DELAY = 480
"""Video frames: the longest look-ahead, 2 s, at the highest frame rate, 240."""


@dataclass(frozen=True)
class GeneratorConfig:
    """Sizes of a generator: square ``image_size`` in pixels, ``width`` of the first layer (64 is the paper's).

    Blocks of ``fold`` x ``fold`` pixels become channels before the first layer and come out of the last one: 1 is the
    paper's, 2 and 4 leave out the layers at full and at half resolution, which cost most.
    """

    image_size: int = IMAGE_SIZE
    width: int = 64
    in_channels: int = 3
    out_channels: int = 3
    fold: int = 1

    def __post_init__(self) -> None:
        # Below 32 pixels nothing is left for the discriminator's last convolution.
        if not 32 <= self.image_size <= MAX_IMAGE_SIZE or self.image_size & (self.image_size - 1):
            raise OptionError(f"image size must be a power of two from 32 to {MAX_IMAGE_SIZE}: got {self.image_size}")
        if not 4 <= self.width <= 128:
            raise OptionError(f"generator width is out of range: got {self.width}, allowed is 4 to 128")
        if self.fold not in (1, 2, 4):
            raise OptionError(f"generator fold must be 1, 2 or 4: got {self.fold}")

    def channels(self, level: int) -> int:
        """Return the number of filters at ``level``, 0 being the first, finest layer."""
        return min(self.width * 2**level, max(8 * self.width, WIDEST))


@dataclass(frozen=True)
class PredictorConfig:
    """Sizes of a predictor.

    ``inputs`` values per video frame and ``outputs`` PCA components; ``layers`` of ``units`` cells. ``delay`` is the
    look-ahead in video frames of the time-delayed form: output n is read at step n + delay. ``bidirectional`` hears the
    whole utterance instead, cannot be run in chunks, and has no delay.
    """

    inputs: int
    outputs: int
    units: int = 128
    layers: int = 2
    delay: int = 5
    bidirectional: bool = False
    dropout: float = 0.3

    def __post_init__(self) -> None:
        if not 1 <= self.layers <= 4 or not 8 <= self.units <= 1024:
            raise OptionError(
                f"predictor size is wrong: got {self.layers} layers of {self.units}, allowed are 1 to 4 of 8 to 1024"
            )
        if not 0 <= self.delay <= MAX_DELAY or (self.bidirectional and self.delay):
            raise OptionError(f"delay must be 0 to {MAX_DELAY} frames, and 0 when bidirectional: got {self.delay}")

    @property
    def state_shapes(self) -> list[tuple[int]]:
        """Shape of each state that a chunk hands to the next one, without the batch: two per layer."""
        return [] if self.bidirectional else [(self.units,)] * (2 * self.layers)


@dataclass(frozen=True)
class PoserConfig:
    """Sizes of a poser: ``inputs`` numbers per video frame, ``poses`` to choose from, ``layers`` of ``units`` cells."""

    inputs: int
    poses: int
    units: int = 64
    layers: int = 2
    dropout: float = 0.2

    def __post_init__(self) -> None:
        """Refuse sizes that give no network."""
        if not 1 <= self.layers <= 4 or not 8 <= self.units <= 1024:
            raise OptionError(
                f"poser size is wrong: got {self.layers} layers of {self.units}, allowed are 1 to 4 of 8 to 1024"
            )
        if self.inputs < 1 or self.poses < 2:
            raise OptionError(
                f"poser size is wrong: got {self.inputs} inputs and {self.poses} poses, needed are at least 1 and 2"
            )


NORM_EPSILON = 1e-5
"""Of the speech encoder's layer normalisation, and its teacher's."""


@dataclass(frozen=True)
class EncoderConfig:
    """Sizes of a speech encoder; the defaults are Whisper Tiny's, cut to its first two blocks.

    ``bands`` values per feature frame of 10 ms in, ``outputs`` per step of 20 ms out. Each of the ``blocks`` attends
    from ``before`` steps back to ``after`` steps ahead.
    """

    bands: int = 80
    outputs: int = 96
    width: int = 384
    heads: int = 6
    hidden: int = 1536
    blocks: int = 2
    before: int = 25
    after: int = 12

    def __post_init__(self) -> None:
        if self.width % self.heads or min(self.bands, self.outputs, self.hidden, self.blocks) < 1:
            raise OptionError(
                f"encoder size is wrong: got width {self.width} for {self.heads} heads; the width must be a multiple"
            )
        if self.before < 0 or self.after < 0:
            raise OptionError(f"encoder reach must be 0 or more: got {self.before} before and {self.after} after")

    @property
    def reach(self) -> tuple[int, int]:
        """Steps of 20 ms before and after a step on which its output depends."""
        return self.blocks * self.before + 1, self.blocks * self.after + 1


@dataclass(frozen=True)
class LipReaderConfig:
    """Sizes of a lip reader.

    Windows of ``height`` x ``width`` pixels, ``classes`` scores per frame; ``filters`` of each convolution over the
    picture, which halves it, ``units`` of each one over time.
    """

    height: int
    width: int
    classes: int
    filters: tuple[int, ...] = (16, 32, 48)
    units: int = 128
    dropout: float = 0.4

    def __post_init__(self) -> None:
        """Refuse sizes that give no network."""
        if not self.filters or min(self.filters) < 1 or not 8 <= self.units <= 1024:
            raise OptionError(
                f"lip reader size is wrong: got filters {self.filters} and {self.units} units, "
                "allowed are 1 or more and 8 to 1024"
            )


LOST_FRAMES = 12
"""Video frames by which both embeddings are shorter than their input: each looks at 13 frames, 0.52 s."""

SOUND_STEPS = 4
"""Feature frames (10 ms) under one video frame at 25 frames per second."""


@dataclass(frozen=True)
class SyncNetConfig:
    """Sizes of the judge: ``points`` mouth values and ``bands`` sound values per step; ``width`` filters a layer.

    ``size`` is that of the embeddings, ``dropout`` the share of filters that training leaves out.
    """

    points: int = 40
    bands: int = 26
    width: int = 64
    size: int = 64
    dropout: float = 0.2

    def __post_init__(self) -> None:
        if not 8 <= self.width <= 512 or not 4 <= self.size <= 512:
            raise OptionError(
                f"SyncNet size is wrong: got width {self.width} and embeddings of {self.size}, "
                "allowed are 8 to 512 and 4 to 512"
            )
