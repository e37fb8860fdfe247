"""The pix2pix networks: shapes and reach, layers against plain versions of themselves, weights in half the size."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from obamanet.errors import OptionError
from obamanet.networks.config import GeneratorConfig
from obamanet.networks.layers import InstanceNormalisation, PixelFold, PixelShuffle, ResizeConvolution
from obamanet.networks.unet import adversarial_loss, build_discriminator, build_generator, l1_loss
from obamanet.networks.weights import save_half

SMALL = GeneratorConfig(image_size=32, width=8)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.fixture(scope="module")
def generator() -> keras.Model:
    keras.utils.set_random_seed(3)
    return build_generator(SMALL)


def test_unet_paints_a_picture_of_the_size_it_reads() -> None:
    model = build_generator(GeneratorConfig(width=4))
    painted = np.asarray(model(noise(2, 256, 256, 3)))
    assert painted.shape == (2, 256, 256, 3)
    assert np.abs(painted).max() <= 1
    assert painted.std() > 0


def test_unet_of_the_paper_has_its_widths() -> None:
    config = GeneratorConfig()
    assert [config.channels(level) for level in range(7)] == [64, 128, 256, 512, 512, 512, 512]


def test_patchgan_judges_30_by_30_patches_of_256() -> None:
    model = build_discriminator(GeneratorConfig(width=4), width=4)
    assert model([noise(1, 256, 256, 3), noise(1, 256, 256, 3)])[-1].shape == (1, 30, 30, 1)


@pytest.mark.parametrize("pixel", [(128, 128), (0, 0), (255, 255), (70, 201)])
def test_each_logit_sees_70_pixels(pixel: tuple[int, int]) -> None:
    """Logit i sees pixels 8i - 23 to 8i + 46: 4x4 kernels, strides 2, 2, 2, 1, 1, each padded by 1."""
    full = build_discriminator(GeneratorConfig(width=4), width=4)

    def without_normalisation(layer: keras.layers.Layer) -> keras.layers.Layer:
        # An instance's mean and variance reach over the whole picture; the patch is that of the convolutions.
        if isinstance(layer, InstanceNormalisation):
            return keras.layers.Activation("linear", name=layer.name)
        return layer.__class__.from_config(layer.get_config())

    model = keras.models.clone_model(full, clone_function=without_normalisation)
    # Weights that are all above zero cannot cancel, so that every pixel in reach shows.
    model.set_weights([np.full(weight.shape, 0.5 / np.prod(weight.shape[:3])) for weight in model.get_weights()])
    condition = np.ones((1, 256, 256, 3), np.float32)
    picture = condition.copy()
    picture[0, pixel[0], pixel[1]] += 1000
    judged, plain = (np.asarray(model([condition, each])[-1])[0, ..., 0] for each in (picture, condition))
    changed = judged != plain
    logits = np.arange(30)
    rows, columns = ((8 * logits - 23 <= p) & (p <= 8 * logits + 46) for p in pixel)
    np.testing.assert_array_equal(changed, rows[:, None] & columns)


def test_resize_convolution_is_repeating_then_convolving() -> None:
    layer = ResizeConvolution(5)
    inputs = noise(2, 6, 7, 4)
    layer.build(inputs.shape)
    layer.bias.assign(noise(5, seed=1))
    outputs = np.asarray(layer(inputs))

    repeated = np.pad(inputs.repeat(2, axis=1).repeat(2, axis=2), [(0, 0), (1, 1), (1, 1), (0, 0)])
    kernel = layer.kernel.numpy()[::-1, ::-1]
    expected = np.zeros((2, 12, 14, 5))
    for dy in range(3):
        for dx in range(3):
            expected += repeated[:, dy : dy + 12, dx : dx + 14] @ kernel[dy, dx].T
    np.testing.assert_allclose(outputs, expected + layer.bias.numpy(), atol=1e-5)


def test_pixel_shuffle_is_depth_to_space_of_a_convolution() -> None:
    layer = PixelShuffle(3)
    inputs = noise(2, 6, 4, 5)
    layer.build(inputs.shape)
    layer.kernel.assign(noise(3, 3, 5, 12, seed=1))
    layer.bias.assign(noise(3, seed=2))
    expected = tf.nn.depth_to_space(tf.nn.conv2d(inputs, layer.kernel.numpy(), 1, "SAME"), 2) + layer.bias.numpy()
    np.testing.assert_allclose(np.asarray(layer(inputs)), expected.numpy(), atol=1e-5)


def test_pixel_fold_is_space_to_depth() -> None:
    pictures = noise(2, 8, 12, 3)
    folded = np.asarray(PixelFold(2)(pictures))
    np.testing.assert_array_equal(folded, tf.nn.space_to_depth(pictures, 2))
    np.testing.assert_array_equal(tf.nn.depth_to_space(folded, 2), pictures)


@pytest.mark.parametrize("fold", [1, 2, 4])
def test_a_folded_generator_paints_at_full_size(fold: int) -> None:
    generator = build_generator(GeneratorConfig(image_size=32, width=4, fold=fold))
    assert generator(noise(1, 32, 32, 3)).shape == (1, 32, 32, 3)
    assert generator.get_layer("down0").output.shape[1] == 16 // fold


def test_pixel_shuffle_begins_without_checkerboard() -> None:
    outputs = np.asarray(PixelShuffle(3)(noise(1, 8, 8, 5)))
    for dy, dx in ((0, 1), (1, 0), (1, 1)):
        np.testing.assert_allclose(outputs[:, dy::2, dx::2], outputs[:, ::2, ::2], atol=1e-6)
    assert np.abs(outputs[:, 2::2] - outputs[:, :-2:2]).max() > 1e-3  # it is not simply flat


def test_instance_normalisation_is_group_normalisation_of_single_channels() -> None:
    ours, theirs = InstanceNormalisation(), keras.layers.GroupNormalization(groups=-1, epsilon=1e-5)
    inputs = 3 * noise(2, 8, 8, 6) + 5
    for layer in (ours, theirs):
        layer.build(inputs.shape)
        layer.gamma.assign(noise(6, seed=1))
        layer.beta.assign(noise(6, seed=2))
    np.testing.assert_allclose(np.asarray(ours(inputs)), np.asarray(theirs(inputs)), atol=1e-4)


def test_a_picture_alone_and_in_a_batch_are_painted_alike(generator: keras.Model) -> None:
    pictures = noise(4, 32, 32, 3)
    together = np.asarray(generator(pictures))
    for index in range(4):
        np.testing.assert_allclose(np.asarray(generator(pictures[index : index + 1]))[0], together[index], atol=1e-5)


def test_painting_has_no_chance_in_it(generator: keras.Model) -> None:
    picture = noise(1, 32, 32, 3)
    first = np.asarray(generator(picture, training=False))
    np.testing.assert_array_equal(np.asarray(generator(picture, training=False)), first)
    np.testing.assert_array_equal(np.asarray(generator(picture, training=True)), first)


def test_the_picture_depends_on_the_condition(generator: keras.Model) -> None:
    one, other = (np.asarray(generator(noise(1, 32, 32, 3, seed=seed))) for seed in (1, 2))
    assert np.abs(one - other).max() > 1e-3


@pytest.mark.parametrize(
    ("size", "width", "fold"), [(0, 64, 1), (16, 64, 1), (48, 64, 1), (256, 3, 1), (256, 129, 1), (256, 64, 3)]
)
def test_sizes_that_no_network_has_are_refused(size: int, width: int, fold: int) -> None:
    with pytest.raises(OptionError):
        GeneratorConfig(image_size=size, width=width, fold=fold)


def test_the_smallest_size_has_both_networks() -> None:
    pictures = noise(1, 32, 32, 3)
    assert build_generator(SMALL)(pictures).shape == (1, 32, 32, 3)
    assert build_discriminator(SMALL, 8)([pictures, pictures])[-1].shape == (1, 2, 2, 1)


def test_adversarial_loss_is_binary_cross_entropy() -> None:
    logits = noise(2, 3, 3, 1)
    for real in (True, False):
        expected = keras.losses.BinaryCrossentropy(from_logits=True)(np.full(logits.shape, float(real)), logits)
        assert float(adversarial_loss(logits, real)) == pytest.approx(float(expected), abs=1e-6)


def test_l1_loss_weighs_pixels() -> None:
    target, painted = np.zeros((1, 2, 2, 3), np.float32), np.full((1, 2, 2, 3), 0.5, np.float32)
    weight = np.array([[1, 0], [0, 5]], np.float32)[None, ..., None]
    assert float(l1_loss(target, painted)) == pytest.approx(0.5)
    assert float(l1_loss(target, painted, weight)) == pytest.approx(0.5 * 6 / 4)


def test_half_precision_weights_are_half_the_size_and_paint_the_same(tmp_path: Path) -> None:
    config = GeneratorConfig(image_size=32, width=32)
    generator = build_generator(config)
    full, half = tmp_path / "full.weights.h5", tmp_path / "half.weights.h5"
    generator.save_weights(full)
    save_half(generator, half)
    other = build_generator(config)
    other.load_weights(half)
    picture = noise(1, 32, 32, 3)
    before, after = np.asarray(generator(picture)), np.asarray(other(picture))
    assert 0 < np.abs(after - before).max() < 2 / 255  # a grey level, -1 to 1 being 255 of them
    assert half.stat().st_size < 0.6 * full.stat().st_size
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full.weights.h5", "half.weights.h5"]
