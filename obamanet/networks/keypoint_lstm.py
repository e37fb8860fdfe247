"""The graph from sound features to PCA mouth keypoints: stacked LSTM layers (Kumar et al. 2017, section 3.2)."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from obamanet.networks.config import PredictorConfig


def build_predictor(config: PredictorConfig) -> keras.Model:
    """Returns the predictor.

    States are inputs and outputs of the graph, so that a long sound can run chunk by chunk with the same result.

    Returns:
        Graph from features (B, T, inputs) and states to PCA values (B, T, outputs) and new states.
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
            x, *layer_states = lstm(x, initial_state=states[2 * number : 2 * number + 2])
            new_states += layer_states
        x = layers.Dropout(config.dropout)(x)
    outputs = layers.Dense(config.outputs, name="components")(x)
    return keras.Model([sequence, *states], [outputs, *new_states], name="predictor")


def run_predictor(network: keras.Model, inputs: list[Any], *, training: bool) -> list[Any]:
    """Runs a predictor.

    Args:
        network: the graph of :func:`build_predictor`.
        inputs: the features, then the states.
        training: whether dropout is active.

    Returns:
        PCA values, then the new states; always a list, although Keras returns the only output of a graph bare.
    """
    outputs = network(inputs, training=training)
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]
