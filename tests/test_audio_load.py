"""Every kind of sound file gives the same samples at the same times; everything else gives one clear line."""

from __future__ import annotations

import math
import struct
import subprocess
import tracemalloc
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile

from obamanet.audio.load import load_sound, open_sound, stream_sound
from obamanet.errors import OptionError, SoundError


def chirp(rate: int, seconds: float = 1.5) -> np.ndarray:
    """Return a chirp from 200 to 2000 Hz, (N,) float32, half of full scale, that begins and ends softly."""
    times = np.arange(round(rate * seconds)) / rate
    swept = 0.5 * np.sin(2 * np.pi * (200 * times + 600 * times**2))
    return (swept * np.minimum(1, 20 * np.minimum(times, seconds - times))).astype(np.float32)


def ffmpeg(*arguments: str | Path) -> None:
    import imageio_ffmpeg

    program = imageio_ffmpeg.get_ffmpeg_exe()
    subprocess.run([program, "-v", "error", "-y", *map(str, arguments)], check=True, timeout=60)


def lag(sound: np.ndarray, known: np.ndarray, rate: int) -> float:
    """Return by how many seconds ``sound`` is later than ``known``."""
    size = len(sound) + len(known)
    correlation = np.fft.irfft(np.fft.rfft(sound, size) * np.conj(np.fft.rfft(known, size)), size)
    shift = int(np.argmax(correlation))
    return (shift if shift < len(sound) else shift - size) / rate


def refusal(call: Callable[[Path], object], path: Path) -> str:
    """Return the one line with which ``call`` refuses ``path``, which the line must name."""
    with pytest.raises(SoundError) as caught:
        call(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    path = tmp_path / "sound.wav"
    soundfile.write(path, chirp(44100), 44100)
    return path


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "FLOAT"])
def test_wav_equals_an_independent_reader_and_resampler(tmp_path: Path, rate: int, channels: int, subtype: str) -> None:
    import librosa

    path = tmp_path / "sound.wav"
    both = np.stack([chirp(rate), np.roll(chirp(rate), 31)], axis=1)[:, :channels]
    soundfile.write(path, both, rate, subtype=subtype)
    expected = librosa.resample(both.mean(axis=1), orig_sr=rate, target_sr=16000, res_type="soxr_hq")
    clip = load_sound(path)
    assert clip.rate == 16000
    assert clip.samples.dtype == np.float32
    assert clip.samples.shape == expected.shape
    # 16-bit rounding is 1.5e-5
    np.testing.assert_allclose(clip.samples, expected, atol=1e-4)
    about = open_sound(path)
    assert (about.rate, about.channels, about.duration) == (rate, channels, Fraction(len(both), rate))


@pytest.mark.parametrize("native", [8000, 11025, 22050, 44100, 48000])
@pytest.mark.parametrize("block_seconds", [0.1, 0.37, 10.0])
def test_streaming_equals_librosa_on_the_whole(tmp_path: Path, native: int, block_seconds: float) -> None:
    import librosa

    whole = np.random.default_rng(7).uniform(-0.9, 0.9, native * 2 + 123).astype(np.float32)
    path = tmp_path / "noise.wav"
    soundfile.write(path, whole, native, subtype="FLOAT")
    blocks = list(stream_sound(path, 16000, block_seconds))
    if block_seconds < 1:
        assert len(blocks) > 3
    joined = np.concatenate(blocks)
    assert len(joined) == math.ceil(len(whole) * 16000 / native)
    expected = librosa.resample(whole, orig_sr=native, target_sr=16000, res_type="soxr_hq")
    np.testing.assert_allclose(joined, expected, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("sound.mp3", []),
        ("plain.mp3", ["-write_xing", "0"]),
        ("sound.flac", []),
        ("sound.ogg", []),
        ("sound.opus", []),
        ("sound.m4a", []),
        ("sound.aac", []),
        ("sound.mkv", []),
        ("old.wav", ["-c:a", "pcm_u8"]),
        ("double.wav", ["-c:a", "pcm_f64le"]),
    ],
)
def test_coded_sound_has_its_length_and_its_times(wav: Path, name: str, options: list[str]) -> None:
    path = wav.with_name(name)
    ffmpeg("-i", wav, *options, path)
    clip = load_sound(path)
    expected = load_sound(wav).samples
    # Without a header that counts samples, an encoder's own delay (1024 samples for AAC, 1105 for MP3) cannot be told.
    unmarked = name in ("plain.mp3", "sound.aac")
    assert abs(lag(clip.samples, expected, 16000)) <= (0.06 if unmarked else 0.0002)
    assert float(clip.duration) == pytest.approx(1.5, abs=0.08 if unmarked else 0.03)
    assert float(open_sound(path).duration) == pytest.approx(float(clip.duration), abs=0.03)


