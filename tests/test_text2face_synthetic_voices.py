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
from obamanet.training.data.synthetic_voices import (
    SyntheticVoices,
    load_prose_of,
    load_sound_of,
    load_synthetic_voices,
    save_synthetic_voices,
)
from obamanet.types import AudioClip
from text2face import voice_augmentation
from text2face.voice.espeak import speak_timed, variants
from text2face.voice_augmentation import (
    HELD_FOR_CHOOSING,
    HELD_FOR_MEASURING,
    SpeakingStyle,
    SyntheticVoiceOptions,
    make_prose,
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


@pytest.fixture(scope="module")
def dataset(grid_s1: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset of two whole sentences; do not change it."""
    folder = tmp_path_factory.mktemp("sentences") / "dataset"
    videos = [grid_s1 / "video" / f"{name}.mpg" for name in ("bbaf2n", "bbaf3s")]
    prepare(videos, folder, image_size=64, workers=1)
    return folder


class TestFolder:
    def test_sentences_are_said_again_by_voices_that_are_not_held(
        self, dataset: Path, grid_s1: Path, tmp_path: Path
    ) -> None:
        pieces = split_dataset(load_dataset(dataset), val_share=0.5).train
        options = SyntheticVoiceOptions(voices=3, prose=0)
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

    def test_prose_is_said_with_the_times_of_its_lips(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        texts = {"en": ["Not said.", "My mum buys a map."], "es": ["No se dice.", "Mamá compra un mapa."]}
        monkeypatch.setattr(voice_augmentation, "prose", texts.__getitem__)
        made = SyntheticVoices(tmp_path, "test", (), make_prose(tmp_path, SyntheticVoiceOptions(prose=2), Progress()))
        save_synthetic_voices(made)
        assert load_synthetic_voices(tmp_path) == made
        assert [entry.file for entry in made.prose] == [f"prose-{name}-1-{n}.npz" for name in texts for n in (0, 1)]
        assert len({(entry.voice, entry.rate, entry.pitch) for entry in made.prose}) == 4
        for entry in made.prose:
            sound, lips = load_prose_of(made, entry)
            # m, m m, b, m p in one, m m, m p, m p in the other.
            assert len(lips.shut) == 6
            assert len(lips.opened) >= 4
            assert all(0 < span.start < span.end < len(sound) / SAMPLE_RATE for span in (*lips.shut, *lips.opened))
        # Prose needs no word times.
        options = SyntheticVoiceOptions(prose=2)
        alone = make_synthetic_voices((), None, tmp_path / "alone", options, Progress())
        assert (alone.entries, len(alone.prose)) == ((), 4)
        with pytest.raises(OptionError, match="nothing to say"):
            make_synthetic_voices((), None, tmp_path / "none", replace(options, prose=0), Progress())
        assert make_prose(tmp_path, SyntheticVoiceOptions(prose=0), Progress()) == ()
        (tmp_path / made.prose[0].file).write_bytes(b"no")
        with pytest.raises(DatasetError, match="synthetic utterance is damaged"):
            load_prose_of(made, made.prose[0])

    def test_a_folder_of_other_synthetic_voices_is_refused(self, dataset: Path, grid_s1: Path, tmp_path: Path) -> None:
        pieces = split_dataset(load_dataset(dataset), val_share=0.5).train
        options = SyntheticVoiceOptions(voices=1, prose=0)
        make_synthetic_voices(pieces, grid_s1 / "align", tmp_path / "said", options, Progress())
        with pytest.raises(OptionError, match="seed 1 -> 2"):
            make_synthetic_voices(pieces, grid_s1 / "align", tmp_path / "said", replace(options, seed=2), Progress())

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
