"""The graph from sound features to PCA mouth keypoints: a stack of LSTM layers (Kumar et al. 2017, section 3.2)."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from obamanet.networks.config import PredictorConfig


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