def test_a_late_sound_track_starts_late(wav: Path) -> None:
    expected = load_sound(wav).samples
    picture = ["-f", "lavfi", "-i", "testsrc=size=64x64:rate=25:duration=2"]
    for name, coding in (("late.mp4", "aac"), ("late.mpg", "mp2"), ("late.mkv", "flac")):
        path = wav.with_name(name)
        ffmpeg(*picture, "-itsoffset", "0.2", "-i", wav, "-c:a", coding, path)
        samples = load_sound(path).samples
        # MPEG program streams do not say that MP2 encoding delays by 481 samples, 11 ms.
        assert lag(samples, expected, 16000) == pytest.approx(0.2, abs=0.012 if coding == "mp2" else 0.001)
        assert float(np.abs(samples[: int(0.15 * 16000)]).max()) < 1e-4


def test_a_gap_in_the_sound_track_is_silence_not_a_shift(wav: Path) -> None:
    joined = wav.with_name("gap.mkv")
    ffmpeg("-i", wav, "-af", "aselect='not(between(t,0.5,0.8))'", "-c:a", "pcm_s16le", joined)
    samples = load_sound(joined).samples
    assert len(samples) / 16000 == pytest.approx(1.5, abs=0.01)
    assert float(np.abs(samples[int(0.6 * 16000) : int(0.75 * 16000)]).max()) == 0.0
    expected = load_sound(wav).samples
    assert abs(lag(samples[14400:], expected[14400:], 16000)) <= 0.001  # Matroska's clock ticks in milliseconds


def test_a_cover_picture_and_odd_tags_do_not_augment(wav: Path) -> None:
    cover, path = wav.with_name("cover.jpg"), wav.with_name("tagged.mp3")
    ffmpeg("-f", "lavfi", "-i", "testsrc=size=64x64:rate=1:duration=1", "-frames:v", "1", cover)
    ffmpeg("-i", wav, "-i", cover, "-map", "0", "-map", "1", "-disposition:v", "attached_pic", path)
    assert abs(lag(load_sound(path).samples, load_sound(wav).samples, 16000)) <= 0.0002


def test_a_colon_in_the_name_is_part_of_the_name(wav: Path) -> None:
    path = wav.rename(wav.with_name("concat:16:30.wav"))
    assert load_sound(path).duration == Fraction(3, 2)


def test_a_piped_wav_of_unknown_length_is_read_to_its_end(wav: Path) -> None:
    content = bytearray(wav.read_bytes())
    place = content.index(b"data") + 4
    for unknown in (0, 0xFFFFFFFF):
        content[place : place + 4] = struct.pack("<I", unknown)
        wav.write_bytes(content)
        assert load_sound(wav).duration == Fraction(3, 2)


def test_silence_is_a_sound(tmp_path: Path) -> None:
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros(16000), 16000)
    clip = load_sound(path)
    assert clip.duration == 1
    assert not clip.samples.any()


def test_streaming_needs_the_same_memory_for_any_length(tmp_path: Path) -> None:
    def peak(path: Path) -> int:
        tracemalloc.start()
        for _block in stream_sound(path, block_seconds=1.0):
            pass
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    short, long = tmp_path / "short.wav", tmp_path / "long.wav"
    soundfile.write(short, np.zeros(8000 * 10), 8000)
    soundfile.write(long, np.zeros(8000 * 300), 8000)
    peak(short)  # the first use loads libraries
    assert peak(long) < 1.2 * peak(short)


def test_real_recording(grid_s1: Path) -> None:
    path = grid_s1 / "video" / "bbaf2n.mpg"
    about, clip = open_sound(path), load_sound(path)
    assert (about.rate, about.channels) == (44100, 2)
    assert 2.9 <= clip.duration <= 3.1
    assert abs(about.duration - clip.duration) < Fraction(1, 50)
    assert np.sqrt(np.mean(clip.samples**2)) > 0.01


# What is refused


def test_no_such_file(tmp_path: Path) -> None:
    assert "no such" in refusal(open_sound, tmp_path / "absent.wav")
    assert "no such" in refusal(load_sound, tmp_path / "absent.wav")


def test_a_directory(tmp_path: Path) -> None:
    assert "directory" in refusal(load_sound, tmp_path)


def made_jpeg(path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "testsrc=size=64x64:rate=1:duration=1", "-frames:v", "1", path.with_suffix(".jpg"))
    path.with_suffix(".jpg").rename(path)


