"""Turns text into a video of a person who says it: text to speech, then speech to video."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from obamanet.about import SOFTWARE
from obamanet.audio.load import MAX_SOUND_SECONDS, load_sound, open_sound
from obamanet.errors import OptionError, SoundError
from obamanet.files import ensure_output_path, scratch_folder
from obamanet.keypoints.mouth_poses import pose_names
from obamanet.progress import Progress
from obamanet.provenance import check_key
from obamanet.types import AudioClip
from text2face.syllables.timed import syllables_of
from text2face.text.markup import MarkupRemover
from text2face.text.normalise import read_out
from text2face.text.sentences import split_sentences
from text2face.timed_speech import Phoneme, Speech, SpokenWord
from text2face.timeline import TimedSentence, TimedWord, check_timeline_names, open_timelines
from text2face.voice.aligners import Aligner, align
from text2face.voice.espeak import NothingToSayError, speak_timed
from text2face.voice.voices import Voice, choose_voice, known_language

if TYPE_CHECKING:
    from obamanet.inference.speaker import Speaker
    from obamanet.person import Person
    from obamanet.pipelines.speak import SpeakOptions, SpokenVideo
    from obamanet.types import CanonicalKeypoints
    from text2face.mouth.mouth_track import MouthTrack

SAMPLE_RATE = 22_050
"""Sample rate of all voices in Hz: eSpeak NG's own."""

Annotate = Callable[[TimedSentence], TimedSentence]
"""Takes each timed sentence, in order, and returns it with its mouth poses."""


class MouthSource(StrEnum):
    """What the mouth is predicted from."""

    AUDIO = "audio"
    """The voice's sound, by the speech predictor."""

    SYLLABLES = "syllables"
    """Timed syllables, by mouth poses; without the sound."""


@dataclass(frozen=True)
class SayOptions:
    """Options of speaking a text.

    Attributes:
        language: tag such as "en-gb", "en-us", "es" or "es-419".
        voice: as in :func:`text2face.voice.voices.choose_voice`.
        rate: speed, 1 for the voice's default.
        timelines: files to write with the times of all phonemes; the suffix chooses JSON, TSV or WebVTT.
        speak: options of the video; None for the defaults.
        via: what the mouth is predicted from; None for syllables where the person has a poser, else for the sound. For
            a recording None is the sound.
        aligner: finds the times in a recording.
    """

    language: str = "en-gb"
    voice: str = "espeak"
    rate: float = 1.0
    timelines: tuple[Path, ...] = ()
    speak: SpeakOptions | None = None
    via: MouthSource | None = None
    aligner: Aligner = Aligner.AUTO


@dataclass
class _Notes:
    """Counts the parts of a text that were left out."""

    left_out: Counter[str] = field(default_factory=Counter)
    markup: MarkupRemover = field(default_factory=MarkupRemover)

    def listed(self) -> str:
        """Returns the parts that were left out, with their numbers; "" for none."""
        return ", ".join(f"{count} {kind}" for kind, count in sorted(self.left_out.items()))

    def report(self, progress: Progress) -> None:
        """Reports the parts and the tags that were left out, one line each, if there are any."""
        if notice := self.markup.notice():
            progress.note(notice)
        if self.left_out:
            progress.note(f"left out, since the voice cannot say them: {self.listed()}")


@dataclass(frozen=True)
class PoseAnnotator:
    """Adds mouth poses to the sentences of a timeline.

    Attributes:
        annotate: adds a sentence's mouth poses; None leaves sentences without.
        pose_names: names of all the person's mouth poses.
    """

    annotate: Annotate | None = None
    pose_names: tuple[str, ...] = ()


def pose_annotator(person: Person) -> PoseAnnotator:
    """Returns the annotator with the mouth poses of ``person``.

    Raises :class:`obamanet.errors.PersonError` for a person without a poser.
    """
    from obamanet.inference.speaker import Speaker

    mouth = _mouth_track(Speaker(person), MouthSource.SYLLABLES)
    return PoseAnnotator(_annotate_from(mouth), _pose_names(person, MouthSource.SYLLABLES))


