"""Layers that pix2pix needs and Keras does not have."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

INSTANCE_EPSILON = 1e-5


@keras.saving.register_keras_serializable("obamanet")
class InstanceNormalisation(keras.layers.Layer):
    """Normalises each channel of each picture by its own mean and variance (Ulyanov et al. 2016).

    (B, H, W, C) in and out. Unlike batch normalisation, the result does not depend on what else is in the batch.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        channels = input_shape[-1]
        self.gamma = self.add_weight(name="gamma", shape=(channels,), initializer="ones")
        self.beta = self.add_weight(name="beta", shape=(channels,), initializer="zeros")

    def call(self, inputs: Any) -> Any:
        mean, variance = ops.moments(inputs, axes=(1, 2), keepdims=True)
        factor = self.gamma * ops.rsqrt(variance + INSTANCE_EPSILON)
        return inputs * factor + (self.beta - mean * factor)


@keras.saving.register_keras_serializable("obamanet")
class ResizeConvolution(keras.layers.Layer):
    """Doubles height and width by repeating pixels, then convolves 3x3: (B, H, W, C) to (B, 2H, 2W, filters).

    Resize-convolution has no checkerboard (Odena et al. 2016), because every output pixel sees the same overlap. It is
    computed as one strided transposed convolution with the 4x4 kernel that repeating and convolving amount to: the
    3x3 kernel summed over 2x2 shifts. That is exact, and takes 4 instead of 9 products per output pixel.
    """

    def __init__(self, filters: int, use_bias: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.use_bias = use_bias

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.kernel = self.add_weight(
            name="kernel",
            shape=(3, 3, self.filters, input_shape[-1]),
            initializer=keras.initializers.RandomNormal(stddev=0.02),
        )
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros") if self.use_bias else None

    def call(self, inputs: Any) -> Any:
        # The stored kernel is in transposed-convolution order: (row, column, out, in), rows and columns mirrored.
        unfolded = sum(
            ops.pad(self.kernel, [[dy, 1 - dy], [dx, 1 - dx], [0, 0], [0, 0]]) for dy in (0, 1) for dx in (0, 1)
        )
        outputs = ops.conv_transpose(inputs, unfolded, strides=2, padding="same")
        return outputs if self.bias is None else outputs + self.bias

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        batch, height, width, _ = input_shape
        return (batch, height and 2 * height, width and 2 * width, self.filters)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "filters": self.filters, "use_bias": self.use_bias}


@keras.saving.register_keras_serializable("obamanet")
class PixelShuffle(keras.layers.Layer):
    """Enlarges by a 3x3 convolution to ``block`` ** 2 times the filters, dealt out to the pixels (Shi et al. 2016).

    (B, H, W, C) to (B, block * H, block * W, filters). The kernels of a block start equal (ICNR, Aitken et al. 2017),
    so that no checkerboard is there to be unlearned. For few filters this is quicker than :class:`ResizeConvolution`.
    """

    def __init__(self, filters: int, block: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.block = block

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        pixels = self.block**2

        def icnr(shape: tuple[int, ...], dtype: Any = None) -> Any:
            one = keras.random.normal((*shape[:3], self.filters), stddev=0.02, dtype=dtype)
            return ops.tile(one, (1, 1, 1, pixels))

        shape = (3, 3, input_shape[-1], pixels * self.filters)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=icnr)
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")

    def call(self, inputs: Any) -> Any:
        blocks = ops.conv(inputs, self.kernel, strides=1, padding="same")
        height, width = inputs.shape[1], inputs.shape[2]
        blocks = ops.reshape(blocks, (-1, height, width, self.block, self.block, self.filters))
        rows = ops.transpose(blocks, (0, 1, 3, 2, 4, 5))
        return ops.reshape(rows, (-1, self.block * height, self.block * width, self.filters)) + self.bias

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        batch, height, width, _ = input_shape
        return (batch, height and self.block * height, width and self.block * width, self.filters)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "filters": self.filters, "block": self.block}


@keras.saving.register_keras_serializable("obamanet")
class PixelFold(keras.layers.Layer):
    """Folds blocks of pixels into channels: (B, H, W, C) to (B, H / block, W / block, block ** 2 * C)."""

    def __init__(self, block: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.block = block

    def call(self, inputs: Any) -> Any:
        _, height, width, channels = inputs.shape
        block = self.block
        blocks = ops.reshape(inputs, (-1, height // block, block, width // block, block, channels))
        folded = ops.transpose(blocks, (0, 1, 3, 2, 4, 5))
        return ops.reshape(folded, (-1, height // block, width // block, block * block * channels))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        batch, height, width, channels = input_shape
        block = self.block
        return (batch, height and height // block, width and width // block, channels and block * block * channels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "block": self.block}
