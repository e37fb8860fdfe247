"""The networks of the face swap: sizes, self-attention, first pictures without checkerboards, export."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from obamanet.engine.network import StoredNetwork, load_network
from obamanet.engine.onnx_export import export_network
from obamanet.errors import OptionError
from obamanet.networks.config import SwapConfig
from obamanet.networks.face_swap import (
    SelfAttention,
    build_swap_decoder,
    build_swap_discriminator,
    build_swap_encoder,
    compose,
    paint,
)
from obamanet.networks.signatures import build_signature

TINY = SwapConfig(image_size=64, width=4, code=16, self_attention=True, mask=True)


@pytest.mark.parametrize(("size", "mask"), [(64, False), (128, True), (256, True)])
def test_faces_come_out_in_the_size_they_went_in(size: int, mask: bool) -> None:
    config = SwapConfig(size, 4, 16, self_attention=mask, mask=mask)
    code = build_swap_encoder(config)(np.zeros((2, size, size, 3), np.float32))
    assert tuple(code.shape) == (2, *config.code_shape)
    painted = paint(build_swap_decoder(config), code)
    assert [tuple(part.shape) for part in painted] == [(2, size, size, 3), (2, size, size, 1)][: 1 + mask]
    patches = build_swap_discriminator(config, 4)([np.zeros((1, size, size, 3), np.float32)] * 2)
    assert tuple(patches.shape) == (1, size // 8, size // 8, 1)


@pytest.mark.parametrize("values", [{"image_size": 96}, {"width": 6}, {"width": 512}, {"code": 8}])
def test_sizes_that_no_swap_has_are_refused(values: dict[str, int]) -> None:
    with pytest.raises(OptionError, match=f"got {next(iter(values.values()))}"):
        SwapConfig(**values)


def test_self_attention_begins_as_the_identity_and_can_draw_from_all_places() -> None:
    layer = SelfAttention()
    places = np.random.default_rng(1).normal(size=(2, 4, 4, 8)).astype(np.float32)
    assert np.array_equal(np.asarray(layer(places)), places)
    # Without a query all places are seen alike: what is drawn is the mean.
    layer.query.assign(ops.zeros_like(layer.query))
    layer.gamma.assign(2.0)
    mean = (places @ np.asarray(layer.value)).mean(axis=(1, 2), keepdims=True)
    assert np.allclose(np.asarray(layer(places)), places + 2 * mean, atol=1e-5)


def test_a_new_decoder_paints_no_checkerboard() -> None:
    keras.utils.set_random_seed(2)
    code = np.ones((1, *TINY.code_shape), np.float32)
    picture = np.asarray(paint(build_swap_decoder(SwapConfig(64, 4, 16)), code)[0])[0]
    # Far from the border all places see the same; the pixels of one block would differ without equal kernels.
    assert np.abs(picture[30:32, 30:32] - picture[30, 30]).max() < 1e-6


def test_alpha_of_0_is_the_input_bit_for_bit() -> None:
    random = np.random.default_rng(3)
    painted, given = (random.uniform(size=(1, 8, 8, 3)).astype(np.float32) for _ in range(2))
    assert np.array_equal(np.asarray(compose(ops.zeros((1, 8, 8, 1)), painted, given)), given)
    assert np.array_equal(np.asarray(compose(ops.ones((1, 8, 8, 1)), painted, given)), painted)


def test_the_exported_networks_compute_what_keras_does(tmp_path: Path) -> None:
    keras.utils.set_random_seed(4)
    faces = np.random.default_rng(4).integers(0, 256, (2, 64, 64, 3)).astype(np.uint8)
    arrays: tuple[np.ndarray, ...] = (faces,)
    for kind in ("swap_encoder", "swap_decoder"):
        signature, path = build_signature(kind, TINY), tmp_path / f"{kind}.onnx"
        export_network(kind, TINY, signature, path)
        theirs = [np.asarray(part) for part in signature.call(*arrays)]
        ours = load_network(StoredNetwork(kind, TINY, path))(*arrays)
        for one, other in zip(ours, theirs, strict=True):
            assert one.shape == other.shape
            # Weights are stored at half precision; a picture may differ by a grey level.
            assert np.abs(one.astype(np.float64) - other).max() <= (1 if other.dtype == np.uint8 else 2e-3)
        arrays = tuple(theirs[:1])