def say(
    text: str | Iterable[str],
    out: Path,
    speaker: Speaker | Person,
    options: SayOptions | None = None,
    progress: Progress | None = None,
) -> SpokenVideo:
    """Writes a video of a person who says a text, labelled and signed as synthetic.

    The text is voiced sentence by sentence, so that memory does not grow with its length. Timelines are complete before
    the video is begun.

    Args:
        text: the text, or pieces of it, cut anywhere.
        out: the video.
        speaker: the person, or the person with its networks loaded.
        options: how to speak.
        progress: gets the progress and the notes.

    Raises:
        obamanet.errors.ObamanetError: text, voice or language cannot be spoken, or the speech takes longer than the
            24 hours that a video may have; ``out`` is left as it was.
    """
    options, progress = options or SayOptions(), progress or Progress()
    out = ensure_output_path(out)
    _check_key(options)
    from obamanet.inference.speaker import as_speaker

    speaker = as_speaker(speaker)
    person = speaker.person
    via = options.via or (MouthSource.SYLLABLES if person.poser else MouthSource.AUDIO)
    mouth = _mouth_track(speaker, via)
    with scratch_folder(out) as folder:
        wav = folder / "voice.wav"
        annotator = PoseAnnotator(_annotate_from(mouth), _pose_names(person, via))
        write_voice(text, wav, options, progress, annotator, longest=float(MAX_SOUND_SECONDS))
        return _render(mouth, wav, out, speaker, via, options.speak, progress)


def say_recording(
    text: str | Iterable[str],
    recording: Path,
    out: Path,
    speaker: Speaker | Person,
    options: SayOptions | None = None,
    progress: Progress | None = None,
) -> SpokenVideo:
    """Writes a video of a person who speaks a recording, whose words are ``text``; otherwise as :func:`say`.

    When alignment fails, and its times are needed neither for timelines nor for syllables, the sound alone moves the
    mouth.
    """
    options, progress = options or SayOptions(), progress or Progress()
    _check_key(options)
    from obamanet.inference.speaker import as_speaker

    speaker = as_speaker(speaker)
    person = speaker.person
    via = options.via or MouthSource.AUDIO
    mouth = _mouth_track(speaker, via)
    try:
        annotator = PoseAnnotator(_annotate_from(mouth), _pose_names(person, via))
        write_recording_timelines(text, recording, options, progress, annotator)
    except SoundError as error:
        if options.timelines or via is MouthSource.SYLLABLES:
            raise
        progress.note(f"the mouth goes by the sound alone: {error}")
    return _render(mouth, recording, out, speaker, via, options.speak, progress)


def write_voice(
    text: str | Iterable[str],
    wav: Path | None,
    options: SayOptions,
    progress: Progress,
    annotator: PoseAnnotator,
    longest: float | None = None,
) -> float:
    """Voices a text and writes its timelines.

    Args:
        text: the text, or pieces of it, cut anywhere.
        wav: sound file to write, 16 bit mono at SAMPLE_RATE; None for none.
        options: voice, language and timelines.
        progress: gets the progress and the notes.
        annotator: adds mouth poses to the timelines.
        longest: maximum length in seconds; None for no limit.

    Returns:
        Length of the sound in seconds.

    Raises:
        OptionError: there is nothing to say.
        SoundError: the sound is longer than ``longest``.
    """
    check_timeline_names(options.timelines)
    voice = choose_voice(options.voice, options.language, options.rate)
    language = known_language(options.language)
    notes = _Notes()
    spoken = _spoken(text, voice, language, notes)
    first = next(spoken, None)
    if first is None:
        raise _nothing(notes)
    length = 0
    with ExitStack() as stack:
        timeline = stack.enter_context(open_timelines(options.timelines, language, annotator.pose_names))
        file = stack.enter_context(_open_wav(wav)) if wav else None
        timeline.begin()
        for written, speech in progress.track(_chained(first, spoken), "voicing"):
            start = length / SAMPLE_RATE
            length += len(speech.clip.samples)
            if longest and length > longest * SAMPLE_RATE:
                raise SoundError(
                    f"text takes more than {longest / 3600:.0f} h to say, which is the most for one video; "
                    f"cut it before: {written[:60]!r}"
                )
            if file:
                file.write(np.clip(speech.clip.samples, -1, 1))
            sentence = _timed(written, speech, start, length / SAMPLE_RATE, language)
            timeline.add(annotator.annotate(sentence) if annotator.annotate else sentence)
        timeline.finish(length / SAMPLE_RATE)
    notes.report(progress)
    return length / SAMPLE_RATE


