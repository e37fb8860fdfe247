"""Base class for training LSTMs: initial states of zero, and the look-ahead."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from obamanet.networks.config import PredictorConfig
from obamanet.training.loop.ema_learner import EmaLearner
from obamanet.training.loop.training_options import EmaOptions


class LstmLearner(EmaLearner):
    """Trains a stack of LSTM layers of the sizes ``config``; subclasses define losses, validation and samples."""

    def __init__(self, config: PredictorConfig, options: EmaOptions) -> None:
        import tensorflow as tf

        from obamanet.networks.keypoint_lstm import build_predictor, run_predictor

        super().__init__(partial(build_predictor, config), options)
        self._config = config
        shapes = [(1, None, config.inputs), *((1, *shape) for shape in config.state_shapes)]
        self._run = tf.function(
            lambda *inputs: run_predictor(self._ema, list(inputs), training=False)[0],
            input_signature=[tf.TensorSpec(shape) for shape in shapes],
            autograph=False,
        )

    def forward(self, inputs: Any) -> Any:
        """Returns the outputs (B, L, outputs) of the network in training mode for ``inputs`` (B, L + delay, S).

        The states are zero at the first input, and the outputs of the first ``delay`` inputs are dropped.
        """
        import tensorflow as tf

        from obamanet.networks.keypoint_lstm import run_predictor

        states = [tf.zeros((inputs.shape[0], *shape)) for shape in self._config.state_shapes]
        return run_predictor(self._network, [inputs, *states], training=True)[0][:, self._config.delay :]

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """Returns the outputs (T, outputs) of the averaged network for one sequence of ``inputs`` (T + delay, S)."""
        states = [np.zeros((1, *shape), np.float32) for shape in self._config.state_shapes]
        return np.asarray(self._run(inputs[None], *states))[0, self._config.delay :]
