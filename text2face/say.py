"""Text in, video of a face that says it out: text to voice, and the voice to the face."""

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
"""Hz of every voice, eSpeak NG's own."""

Follow = Callable[[TimedSentence], TimedSentence]
"""What is given each sentence, in order, with its times, and returns it with its mouth poses, if it knows them."""


class MouthSource(StrEnum):
    """The road from a text to a mouth."""

    AUDIO = "audio"
    """Text to voice, and the voice to the mouth by the speech predictor."""

    SYLLABLES = "syllables"
    """Timed syllables to mouth poses; the mouth needs no sound."""


@dataclass(frozen=True)
class SayOptions:
    """How to say a text.

    ``language`` is a tag as "en-gb", "en-us", "es" or "es-419", ``voice`` and ``rate`` as
    :func:`text2face.voice.voices.choose_voice` has them; ``timelines`` are files for what is said when, by their suffix
    JSON, TSV or WebVTT; ``speak`` is how the video is made (None for the usual way). ``via`` is the road to the mouth,
    None for the better one: syllables where the person has learned them, for a recording its own sound.
    ``aligner`` finds the times of a recording.
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
    """Counts what of a text was not said."""

    left_out: Counter[str] = field(default_factory=Counter)
    markup: MarkupRemover = field(default_factory=MarkupRemover)

    def tell(self, progress: Progress) -> None:
        """Tell in one line each what was left out and which tags were, if anything was."""
        if notice := self.markup.notice():
            progress.note(notice)
        if self.left_out:
            told = ", ".join(f"{count} {kind}" for kind, count in sorted(self.left_out.items()))
            progress.note(f"left out, since the voice cannot say them: {told}")


@dataclass(frozen=True)
class Following:
    """What adds mouth poses to timelines: ``follow`` gets each sentence, ``poses`` are the names of all poses."""

    follow: Follow | None = None
    poses: tuple[str, ...] = ()


def followed_by(person: Person) -> Following:
    """Return what adds the mouth poses of ``person``; raises :class:`obamanet.errors.PersonError` without a poser."""
    from obamanet.inference.speaker import Speaker

    return Following(
        _follower(_mouth_track(Speaker(person), MouthSource.SYLLABLES)), _pose_names(person, MouthSource.SYLLABLES)
    )


def say(
    text: str | Iterable[str],
    out: Path,
    speaker: Speaker | Person,
    options: SayOptions | None = None,
    progress: Progress | None = None,
) -> SpokenVideo:
    """Write the video ``out`` of a person saying ``text``, labelled and signed as synthetic.

    A long text may come in pieces, cut anywhere; it is voiced sentence by sentence, and memory does not grow with its
    length. Timelines are complete before the video is begun. Raises an :class:`obamanet.errors.ObamanetError` for a
    text, voice or language that cannot be said, or one that takes longer than the 24 hours a video may have; then
    ``out`` is as it was before.
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
        following = Following(_follower(mouth), _pose_names(person, via))
        write_voice(text, wav, options, progress, following, longest=float(MAX_SOUND_SECONDS))
        return _show(mouth, wav, out, speaker, via, options.speak, progress)


def say_recording(
    text: str | Iterable[str],
    recording: Path,
    out: Path,
    speaker: Speaker | Person,
    options: SayOptions | None = None,
    progress: Progress | None = None,
) -> SpokenVideo:
    """Write the video ``out`` of a person saying ``recording``, whose words are ``text``; else as :func:`say`.

    When the times of the text are not found, and are needed for nothing else, the sound alone moves the mouth.
    """
    options, progress = options or SayOptions(), progress or Progress()
    _check_key(options)
    from obamanet.inference.speaker import as_speaker

    speaker = as_speaker(speaker)
    person = speaker.person
    via = options.via or MouthSource.AUDIO
    mouth = _mouth_track(speaker, via)
    try:
        following = Following(_follower(mouth), _pose_names(person, via))
        write_recording_timelines(text, recording, options, progress, following)
    except SoundError as error:
        if options.timelines or via is MouthSource.SYLLABLES:
            raise
        progress.note(f"the mouth goes by the sound alone: {error}")
    return _show(mouth, recording, out, speaker, via, options.speak, progress)


