"""Paints pictures from sketches with a person's pix2pix generator, batch by batch through one traced function."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from obamanet.errors import PersonError
from obamanet.person import Person

BATCH = 8
"""Pictures painted at once: enough to keep two cores busy, little enough that memory stays small."""


class Renderer:
    """A person's sketch-to-picture network; build it once, it holds the weights."""

    def __init__(self, person: Person) -> None:
        import tensorflow as tf

        from obamanet.networks.pix2pix import build_generator

        size, channels = person.generator.image_size, person.generator.in_channels
        self._network = build_generator(person.generator)
        try:
            self._network.load_weights(person.renderer_weights)
        except (OSError, ValueError, KeyError) as error:
            reason = str(error).partition("\n")[0]
            raise PersonError(f"renderer weights do not fit: {person.renderer_weights}: {reason}") from error
        self._shape = (BATCH, size, size, channels)
        self._run = tf.function(self._paint, input_signature=[tf.TensorSpec(self._shape, tf.uint8)], autograph=False)

    def paint(self, sketches: np.ndarray) -> np.ndarray:
        """Return the pictures of ``sketches`` (n, S, S, 3) uint8 BGR, n at most 8: the same shape and type."""
        batch = np.zeros(self._shape, np.uint8)
        batch[: len(sketches)] = sketches
        return np.asarray(self._run(batch))[: len(sketches)]

    def paint_all(self, sketches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield the picture of each sketch (S, S, 3) uint8 BGR in order, painted eight at a time."""
        waiting: list[np.ndarray] = []
        for sketch in sketches:
            waiting.append(sketch)
            if len(waiting) == BATCH:
                yield from self.paint(np.stack(waiting))
                waiting = []
        if waiting:
            yield from self.paint(np.stack(waiting))

    def _paint(self, sketches: object) -> object:
        import tensorflow as tf

        pictures = self._network(tf.cast(sketches, tf.float32) / 127.5 - 1.0, training=False)
        return tf.cast(tf.clip_by_value((pictures + 1.0) * 127.5 + 0.5, 0.0, 255.0), tf.uint8)
