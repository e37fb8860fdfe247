"""A person with its networks loaded, ready to speak many times."""

from __future__ import annotations

from functools import cached_property

from obamanet.engine.network import Engine, check_engine
from obamanet.hearing.closures import ClosureDetector
from obamanet.inference.predictor import Predictor
from obamanet.inference.renderer import Renderer
from obamanet.person import Person


class Speaker:
    """A loaded person: each network is read at its first use and kept; several threads may speak with one.

    Args:
        person: who speaks.
        engine: the back end that runs the networks.

    Raises:
        EngineError: the engine is not installed; later, a network cannot be loaded.
    """

    def __init__(self, person: Person, engine: Engine = Engine.ONNXRUNTIME) -> None:
        check_engine(engine)
        self.person = person
        self.engine = engine

    @cached_property
    def predictor(self) -> Predictor:
        """Sound to keypoints; raises :class:`obamanet.errors.PersonError` for a person without speech part."""
        return Predictor(self.person, self.engine)

    @cached_property
    def closures(self) -> ClosureDetector:
        """What hears when lips are shut."""
        return ClosureDetector(self.engine)

    @cached_property
    def renderer(self) -> Renderer:
        """Sketch to picture."""
        return Renderer(self.person, self.engine)


def as_speaker(speaker: Speaker | Person) -> Speaker:
    """Return ``speaker``, or one for the person that was given."""
    return speaker if isinstance(speaker, Speaker) else Speaker(speaker)
