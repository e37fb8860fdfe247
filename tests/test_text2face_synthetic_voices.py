"""Sentences said again by other voices: the moments of the recording are found, and other voices are other voices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soxr
from made import foreign_files

from obamanet.audio.augment.voice import track_pitch
from obamanet.constants import SAMPLE_RATE
from obamanet.errors import DatasetError, OptionError
from obamanet.progress import Progress
from obamanet.training.data.dataset import load_dataset, split_dataset
from obamanet.training.data.prepare import prepare
from obamanet.training.data.synthetic_voices import load_sound_of, load_synthetic_voices
from obamanet.types import AudioClip
from text2face.voice.espeak import speak_timed, variants
from text2face.voice_augmentation import (
    HELD_FOR_CHOOSING,
    HELD_FOR_MEASURING,
    SpeakingStyle,
    SyntheticVoiceOptions,
    make_synthetic_voices,
    resynthesise,
)

WORDS = ("place", "blue", "by", "f", "two", "now")


def recording(voice: str, rate: float = 1.0) -> AudioClip:
    said = speak_timed(" ".join(WORDS), voice, rate).clip
    return AudioClip(soxr.resample(said.samples, said.rate, SAMPLE_RATE), SAMPLE_RATE, voice)


class TestTimes:
    def test_the_same_voice_lies_beside_itself(self) -> None:
        heard = recording("en-gb")
        said, times = resynthesise(heard, " ".join(WORDS), SpeakingStyle("en-gb"), "en-gb")
        assert said.rate == SAMPLE_RATE
        spoken = np.arange(len(times)) * 0.01
        inside = (spoken > 0.1) & (spoken < len(heard.samples) / SAMPLE_RATE - 0.3)
        assert np.median(np.abs(times - spoken)[inside]) < 0.03

    def test_a_slow_recording_takes_its_time(self) -> None:
        heard = recording("en-gb+f5", 0.6)
        _, times = resynthesise(heard, " ".join(WORDS), SpeakingStyle("en-us+m2"), "en-gb")
        assert (np.diff(times) >= 0).all()
        middle = slice(len(times) // 4, 3 * len(times) // 4)
        assert np.diff(times)[middle].mean() == pytest.approx(0.01 / 0.6, rel=0.25)


class TestVoices:
    def test_variants_are_other_voices(self) -> None:
        text = "one two three four five"
        low, high = (speak_timed(text, "en-gb", pitch=pitch).clip for pitch in (20, 80))
        heights = []
        for clip in (low, high, speak_timed(text, "en-gb+f3").clip, speak_timed(text, "en-gb").clip):
            pitch = track_pitch(soxr.resample(clip.samples, clip.rate, SAMPLE_RATE).astype(np.float32))
            heights.append(np.median(pitch[pitch > 0]))
        assert heights[1] > 1.2 * heights[0]
        assert heights[2] > 1.3 * heights[3]

    @pytest.mark.parametrize(("voice", "pitch"), [("en-gb+nobody", 50), ("en-gb+", 50), ("en-gb", 101), ("en-gb", -1)])
    def test_no_such_voice(self, voice: str, pitch: int) -> None:
        with pytest.raises(OptionError, match=r"got .*allowed"):
            speak_timed("hello", voice, pitch=pitch)

    def test_the_held_voices_exist(self) -> None:
        for voice in (*HELD_FOR_CHOOSING, *HELD_FOR_MEASURING):
            assert voice.startswith("flite:") or voice.partition("+")[2] in variants()

    def test_a_number_of_voices_out_of_range(self) -> None:
        with pytest.raises(OptionError, match="got 0, allowed is 1 to 100"):
            SyntheticVoiceOptions(voices=0)


class TestFolder:
    @pytest.fixture
    def dataset(self, grid_s1: Path, tmp_path: Path) -> Path:
        folder = tmp_path / "dataset"
        videos = [grid_s1 / "video" / f"{name}.mpg" for name in ("bbaf2n", "bbaf3s")]
        prepare(videos, folder)
        return folder

    def test_sentences_are_said_again_by_voices_that_are_not_held(
        self, dataset: Path, grid_s1: Path, tmp_path: Path
    ) -> None:
        pieces = split_dataset(load_dataset(dataset), val_share=0.5).train
        options = SyntheticVoiceOptions(voices=3)
        made = make_synthetic_voices(pieces, grid_s1 / "align", tmp_path / "said", options, Progress())
        assert len(made.entries) == 3 * len(pieces)
        assert load_synthetic_voices(tmp_path / "said") == made
        assert not {entry.voice for entry in made.entries} & {*HELD_FOR_CHOOSING, *HELD_FOR_MEASURING}
        files = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "said").glob("*.npz")}
        for entry in made.entries:
            sound, times = load_sound_of(made, entry)
            assert 1.0 < len(sound) / SAMPLE_RATE < 4.0
            assert 0 <= times[20] < times[-20] < 3.1
        # Another run makes the same list and no sound anew.
        assert make_synthetic_voices(pieces, grid_s1 / "align", tmp_path / "said", options, Progress()) == made
        assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "said").glob("*.npz")} == files
        assert foreign_files(tmp_path / "said") == []

    def test_a_folder_of_other_synthetic_voices_is_refused(self, dataset: Path, grid_s1: Path, tmp_path: Path) -> None:
        pieces = split_dataset(load_dataset(dataset), val_share=0.5).train
        make_synthetic_voices(pieces, grid_s1 / "align", tmp_path / "said", SyntheticVoiceOptions(voices=1), Progress())
        with pytest.raises(OptionError, match="seed 1 -> 2"):
            other = SyntheticVoiceOptions(voices=1, seed=2)
            make_synthetic_voices(pieces, grid_s1 / "align", tmp_path / "said", other, Progress())

    def test_a_part_of_a_clip_is_not_said_again(self, dataset: Path, grid_s1: Path, tmp_path: Path) -> None:
        parts = [replace(piece, stop=40) for piece in split_dataset(load_dataset(dataset), val_share=0.5).train]
        with pytest.raises(DatasetError, match="no clip to say again: all 1 pieces are cut from longer clips"):
            make_synthetic_voices(parts, grid_s1 / "align", tmp_path / "said", SyntheticVoiceOptions(), Progress())

    def test_a_damaged_list_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(DatasetError, match=r"no synthetic voices: .*obamanet synthetic-voices"):
            load_synthetic_voices(tmp_path)
        (tmp_path / "synthetic_voices.json").write_text("{}")
        with pytest.raises(DatasetError, match="no synthetic voices"):
            load_synthetic_voices(tmp_path)