def write_voice(
    text: str | Iterable[str],
    wav: Path | None,
    options: SayOptions,
    progress: Progress,
    following: Following,
    longest: float | None = None,
) -> float:
    """Write ``text`` as a voice says it into ``wav``, 16 bit mono, and the timelines; return its length in seconds.

    ``following`` may add mouth poses to the timelines. Raises :class:`OptionError` when there is nothing to say and
    :class:`SoundError` beyond ``longest`` seconds.
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
        timeline = stack.enter_context(open_timelines(options.timelines, language, following.poses))
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
            timeline.add(following.follow(sentence) if following.follow else sentence)
        timeline.finish(length / SAMPLE_RATE)
    notes.tell(progress)
    return length / SAMPLE_RATE


def write_recording_timelines(
    text: str | Iterable[str],
    recording: Path,
    options: SayOptions,
    progress: Progress,
    following: Following,
) -> None:
    """Write the timelines of ``recording``, whose words are ``text``; the times are found by alignment.

    ``following`` is that of :func:`write_voice`. Does nothing when neither it nor a timeline is wanted.
    Raises as :func:`say` and :func:`text2face.voice.aligners.align`.
    """
    if not options.timelines and not following.follow:
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
    with open_timelines(options.timelines, language, following.poses) as timeline:
        timeline.begin()
        for sentence, part in zip(written, parts, strict=True):
            own = tuple(next(words) for _ in part.words)
            if own:
                start, end = own[0].phonemes[0].start, own[-1].phonemes[-1].end
                timed = _timed(sentence, Speech(clip, _shifted(own, -start)), start, end, language)
                timeline.add(following.follow(timed) if following.follow else timed)
        timeline.finish(float(clip.duration))
    notes.tell(progress)


def _check_key(options: SayOptions) -> None:
    """Tell a key that cannot sign before the text is voiced and networks are loaded."""
    check_key(options.speak.key if options.speak else None)


def _mouth_track(speaker: Speaker, via: MouthSource) -> MouthTrack:
    """Return what gathers the mouth's times, and on the road of syllables its movement."""
    from text2face.mouth.mouth_track import MouthTrack
    from text2face.mouth.pose_predictor import Poser

    poser = Poser(speaker.person, speaker.poser_network) if via is MouthSource.SYLLABLES else None
    return MouthTrack(speaker.person, poser)


def _follower(mouth: MouthTrack) -> Follow:
    def follow(sentence: TimedSentence) -> TimedSentence:
        words = [word.syllables for word in sentence.words]
        return replace(sentence, poses=mouth.add(words, sentence.start, sentence.end))

    return follow


def _pose_names(person: Person, via: MouthSource) -> tuple[str, ...]:
    """Return the names of the mouth poses that the timelines tell: only the road of syllables goes by them."""
    if via is not MouthSource.SYLLABLES:
        return ()
    from obamanet.person import poses_of

    return pose_names(poses_of(person), person.mouth.pca)


def _show(
    mouth: MouthTrack,
    sound: Path,
    out: Path,
    speaker: Speaker,
    via: MouthSource,
    speaking: SpeakOptions | None,
    progress: Progress,
) -> SpokenVideo:
    """Write the video of ``sound`` with the mouth of the road that was chosen, its lips held to the text's times."""
    from obamanet.pipelines.speak import SpeakOptions, check_output, move_lips, render_video

    speaking = speaking or SpeakOptions()
    out = check_output(sound, out, speaking)
    learned, duration = _keypoints(mouth, sound, speaker, via)
    spoken = move_lips(learned, duration, speaker.person, speaking, mouth.articulate)
    return render_video(spoken, sound, duration, out, speaker, speaking, progress)


def _keypoints(
    mouth: MouthTrack, sound: Path, speaker: Speaker, via: MouthSource
) -> tuple[CanonicalKeypoints, Fraction]:
    """Return the mouth at the person's frame rate, and the length of ``sound`` in seconds."""
    from obamanet.pipelines.speak import load_features, predict_raw

    if via is MouthSource.SYLLABLES:
        duration = open_sound(sound).duration
        return mouth.keypoints(duration), duration
    features = load_features(sound, speaker.person)
    return predict_raw(features, speaker), features.duration


def _readings(text: str | Iterable[str], language: str, notes: _Notes) -> Iterator[tuple[str, str]]:
    """Yield each sentence that has something to say, as written and as it is said."""
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
            # Signs that are letters to Unicode but no sound to the voice.
            notes.left_out["sentences without a sound"] += 1


def _chained(first: tuple[str, Speech], rest: Iterator[tuple[str, Speech]]) -> Iterator[tuple[str, Speech]]:
    yield first
    yield from rest


def _nothing(notes: _Notes) -> OptionError:
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(notes.left_out.items()))
    return OptionError(f"text holds nothing that can be said: got {told or 'no letter'}; at least one word is needed")


def _open_wav(path: Path):  # type: ignore[no-untyped-def]  # soundfile comes without types
    import soundfile

    file = soundfile.SoundFile(path, "w", SAMPLE_RATE, 1, "PCM_16", format="WAV")
    file.software = SOFTWARE
    return file


def _timed(written: str, speech: Speech, start: float, end: float, language: str) -> TimedSentence:
    words = tuple(TimedWord(word.text, syllables_of(word, language)) for word in speech.words)
    return TimedSentence(" ".join(written.split()), start, end, words)


def _joined(parts: Sequence[Speech]) -> Speech:
    """Return ``parts`` one after the other."""
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