def made_noise(path: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(50_000))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (made_jpeg, "picture"),
        (made_noise, "not a sound"),
        (lambda path: path.write_bytes(b""), "empty"),
        (lambda path: path.write_text("Good evening.\n" * 50), "not a sound"),
        (lambda path: path.write_bytes(b"RIFF\x24\x00\x00\x00WAVEfmt "), "not a sound"),
    ],
)
def test_not_a_sound(tmp_path: Path, make: Callable[[Path], object], said: str) -> None:
    path = tmp_path / "named.wav"
    make(path)
    assert said in refusal(load_sound, path)


def test_a_video_without_sound(tmp_path: Path) -> None:
    path = tmp_path / "mute.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc=size=64x64:rate=25:duration=1", path)
    assert "no sound track" in refusal(open_sound, path)


def test_no_samples(tmp_path: Path) -> None:
    path = tmp_path / "none.wav"
    soundfile.write(path, np.zeros(0), 16000)
    assert "no samples" in refusal(load_sound, path)


def test_too_short(tmp_path: Path) -> None:
    path = tmp_path / "short.wav"
    soundfile.write(path, chirp(16000, 0.05), 16000)
    assert "0.050 s" in refusal(open_sound, path)
    soundfile.write(path, chirp(16000, 0.1), 16000)
    assert load_sound(path).duration == Fraction(1, 10)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers(tmp_path: Path, bad: float) -> None:
    path = tmp_path / "bad.wav"
    samples = np.stack([chirp(8000), chirp(8000)], axis=1)
    samples[6000, 1] = bad
    soundfile.write(path, samples, 8000, subtype="FLOAT")
    assert "0.750 s" in refusal(load_sound, path)


@pytest.mark.parametrize(
    ("name", "options"),
    [("cut.wav", []), ("cut.flac", []), ("cut.mp3", []), ("cut.m4a", ["-movflags", "+faststart"])],
)
def test_cut_in_the_middle(wav: Path, name: str, options: list[str]) -> None:
    path = wav.with_name(name)
    ffmpeg("-i", wav, *options, path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    message = refusal(load_sound, path)
    assert "announces 1.5" in message
    held = float(message.split("holds ")[1].split(" s")[0])
    assert 0.4 < held < 1.1


def test_cut_before_the_index(wav: Path) -> None:
    path = wav.with_name("cut.m4a")
    ffmpeg("-i", wav, path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert "not a sound" in refusal(load_sound, path)


def announce_in_wav(path: Path, seconds: int) -> None:
    content = bytearray(path.read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = struct.pack("<I", seconds * 2 * 8000)
    path.write_bytes(content)


def announce_in_flac(path: Path, seconds: int) -> None:
    content = bytearray(path.read_bytes())
    # STREAMINFO follows "fLaC" and its block header; the low 32 bits of its sample count are its bytes 14 to 17.
    content[22:26] = struct.pack(">I", seconds * 8000)
    path.write_bytes(content)


def announce_in_mp3(path: Path, seconds: int) -> None:
    content = bytearray(path.read_bytes())
    place = max(content.find(b"Info"), content.find(b"Xing"))
    assert content[place + 7] & 1  # the count of frames is there
    content[place + 8 : place + 12] = struct.pack(">I", seconds * 8000 // 576)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "announce"), [("day.wav", announce_in_wav), ("day.flac", announce_in_flac), ("day.mp3", announce_in_mp3)]
)
def test_a_header_that_announces_two_days(tmp_path: Path, name: str, announce: Callable[[Path, int], None]) -> None:
    path = tmp_path / name
    soundfile.write(path, chirp(8000), 8000)
    announce(path, 48 * 3600)
    message = refusal(open_sound, path)
    assert "48.0" in message
    assert "24 h" in message
    # Refused before anything is decoded: already the call, not the first block, raises.
    assert refusal(stream_sound, path) == message


def test_too_long_without_a_header_that_says_so(wav: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = wav.with_name("plain.aac")
    ffmpeg("-i", wav, path)
    monkeypatch.setattr("obamanet.audio.load.MAX_SOUND_SECONDS", Fraction(3600))
    assert open_sound(path).duration > Fraction(3, 2)
    monkeypatch.setattr("obamanet.audio.load.MAX_SOUND_SECONDS", Fraction(1))
    assert "too long" in refusal(open_sound, path)


def test_blocks_shorter_than_a_sound_are_refused(wav: Path) -> None:
    with pytest.raises(OptionError, match="block length"):
        stream_sound(wav, block_seconds=0.01)
