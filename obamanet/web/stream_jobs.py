"""Jobs whose video is read while it is painted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from obamanet.batch.kinds import SayJob, SpeakJob
from obamanet.pipelines.speak import SpeakOptions
from obamanet.provenance import SigningKey
from text2face.say import SayOptions


@dataclass(frozen=True)
class SpeakStreamJob(SpeakJob):
    """As :class:`SpeakJob`; the video is labelled in every picture and not signed."""

    def _options(self, key: SigningKey | None) -> SpeakOptions:
        return replace(super()._options(key), streamed=True)


@dataclass(frozen=True)
class SayStreamJob(SayJob):
    """As :class:`SayJob`; the video is labelled in every picture and not signed."""

    def _options(self, folder: Path, name: str, key: SigningKey | None) -> SayOptions:
        options = super()._options(folder, name, key)
        assert options.speak is not None
        return replace(options, speak=replace(options.speak, streamed=True))
