"""A person with its networks loaded, for repeated use."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from obamanet.engine.formats import Engine
from obamanet.engine.network import Network, check_engine, load_network
from obamanet.inference.frame_renderer import Renderer
from obamanet.inference.keypoint_predictor import Predictor
from obamanet.person import Person, check_fast

Part = TypeVar("Part")


class Speaker:
    """A loaded person: each network is read at its first use and kept; safe for several threads.

    Args:
        person: who speaks.
        engine: the back end that runs the networks.
        threads: pictures painted at once; None for one per core.

    Raises:
        EngineError: the engine is not installed; at first use, a network cannot be loaded.
        PersonError: engine fast is chosen and the person has no renderer in eight-bit integers.
    """

    def __init__(self, person: Person, engine: Engine = Engine.ONNXRUNTIME, threads: int | None = None) -> None:
        check_engine(engine)
        if engine is Engine.FAST:
            check_fast(person)
        self.person = person
        self.engine = engine
        self.threads = threads
        self._loaded: dict[str, Any] = {}
        self._loading = threading.Lock()

    @property
    def predictor(self) -> Predictor:
        """Sound to keypoints.

        Raises:
            PersonError: the person has no speech part.
        """
        return self._once("predictor", lambda: Predictor(self.person, self.engine))

    @property
    def renderer(self) -> Renderer:
        """Sketch to picture."""
        return self._once("renderer", lambda: Renderer(self.person, self.engine, self.threads))

    @property
    def poser_network(self) -> Network:
        """Timed phonemes to weights of mouth poses.

        Raises:
            PersonError: the person has no poser that fits its mouth poses.
        """
        return self._once("poser", lambda: load_network(self.person.poser_network, self.engine))

    def _once(self, name: str, load: Callable[[], Part]) -> Part:
        """Returns the result of the first ``load`` for ``name``; other threads wait for it."""
        with self._loading:
            if name not in self._loaded:
                self._loaded[name] = load()
            return self._loaded[name]


def as_speaker(speaker: Speaker | Person) -> Speaker:
    """Returns ``speaker`` itself, or a new :class:`Speaker` for a person."""
    return speaker if isinstance(speaker, Speaker) else Speaker(speaker)
