"""The graph from sound features to PCA mouth keypoints: a stack of LSTM layers (Kumar et al. 2017, section 3.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from obamanet.errors import OptionError

MAX_DELAY = 480
"""Video frames: the longest look-ahead, 2 s, at the highest frame rate, 240."""


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


def build_predictor(config: PredictorConfig) -> keras.Model:
    """Return the graph: inputs (B, T, inputs) and the states, to outputs (B, T, outputs) and the new states.

    States are inputs and outputs of the graph, so that a long sound can be run chunk by chunk with the whole's result.
    """
    sequence = keras.Input((None, config.inputs), name="features")
    states = [keras.Input(shape, name=f"state{i}") for i, shape in enumerate(config.state_shapes)]
    x: keras.KerasTensor = layers.Dropout(config.dropout)(sequence)
    new_states = []
    for number in range(config.layers):
        name = f"lstm{number}"
        if config.bidirectional:
            x = layers.Bidirectional(layers.LSTM(config.units, return_sequences=True), name=name)(x)
        else:
            lstm = layers.LSTM(config.units, return_sequences=True, return_state=True, name=name)
            x, *after = lstm(x, initial_state=states[2 * number : 2 * number + 2])
            new_states += after
        x = layers.Dropout(config.dropout)(x)
    outputs = layers.Dense(config.outputs, name="components")(x)
    return keras.Model([sequence, *states], [outputs, *new_states], name="predictor")


def run_predictor(network: keras.Model, inputs: list[Any], *, training: bool) -> list[Any]:
    """Return what ``network`` makes of features and states: the components, then the new states.

    Keras hands out the only output of a graph bare, and a bidirectional predictor has no states.
    """
    outputs = network(inputs, training=training)
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]
