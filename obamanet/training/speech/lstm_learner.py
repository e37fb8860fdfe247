"""What trainings of a predictor's graph share: states that begin at zero, and the look-ahead."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from obamanet.networks.config import PredictorConfig
from obamanet.training.loop.ema_learner import EmaLearner, OptimiserOptions


class LstmLearner(EmaLearner):
    """Teaches a stack of LSTM layers of the sizes ``config``; subclasses tell the losses and validate."""

    def __init__(
        self, config: PredictorConfig, course: OptimiserOptions, *, weight_decay: float | None = None, warm_up: int = 1
    ) -> None:
        import tensorflow as tf

        from obamanet.networks.keypoint_lstm import build_predictor, run_predictor

        super().__init__(partial(build_predictor, config), course, weight_decay=weight_decay, warm_up=warm_up)
        self._config = config
        shapes = [(1, None, config.inputs), *((1, *shape) for shape in config.state_shapes)]
        self._run = tf.function(
            lambda *inputs: run_predictor(self._ema, list(inputs), training=False)[0],
            input_signature=[tf.TensorSpec(shape) for shape in shapes],
            autograph=False,
        )

    def taught(self, inputs: Any) -> Any:
        """Return what the network in training makes of ``inputs`` (B, L + delay, S): (B, L, outputs)."""
        import tensorflow as tf

        from obamanet.networks.keypoint_lstm import run_predictor

        states = [tf.zeros((inputs.shape[0], *shape)) for shape in self._config.state_shapes]
        return run_predictor(self._network, [inputs, *states], training=True)[0][:, self._config.delay :]

    def said(self, inputs: np.ndarray) -> np.ndarray:
        """Return what the averaged network makes of ``inputs`` (T + delay, S): (T, outputs)."""
        states = [np.zeros((1, *shape), np.float32) for shape in self._config.state_shapes]
        return np.asarray(self._run(inputs[None], *states))[0, self._config.delay :]
