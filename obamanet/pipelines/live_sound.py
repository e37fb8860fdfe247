"""Moves a person's face live by sound: of a file as it is played, or of a microphone."""

from __future__ import annotations

import math
import time as clock
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from obamanet.audio.features import FeatureExtraction
from obamanet.audio.load import open_sound, stream_sound
from obamanet.audio.microphone import Microphone
from obamanet.audio.normalise_features import speech_reference
from obamanet.constants import SAMPLE_RATE
from obamanet.inference.speaker import Speaker
from obamanet.inference.streaming import KeypointStream, check_streaming, streaming_latency
from obamanet.keypoints.blinks import blinks_too_seldom
from obamanet.keypoints.lips import uncross_lips
from obamanet.person import Person
from obamanet.pipelines.speak import landmarks_at
from obamanet.timing import frames_to_cover
from obamanet.video.live_source import LiveFrame
from obamanet.video.sound_encoder import ArrivingSound, SoundSpan

LEVEL_SECONDS: Final = 10.0
"""Seconds of a sound file whose level is taken for that of all."""

BLINK_PERIOD: Final = 600.0
"""Seconds after which seeded blinks come at the same times again, since they are counted from the beginning on."""

READ_SECONDS: Final = 0.1
"""Seconds of a sound file that are read at once."""


class LiveSound(Protocol):
    """Sound that a person says while it comes."""

    @property
    def delay(self) -> float:
        """Seconds by which the mouth is shown after its sound."""
        ...

    @property
    def level(self) -> float | None:
        """Its reference level, as of :class:`obamanet.inference.streaming.KeypointStream`; None if it is not known."""
        ...

    @property
    def ended(self) -> bool:
        """Whether all of it was taken."""
        ...

    def take(self, time: float) -> np.ndarray:
        """Returns the next samples, mono (N,) at 16 kHz, up to ``time`` seconds at least, or all that are there."""
        ...


class SoundDriver:
    """A :class:`obamanet.pipelines.live_drivers.Driver`: the person's own head movement with a mouth that says a sound.

    Raises:
        PersonError: the person has no speech part, or one that needs the whole utterance.
    """

    def __init__(self, speaker: Speaker, sound: LiveSound) -> None:
        self._person, self._sound = speaker.person, sound
        self._stream: KeypointStream | None = KeypointStream(speaker, sound.level)
        self._mouths = np.zeros((0, *speaker.person.mouth.rest.shape), np.float32)
        self._first = 0
        self._latency = float(streaming_latency(speaker.person))
        reference = speaker.person.reference
        self._add_blinks = blinks_too_seldom(reference.points, float(reference.fps))
        # So that the first mouth is there in time.
        self._listen(self._latency - sound.delay)

    def next(self, image: np.ndarray | None, time: float) -> np.ndarray:
        """Returns the landmarks with the mouth of the sound heard ``sound.delay`` seconds before ``time``."""
        said = time - self._sound.delay
        self._listen(said + self._latency)
        blink_times = np.array([time % BLINK_PERIOD]) if self._add_blinks else None
        [face] = landmarks_at(np.array([time]), self._mouth(said)[None], self._person, blink_times)
        return face

    def _listen(self, time: float) -> None:
        """Predicts the mouths up to ``time`` seconds, as far as the sound is there."""
        if self._stream is None:
            return
        mouths = [self._stream.push(self._sound.take(time)).points]
        if self._sound.ended:
            mouths.append(self._stream.finish().points)
            self._stream = None
        self._mouths = np.concatenate([self._mouths, uncross_lips(np.concatenate(mouths))])

    def _mouth(self, time: float) -> np.ndarray:
        """Returns the mouth (20, 2) at ``time``, canonical: at rest before the sound, the last one after it."""
        number = math.floor(time * float(self._person.fps) + 0.5)
        if number < 0 or not len(self._mouths):
            return self._person.mouth.rest
        place = min(max(number - self._first, 0), len(self._mouths) - 1)
        self._mouths, self._first = self._mouths[place:], self._first + place
        return self._mouths[0]


class SpokenFile:
    """A sound file played at its own pace: a source of moments without pictures, and their :class:`LiveSound`.

    Raises:
        SoundError: the file cannot be read.
        PersonError: the person has no speech part, or one that needs the whole utterance.
    """

    delay = 0.0

    def __init__(self, path: Path, person: Person) -> None:
        check_streaming(person)
        self._duration = open_sound(path).duration
        self._blocks = stream_sound(path, block_seconds=READ_SECONDS)
        self._samples = 0
        self.ended = False
        self.fps = person.fps
        self.recorded = SoundSpan(path)
        first = next(stream_sound(path, block_seconds=LEVEL_SECONDS))
        self.level = speech_reference(FeatureExtraction(person.features).push(first))

    def frames(self) -> Iterator[LiveFrame]:
        """Yields a moment for each frame of the sound when it is due."""
        start = clock.monotonic()
        for number in range(frames_to_cover(self._duration, self.fps)):
            time = float(number / self.fps)
            clock.sleep(max(0.0, start + time - clock.monotonic()))
            yield LiveFrame(time, start + time)

    def take(self, time: float) -> np.ndarray:
        """Returns the samples up to ``time`` seconds, in whole blocks."""
        blocks = [np.zeros(0, np.float32)]
        while not self.ended and self._samples < time * SAMPLE_RATE:
            block = next(self._blocks, None)
            if block is None:
                self.ended = True
                break
            blocks.append(block)
            self._samples += len(block)
        return np.concatenate(blocks)


class SpokenLive:
    """What is said into a microphone: a source of moments, which go by its samples, and their :class:`LiveSound`.

    Raises:
        PersonError: the person has no speech part, or one that needs the whole utterance.
    """

    level = None
    ended = False

    def __init__(self, microphone: Microphone, person: Person) -> None:
        check_streaming(person)
        self._microphone = microphone
        self.fps = person.fps
        # A frame more, for what the resampler holds back.
        delay = streaming_latency(person) + 1 / person.fps
        self.delay = float(delay)
        self.recorded = ArrivingSound(microphone.rate, delay)
        microphone.listen(self.recorded.put)

    def frames(self) -> Iterator[LiveFrame]:
        """Opens the microphone, and yields a moment for each frame's length of sound.

        Raises:
            SoundError: the microphone cannot be opened, or has vanished.
        """
        with self._microphone:
            for number in count():
                time = float(number / self.fps)
                self._microphone.wait(time)
                yield LiveFrame(time, clock.monotonic())

    def take(self, time: float) -> np.ndarray:
        """Returns all samples that are there."""
        return self._microphone.take()