def write_recording_timelines(
    text: str | Iterable[str],
    recording: Path,
    options: SayOptions,
    progress: Progress,
    annotator: PoseAnnotator,
) -> None:
    """Writes the timelines of ``recording``, whose words are ``text``, with times found by alignment.

    Every sentence goes through ``annotator``, as in :func:`write_voice`. Nothing is done when there are neither
    timelines nor an annotator. Raises what :func:`say` and :func:`text2face.voice.aligners.align` raise.
    """
    if not options.timelines and not annotator.annotate:
        return
    check_timeline_names(options.timelines)
    language = known_language(options.language)
    notes = _Notes()
    clip = load_sound(recording, SAMPLE_RATE)
    written, parts = [], []
    for sentence, reading in _readings(text, language, notes):
        try:
            parts.append(speak_timed(reading, language))
        except NothingToSayError:
            continue
        written.append(sentence)
    if not parts:
        raise _nothing(notes)
    words = iter(align(clip, _joined(parts), options.aligner).speech.words)
    with open_timelines(options.timelines, language, annotator.pose_names) as timeline:
        timeline.begin()
        for sentence, part in zip(written, parts, strict=True):
            own = tuple(next(words) for _ in part.words)
            if own:
                start, end = own[0].phonemes[0].start, own[-1].phonemes[-1].end
                timed = _timed(sentence, Speech(clip, _shifted(own, -start)), start, end, language)
                timeline.add(annotator.annotate(timed) if annotator.annotate else timed)
        timeline.finish(float(clip.duration))
    notes.report(progress)


def _check_key(options: SayOptions) -> None:
    """Checks the signing key before the text is voiced and networks are loaded."""
    check_key(options.speak.key if options.speak else None)


def _mouth_track(speaker: Speaker, via: MouthSource) -> MouthTrack:
    """Returns an empty mouth track, with a poser where the mouth is predicted from syllables."""
    from text2face.mouth.mouth_track import MouthTrack
    from text2face.mouth.pose_predictor import Poser

    poser = Poser(speaker.person, speaker.poser_network) if via is MouthSource.SYLLABLES else None
    return MouthTrack(speaker.person, poser)


def _annotate_from(mouth: MouthTrack) -> Annotate:
    def annotate(sentence: TimedSentence) -> TimedSentence:
        words = [word.syllables for word in sentence.words]
        return replace(sentence, poses=mouth.add(words, sentence.start, sentence.end))

    return annotate


def _pose_names(person: Person, via: MouthSource) -> tuple[str, ...]:
    """Returns the names of the mouth poses for the timelines; empty unless the mouth is predicted from syllables."""
    if via is not MouthSource.SYLLABLES:
        return ()
    from obamanet.person import poses_of

    return pose_names(poses_of(person), person.mouth.pca)


