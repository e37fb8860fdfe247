"""How a generator is made smaller; apart from its training, so that help texts load no library."""

from __future__ import annotations

from dataclasses import dataclass, replace

from obamanet.errors import OptionError
from obamanet.networks.config import GeneratorConfig
from obamanet.training.loop.training_options import check_counts, check_seed


@dataclass(frozen=True)
class ReduceOptions:
    """How a generator is made smaller.

    Attributes:
        width: filters of the small generator's first layer; those of the other layers follow from it.
        steps: batches of 4 sketches that it learns from.
        seed: of everything random.

    Raises:
        OptionError: a number is out of range.
    """

    width: int
    steps: int = 3000
    seed: int = 1

    def __post_init__(self) -> None:
        check_counts(steps=self.steps)
        check_seed(self.seed)

    def config(self, full: GeneratorConfig) -> GeneratorConfig:
        """Returns the sizes of the small generator; raises :class:`OptionError` when it would not be smaller."""
        if self.width >= full.width:
            raise OptionError(f"reduced width must be below the full one, {full.width}: got {self.width}")
        return replace(full, width=self.width)
