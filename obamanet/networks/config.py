"""Sizes of the networks, free of Keras, so that a person's card can be checked before any library is loaded."""

from __future__ import annotations

from dataclasses import dataclass

from obamanet.constants import IMAGE_SIZE, MAX_IMAGE_SIZE
from obamanet.errors import OptionError

MAX_CHANNELS = 256
"""Number of filters up to which it doubles per level, or 8 times the first layer's as in the paper where that is
more."""

MAX_DELAY = 480
"""Video frames. Longest look-ahead: 2 s at the highest frame rate, 240."""


@dataclass(frozen=True)
class GeneratorConfig:
    """Sizes of a U-Net generator.

    Attributes:
        image_size: side of the square images, pixels; a power of two from 32 to 1024.
        width: filters of the first layer, 4 to 128; the paper has 64.
        in_channels: channels of the condition.
        out_channels: channels of the output.
        fold: side of the pixel blocks that become channels before the first layer and come out of the last one: 1 is
            the paper's, 2 and 4 leave out the layers at full and half resolution, which cost most.

    Raises:
        OptionError: a size is out of range.
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
        """Returns the number of filters at ``level``; level 0 is the first, finest layer."""
        return min(self.width * 2**level, max(8 * self.width, MAX_CHANNELS))


@dataclass(frozen=True)
class PredictorConfig:
    """Sizes of a predictor.

    Attributes:
        inputs: values per video frame.
        outputs: PCA components.
        units: cells per layer, 8 to 1024.
        layers: LSTM layers, 1 to 4.
        delay: look-ahead in video frames; output n is read at step n + delay.
        bidirectional: whether the network reads the whole utterance; it then cannot run in chunks and has no delay.
        dropout: share of values dropped in training.

    Raises:
        OptionError: a size is out of range.
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
        """Shapes, without the batch, of the states passed from chunk to chunk: two per layer."""
        return [] if self.bidirectional else [(self.units,)] * (2 * self.layers)


@dataclass(frozen=True)
class PoserConfig:
    """Sizes of a poser.

    Attributes:
        inputs: values per video frame.
        poses: mouth poses to choose from.
        units: cells per layer, 8 to 1024.
        layers: LSTM layers, 1 to 4.
        dropout: share of values dropped in training.

    Raises:
        OptionError: a size is out of range.
    """

    inputs: int
    poses: int
    units: int = 64
    layers: int = 2
    dropout: float = 0.2

    def __post_init__(self) -> None:
        """Checks the sizes."""
        if not 1 <= self.layers <= 4 or not 8 <= self.units <= 1024:
            raise OptionError(
                f"poser size is wrong: got {self.layers} layers of {self.units}, allowed are 1 to 4 of 8 to 1024"
            )
        if self.inputs < 1 or self.poses < 2:
            raise OptionError(
                f"poser size is wrong: got {self.inputs} inputs and {self.poses} poses, needed are at least 1 and 2"
            )


NORM_EPSILON = 1e-5
"""Added to the variance in the layer normalisation of the speech encoder and its teacher."""


@dataclass(frozen=True)
class EncoderConfig:
    """Sizes of a speech encoder; the defaults are Whisper Tiny's, cut to its first two blocks.

    Attributes:
        bands: values per feature frame of 10 ms.
        outputs: values per encoder step of 20 ms.
        width: values per step inside the network.
        heads: attention heads; divides ``width``.
        hidden: width of each block's hidden dense layer.
        blocks: number of blocks.
        before: steps that each block's attention reaches back.
        after: steps that it reaches ahead.

    Raises:
        OptionError: a size is out of range.
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

    Attributes:
        height: of the mouth crop, pixels.
        width: of the mouth crop, pixels.
        classes: scores per frame.
        filters: of each convolution over the picture, which halves its size.
        units: of each convolution over time, 8 to 1024.
        dropout: share of values dropped in training.

    Raises:
        OptionError: a size is out of range.
    """

    height: int
    width: int
    classes: int
    filters: tuple[int, ...] = (16, 32, 48)
    units: int = 128
    dropout: float = 0.4

    def __post_init__(self) -> None:
        """Checks the sizes."""
        if not self.filters or min(self.filters) < 1 or not 8 <= self.units <= 1024:
            raise OptionError(
                f"lip reader size is wrong: got filters {self.filters} and {self.units} units, "
                "allowed are 1 or more and 8 to 1024"
            )


LOST_FRAMES = 12
"""Video frames by which the embeddings are shorter than the input: each covers 13 frames, 0.52 s."""

SOUND_STEPS = 4
"""Feature frames (10 ms) per video frame at 25 frames per second."""


@dataclass(frozen=True)
class SyncNetConfig:
    """Sizes of the SyncNet judge.

    Attributes:
        points: mouth values per video frame.
        bands: sound values per feature frame.
        width: filters per layer, 8 to 512.
        size: values per embedding, 4 to 512.
        dropout: share of filters dropped in training.

    Raises:
        OptionError: a size is out of range.
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


@dataclass(frozen=True)
class SwapConfig:
    """Sizes of a face swap's networks: an encoder that two faces share, and a decoder for each.

    Attributes:
        image_size: side of the square faces, pixels: 64, 128 or 256.
        width: filters of the encoder's first layer, 4 to 256.
        code: units of the layer that all of a face passes through, 16 to 4096.
        self_attention: whether every place sees every other one, at 16x16 (Zhang et al. 2019, "SAGAN").
        mask: whether the decoders also paint how much of their picture is to be seen.

    Raises:
        OptionError: a size is out of range.
    """

    image_size: int = 64
    width: int = 128
    code: int = 1024
    self_attention: bool = False
    mask: bool = False

    def __post_init__(self) -> None:
        """Checks the sizes."""
        if self.image_size not in (64, 128, 256):
            raise OptionError(f"size of a swap's faces must be 64, 128 or 256: got {self.image_size}")
        if not 4 <= self.width <= 256 or self.width % 4:
            raise OptionError(f"swap's width must be a multiple of 4 from 4 to 256: got {self.width}")
        if not 16 <= self.code <= 4096:
            raise OptionError(f"swap's code is out of range: got {self.code}, allowed is 16 to 4096")

    @property
    def code_shape(self) -> tuple[int, int, int]:
        """Shape of what the encoder makes of a face, and the decoders read."""
        return (8, 8, 4 * self.width)