def _render(
    mouth: MouthTrack,
    sound: Path,
    out: Path,
    speaker: Speaker,
    via: MouthSource,
    speak_options: SpeakOptions | None,
    progress: Progress,
) -> SpokenVideo:
    """Writes the video of ``sound``, with the mouth predicted from ``via`` and the lips held to the text's times."""
    from obamanet.pipelines.speak import (
        SpeakOptions,
        check_output,
        draw_sketches,
        move_lips,
        render_frames,
        save_keypoints,
        write_video,
    )
    from obamanet.video.sound_encoder import SoundSpan

    speak_options = speak_options or SpeakOptions()
    out = check_output(sound, out, speak_options)
    predicted, duration = _keypoints(mouth, sound, speaker, via)
    keypoints = move_lips(predicted, duration, speaker.person, speak_options, mouth.articulate)
    if speak_options.keypoints_out:
        save_keypoints(keypoints, speak_options.keypoints_out)
    sketches = draw_sketches(keypoints, speaker.person)
    frames = render_frames(sketches, speaker)
    return write_video(
        frames, keypoints, SoundSpan(sound, duration=duration), out, speaker.person, speak_options, progress
    )


def _keypoints(
    mouth: MouthTrack, sound: Path, speaker: Speaker, via: MouthSource
) -> tuple[CanonicalKeypoints, Fraction]:
    """Returns the predicted keypoints at the person's frame rate, and the length of ``sound`` in seconds."""
    from obamanet.pipelines.speak import predict_sound

    if via is MouthSource.SYLLABLES:
        duration = open_sound(sound).duration
        return mouth.keypoints(duration), duration
    return predict_sound(sound, speaker)


def _readings(text: str | Iterable[str], language: str, notes: _Notes) -> Iterator[tuple[str, str]]:
    """Yields each sentence that can be spoken, as written and as read out."""
    plain = notes.markup.plain([text] if isinstance(text, str) else text)
    for sentence in split_sentences(plain, language):
        reading = read_out(sentence, language)
        notes.left_out += reading.left_out
        if reading.text:
            yield sentence, reading.text


def _spoken(text: str | Iterable[str], voice: Voice, language: str, notes: _Notes) -> Iterator[tuple[str, Speech]]:
    for sentence, reading in _readings(text, language, notes):
        try:
            yield sentence, voice.say(reading)
        except NothingToSayError:
            # Characters that are letters in Unicode but have no sound in this voice.
            notes.left_out["sentences without a sound"] += 1


def _chained(first: tuple[str, Speech], rest: Iterator[tuple[str, Speech]]) -> Iterator[tuple[str, Speech]]:
    yield first
    yield from rest


def _nothing(notes: _Notes) -> OptionError:
    got = notes.listed() or "no letter"
    return OptionError(f"text holds nothing that can be said: got {got}; at least one word is needed")


def _open_wav(path: Path):  # type: ignore[no-untyped-def]  # soundfile comes without types
    import soundfile

    file = soundfile.SoundFile(path, "w", SAMPLE_RATE, 1, "PCM_16", format="WAV")
    file.software = SOFTWARE
    return file


def _timed(written: str, speech: Speech, start: float, end: float, language: str) -> TimedSentence:
    words = tuple(TimedWord(word.text, syllables_of(word, language)) for word in speech.words)
    return TimedSentence(" ".join(written.split()), start, end, words)


def _joined(parts: Sequence[Speech]) -> Speech:
    """Returns the concatenation of ``parts``."""
    words: list[SpokenWord] = []
    start = 0.0
    for part in parts:
        words += _shifted(part.words, start)
        start += float(part.clip.duration)
    samples = np.concatenate([part.clip.samples for part in parts])
    return Speech(AudioClip(samples, SAMPLE_RATE, "joined sentences"), tuple(words))


def _shifted(words: Sequence[SpokenWord], seconds: float) -> tuple[SpokenWord, ...]:
    def shifted(sound: Phoneme) -> Phoneme:
        return sound.shifted(seconds)

    return tuple(SpokenWord(word.text, tuple(map(shifted, word.phonemes))) for word in words)
