"""Augmentations of speech: known answers for each, and what all of them keep: length, times, range, silence, seeds."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from scipy.linalg import solve_toeplitz
from scipy.signal import correlate, lfilter, welch

from obamanet.audio.augment.chain import NOISES, AugmentOptions, augment, make_noise, random_kind
from obamanet.audio.augment.level import active_power, at_level, within_range
from obamanet.audio.augment.line import MP3_KBITS, band_limit, clip, equalise, gain, mp3, telephone
from obamanet.audio.augment.music import music
from obamanet.audio.augment.noise import add_noise, babble, white_noise
from obamanet.audio.augment.room import room, room_response
from obamanet.audio.augment.voice import shift_voice, track_pitch
from obamanet.audio.load import load_sound
from obamanet.constants import SAMPLE_RATE
from obamanet.errors import OptionError

Augmentance = Callable[[np.ndarray, np.random.Generator], np.ndarray]

KEEPING_TIME: dict[str, Augmentance] = {
    "lower voice": lambda s, r: shift_voice(s, 0.75, 0.8),
    "higher voice": lambda s, r: shift_voice(s, 1.45, 1.3),
    "room": lambda s, r: room(s, r, 0.4, 3.0),
    "telephone": lambda s, r: telephone(s),
    "band limit": lambda s, r: band_limit(s, 3000.0),
    "mp3 at 16": lambda s, r: mp3(s, 16),
    "mp3 at 64": lambda s, r: mp3(s, 64),
    "noise": lambda s, r: add_noise(s, white_noise(r, len(s)), 10.0),
    "gain": lambda s, r: gain(s, 12.0),
    "clip": lambda s, r: clip(s, 0.3),
    "equaliser": equalise,
}
KINDS = (*NOISES, "babble")


def seeded(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def decibels(power: float) -> float:
    return float(10 * np.log10(power))


def vowel(pitch: float, formants: tuple[float, ...], seconds: float = 1.0) -> np.ndarray:
    """Return a synthetic vowel: a pulse train through a resonance of 80 Hz bandwidth at each formant."""
    count = round(seconds * SAMPLE_RATE)
    wave = np.diff(np.floor(np.arange(count + 1) * pitch / SAMPLE_RATE))
    for formant in formants:
        radius = np.exp(-np.pi * 80 / SAMPLE_RATE)
        wave = lfilter([1.0], [1.0, -2 * radius * np.cos(2 * np.pi * formant / SAMPLE_RATE), radius**2], wave)
    return (0.3 * wave / np.abs(wave).max()).astype(np.float32)


def syllables() -> np.ndarray:
    """Return 2.5 s of made speech: vowels that start and stop, a hiss, and silence before, between and after."""
    hiss = 0.05 * np.diff(seeded(9).normal(size=2401)).astype(np.float32)
    gap = np.zeros(4000, np.float32)
    swell = np.hanning(4800).astype(np.float32)
    parts = [swell * vowel(pitch, (700, 1200, 2600), 0.3) for pitch in (110, 125, 140)]
    return np.concatenate([gap, parts[0], gap, hiss, parts[1], gap, parts[2], gap, gap])


def pitch_of(sound: np.ndarray) -> float:
    """Return the pitch in Hz of a steady tone: the first high peak of its whole autocorrelation."""
    values = correlate(sound, sound, "full", "fft")[len(sound) - 1 :]
    lags = np.arange(30, 300)
    peaks = [lag for lag in lags if values[lag] == values[lag - 5 : lag + 6].max()]
    best = max(values[lag] for lag in peaks)
    return SAMPLE_RATE / next(lag for lag in peaks if values[lag] > 0.9 * best)


def formant_of(sound: np.ndarray, low: float, high: float) -> float:
    """Return the frequency of the strongest resonance between ``low`` and ``high`` Hz, by linear prediction."""
    steady = lfilter([1, -0.97], [1], sound[4000:12000]) * np.hanning(8000)
    likeness = correlate(steady, steady, "full", "fft")[len(steady) - 1 :][:19]
    roots = np.roots([1.0, *-solve_toeplitz(likeness[:-1], likeness[1:])])
    hertz, width = np.angle(roots) * SAMPLE_RATE / (2 * np.pi), -np.log(np.abs(roots)) * SAMPLE_RATE / np.pi
    inside = (hertz > low) & (hertz < high)
    return float(hertz[inside][width[inside].argmin()])


def envelope(sound: np.ndarray) -> np.ndarray:
    """Return the loudness of ``sound``, smoothed over 25 ms, so without single pitch periods, at every sample."""
    power = np.convolve(np.square(sound, dtype=np.float64), np.hanning(801) / 400, "same")[: len(sound)]
    return np.sqrt(np.maximum(power, 0))


def delay_of(augmented: np.ndarray, sound: np.ndarray, voice: bool = False) -> float:
    """Return by how many milliseconds ``augmented`` is late: its waves, or its loudness where it is another voice."""
    if voice:
        augmented, sound = (envelope(s) - envelope(s).mean() for s in (augmented, sound))
    values = correlate(augmented, sound, "full", "fft")
    return 1000 * (int(values.argmax()) - (len(sound) - 1)) / SAMPLE_RATE


@pytest.fixture(scope="module")
def speech(grid_s1: Path) -> list[np.ndarray]:
    """Return three sentences of talker s1."""
    return [load_sound(path).samples for path in sorted((grid_s1 / "video").glob("*.mpg"))[:3]]


# What all augmentations keep


@pytest.mark.parametrize("name", KEEPING_TIME)
def test_length_times_and_range_stay(name: str) -> None:
    sound = syllables()[:-77]  # a length that no block or frame divides
    before = sound.copy()
    augmented = KEEPING_TIME[name](sound, seeded())
    assert augmented.shape == sound.shape and augmented.dtype == np.float32
    assert np.isfinite(augmented).all() and np.abs(augmented).max() <= 1
    assert abs(delay_of(augmented, sound, "voice" in name)) <= 1.0
    assert not np.array_equal(augmented, sound)
    np.testing.assert_array_equal(sound, before)


@pytest.mark.parametrize("name", KEEPING_TIME)
def test_real_speech_keeps_its_times(name: str, speech: list[np.ndarray]) -> None:
    for sound in speech:
        augmented = KEEPING_TIME[name](sound, seeded())
        assert abs(delay_of(augmented, sound, "voice" in name)) <= 1.0
        assert np.abs(augmented).max() <= 1


@pytest.mark.parametrize("name", KEEPING_TIME)
def test_silence_stays_silence(name: str) -> None:
    assert not KEEPING_TIME[name](np.zeros(5000, np.float32), seeded()).any()


@pytest.mark.parametrize("name", KEEPING_TIME)
@pytest.mark.parametrize("length", [1, 100, 1000])
def test_the_shortest_sounds_pass(name: str, length: int) -> None:
    augmented = KEEPING_TIME[name](np.full(length, 0.5, np.float32), seeded())
    assert augmented.shape == (length,) and np.isfinite(augmented).all() and np.abs(augmented).max() <= 1


@pytest.mark.parametrize("name", KEEPING_TIME)
def test_full_scale_is_never_exceeded(name: str) -> None:
    square = np.sign(np.sin(np.arange(16000) * 0.11)).astype(np.float32)
    assert np.abs(KEEPING_TIME[name](square, seeded())).max() <= 1


@pytest.mark.parametrize("name", KEEPING_TIME)
def test_equal_seeds_make_equal_sounds(name: str) -> None:
    sound = syllables()
    np.testing.assert_array_equal(KEEPING_TIME[name](sound, seeded(4)), KEEPING_TIME[name](sound, seeded(4)))


# Another voice


@pytest.mark.parametrize("pitch", [0.7, 0.85, 1.2, 1.45])
@pytest.mark.parametrize("formants", [0.8, 1.0, 1.3])
def test_the_pitch_moves_by_its_factor(pitch: float, formants: float) -> None:
    shifted = shift_voice(vowel(130.0, (700, 1200, 2600)), pitch, formants)
    assert pitch_of(shifted[3000:13000]) == pytest.approx(130 * pitch, rel=0.02)


@pytest.mark.parametrize("formants", [0.7, 0.85, 1.2, 1.45])
@pytest.mark.parametrize("pitch", [0.8, 1.0, 1.25])
def test_a_formant_moves_by_its_own_factor(pitch: float, formants: float) -> None:
    shifted = shift_voice(vowel(100.0, (1500.0,)), pitch, formants)
    assert formant_of(shifted, 1500 * formants - 400, 1500 * formants + 400) == pytest.approx(1500 * formants, rel=0.06)


def test_factors_of_one_change_nothing() -> None:
    sound = syllables()
    np.testing.assert_array_equal(shift_voice(sound, 1.0, 1.0), sound)


def test_a_lower_voice_has_no_empty_top() -> None:
    noise = 0.1 * white_noise(seeded(), 32000)
    hertz, power = welch(shift_voice(noise, 1.0, 0.75), SAMPLE_RATE, nperseg=1024)
    top, middle = power[(hertz > 6500) & (hertz < 7700)].mean(), power[(hertz > 3000) & (hertz < 5000)].mean()
    assert abs(decibels(top / middle)) < 4


def test_a_real_voice_moves_by_the_factor(speech: list[np.ndarray]) -> None:
    sound = np.concatenate(speech)
    shifted = shift_voice(sound, 1.3, 1.1)
    before, after = track_pitch(sound), track_pitch(shifted)
    both = (before > 0) & (after > 0)
    assert np.median(after[both] / before[both]) == pytest.approx(1.3, rel=0.02)
    assert both.sum() > 0.8 * (before > 0).sum()
    assert np.corrcoef(envelope(sound)[::80], envelope(shifted)[::80])[0, 1] > 0.97


def test_pitch_is_tracked_through_a_glide_and_off_in_noise() -> None:
    hertz = np.linspace(90, 260, 32000)
    phase = 2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE
    tone = 0.1 * sum(np.sin(k * phase) / k for k in range(1, 10))
    tracked = track_pitch(np.concatenate([tone, 0.1 * white_noise(seeded(), 16000)]).astype(np.float32))
    np.testing.assert_allclose(tracked[10:190], hertz[1600:30400:160], rtol=0.02)
    assert np.mean(tracked[210:290] > 0) < 0.05


# A room


@pytest.mark.parametrize("seconds", [0.1, 0.3, 0.8])
@pytest.mark.parametrize("seed", range(3))
def test_reverberation_lasts_as_long_as_asked(seconds: float, seed: int) -> None:
    response = room_response(seeded(seed), seconds, 0.0)[1:]
    # Schroeder's backward integration, read between -5 and -25 dB.
    left = np.cumsum(response[::-1] ** 2)[::-1]
    fall = 10 * np.log10(left / left[0])
    start, stop = int(np.argmax(fall < -5)), int(np.argmax(fall < -25))
    slope = np.polyfit(np.arange(start, stop) / SAMPLE_RATE, fall[start:stop], 1)[0]
    assert -60 / slope == pytest.approx(seconds, rel=0.2)


@pytest.mark.parametrize("direct_db", [-5.0, 10.0])
def test_direct_sound_is_first_and_as_loud_as_asked(direct_db: float) -> None:
    response = room_response(seeded(3), 0.4, direct_db)
    assert response[0] == 1.0
    assert decibels(1 / np.sum(response[1:] ** 2)) == pytest.approx(direct_db, abs=1e-6)


def test_a_room_fills_the_gaps_and_keeps_the_loudness() -> None:
    sound = 0.1 * syllables()
    heard = room(sound, seeded(), 0.8, -5.0)
    assert active_power(heard) == pytest.approx(active_power(sound), rel=1e-3)
    gap = slice(9200, 12400)
    assert np.sum(heard[gap] ** 2) > 20 * np.sum(sound[gap] ** 2)


# Lines


def test_telephone_carries_its_band_alone() -> None:
    hertz, power = welch(telephone(white_noise(seeded(), 64000)), SAMPLE_RATE, nperseg=1024)
    inside = power[(hertz > 500) & (hertz < 3000)].mean()
    assert decibels(power[hertz < 150].mean() / inside) < -25
    assert decibels(power[(hertz > 4300) & (hertz < 7800)].mean() / inside) < -35


def test_telephone_quantises_as_mu_law_does() -> None:
    tone = (0.5 * np.sin(2 * np.pi * 1020 * np.arange(32000) / SAMPLE_RATE)).astype(np.float32)
    heard = telephone(tone)[4000:28000]
    wave = np.exp(2j * np.pi * 1020 * np.arange(4000, 28000) / SAMPLE_RATE)
    carried = np.real(2 * np.mean(heard * wave.conj()) * wave)
    ratio = decibels(np.mean(carried**2) / np.mean((heard - carried) ** 2))
    assert np.abs(carried).max() == pytest.approx(0.5, rel=0.02)
    # The 8 bits give about 38 dB at most levels (ITU-T G.711).
    assert 33 < ratio < 45


@pytest.mark.parametrize("name", ["equaliser", "band limit", "telephone"])
def test_filters_ring_as_much_before_as_after(name: str) -> None:
    impulse = np.zeros(8001, np.float32)
    impulse[4000] = 0.9
    response = KEEPING_TIME[name](impulse, seeded())
    # A telephone's mu-law leaves its quantisation beside the symmetry.
    assert np.abs(response - response[::-1]).max() < 0.02 * np.abs(response).max()


@pytest.mark.parametrize("hz", [1000.0, 4000.0])
def test_band_limit_cuts_above_and_leaves_below(hz: float) -> None:
    noise = white_noise(seeded(), 64000)
    hertz, before = welch(noise, SAMPLE_RATE, nperseg=1024)
    _, after = welch(band_limit(noise, hz), SAMPLE_RATE, nperseg=1024)
    below, above = hertz < 0.8 * hz, hertz > 1.6 * hz
    assert abs(decibels(after[below].sum() / before[below].sum())) < 0.2
    assert decibels(after[above].sum() / before[above].sum()) < -35


def test_more_bits_sound_more_like_the_original() -> None:
    sound = syllables()
    noise_to_signal = [np.sum((mp3(sound, kbit) - sound) ** 2) / np.sum(sound**2) for kbit in (16, 32, 64)]
    assert noise_to_signal[0] > noise_to_signal[1] > noise_to_signal[2]
    assert decibels(noise_to_signal[2]) < -10


def test_every_mp3_rate_works() -> None:
    for kbit in MP3_KBITS:
        assert len(mp3(syllables()[:8000], kbit)) == 8000


def test_gain_amplifies_and_clips_at_full_scale() -> None:
    sound = np.array([0.1, -0.2, 0.6], np.float32)
    np.testing.assert_allclose(gain(sound, 6.0206), [0.2, -0.4, 1.0], atol=1e-5)
    np.testing.assert_allclose(gain(sound, -20.0), 0.1 * sound, atol=1e-6)


def test_clip_cuts_at_a_share_of_the_peak() -> None:
    np.testing.assert_allclose(clip(np.array([0.1, -0.8, 0.3], np.float32), 0.25), [0.1, -0.2, 0.2], atol=1e-6)


def test_equaliser_bends_the_spectrum_within_its_depth() -> None:
    noise = 0.3 * white_noise(seeded(), 160000)
    hertz, before = welch(noise, SAMPLE_RATE, nperseg=512)
    curves = [10 * np.log10(welch(equalise(noise, seeded(s)), SAMPLE_RATE, nperseg=512)[1] / before) for s in range(4)]
    heard = (hertz > 100) & (hertz < 7500)
    for curve in curves:
        assert np.abs(curve[heard]).max() < 8.7
        assert np.ptp(curve[heard]) > 2
    assert np.abs(curves[0] - curves[1])[heard].max() > 2


# Noise


@pytest.mark.parametrize("snr", [0.0, 10.0, 20.0])
def test_signal_to_noise_ratio_is_that_of_the_speech(snr: float) -> None:
    tone = (0.1 * np.sin(2 * np.pi * 400 * np.arange(16000) / SAMPLE_RATE)).astype(np.float32)
    sound = np.concatenate([np.zeros(16000, np.float32), tone, np.zeros(16000, np.float32)])
    noisy = add_noise(sound, white_noise(seeded(), 48000), snr)
    added = noisy - sound
    assert decibels(np.mean(tone**2) / np.mean(added**2)) == pytest.approx(snr, abs=0.1)


def test_short_noise_is_repeated() -> None:
    sound = syllables()
    added = add_noise(sound, white_noise(seeded(), 1000), 10.0) - sound
    np.testing.assert_allclose(added[:1000], added[1000:2000], atol=1e-6)


def test_loud_noise_scales_both_down_together() -> None:
    sound = (0.9 * np.sin(2 * np.pi * 400 * np.arange(16000) / SAMPLE_RATE)).astype(np.float32)
    noise = white_noise(seeded(), 16000)
    noisy = add_noise(sound, noise, -5.0).astype(np.float64)
    share, level = np.linalg.lstsq(np.stack([sound, noise], axis=1), noisy, rcond=None)[0]
    assert np.abs(noisy).max() == pytest.approx(1.0, abs=1e-5) and share < 0.9
    assert decibels(np.mean((share * sound) ** 2) / np.mean((level * noise) ** 2)) == pytest.approx(-5.0, abs=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_every_noise_is_as_long_and_as_loud_as_said(kind: str) -> None:
    noise = make_noise(kind, seeded(1), 40001, [syllables()])
    assert noise.shape == (40001,) and noise.dtype == np.float32 and np.abs(noise).max() <= 1
    assert decibels(np.mean(noise**2)) == pytest.approx(-26, abs=0.6)
    np.testing.assert_array_equal(noise, make_noise(kind, seeded(1), 40001, [syllables()]))
    assert not np.array_equal(noise, make_noise(kind, seeded(2), 40001, [syllables()]))


@pytest.mark.parametrize(("kind", "slope"), [("white", 0.0), ("pink", -3.01), ("brown", -6.02)])
def test_coloured_noise_falls_per_octave_as_named(kind: str, slope: float) -> None:
    hertz, power = welch(make_noise(kind, seeded(), 320000), SAMPLE_RATE, nperseg=4096)
    band = (hertz > 100) & (hertz < 6000)
    fitted = np.polyfit(np.log2(hertz[band]), 10 * np.log10(power[band]), 1)[0]
    assert fitted == pytest.approx(slope, abs=0.2)


def test_hum_lies_on_mains_overtones() -> None:
    spectrum = np.abs(np.fft.rfft(make_noise("hum", seeded(), SAMPLE_RATE))) ** 2
    on_mains = [sum(spectrum[base : 13 * base : base]) / spectrum.sum() for base in (50, 60)]
    assert max(on_mains) > 0.99


def test_clicks_are_short_and_breaths_are_slow() -> None:
    def crest(kind: str) -> float:
        loudness = envelope(make_noise(kind, seeded(2), 160000)[:159840])
        return float(loudness.max() / loudness.mean())

    assert crest("clicks") > 2 * crest("breaths") > 2 * crest("white")


def test_babble_adds_up_all_its_voices_in_equal_parts() -> None:
    tones = [0.01 * k * np.sin(2 * np.pi * 300 * k * np.arange(16000) / SAMPLE_RATE) for k in range(1, 5)]
    crowd = babble(tones, seeded(), SAMPLE_RATE, voices=40)
    strengths = np.abs(np.fft.rfft(crowd))[[300, 600, 900, 1200]]
    assert (strengths > 0).all()
    single = babble(tones[:1], seeded(), SAMPLE_RATE, voices=1)
    assert np.abs(np.fft.rfft(single)).argmax() == 300
    with pytest.raises(OptionError, match="babble needs speech"):
        babble([np.zeros(1000)], seeded(), 1000)


def test_music_is_tonal_and_has_a_beat() -> None:
    from scipy.signal import spectrogram

    def flatness(sound: np.ndarray) -> float:
        power = spectrogram(sound, SAMPLE_RATE, nperseg=2048)[2][20:700] + 1e-14
        return float(np.median(np.exp(np.log(power).mean(axis=0)) / power.mean(axis=0)))

    pieces = [music(seeded(seed), 5 * SAMPLE_RATE) for seed in range(6)]
    assert np.median([flatness(piece) for piece in pieces]) < 0.1 < flatness(white_noise(seeded(), 80000))
    for piece in pieces:
        # Equal temperament: most of the power lies on a semitone, in the octaves where lines can be told apart.
        power = np.abs(np.fft.rfft(piece * np.hanning(len(piece)))) ** 2
        hertz = np.fft.rfftfreq(len(piece), 1 / SAMPLE_RATE)
        band = (hertz > 200) & (hertz < 700)
        off = 12 * np.log2(hertz[band] / 440)
        near = np.abs(off - np.round(off)) < 0.2
        assert power[band][near].sum() > 0.65 * power[band].sum()


# The chain


def test_the_chain_is_decided_by_its_seed() -> None:
    sound, others = syllables(), [syllables()[::-1].copy()]
    made = [augment(sound, AugmentOptions(), seeded(s), others) for s in range(20)]
    again = [augment(sound, AugmentOptions(), seeded(s), others) for s in range(20)]
    for first, second in zip(made, again, strict=True):
        np.testing.assert_array_equal(first, second)
        assert first.shape == sound.shape and first.dtype == np.float32
        assert np.isfinite(first).all() and np.abs(first).max() <= 1
    assert len({one.tobytes() for one in made}) > 17


def test_a_chain_without_links_changes_nothing() -> None:
    nothing = AugmentOptions(voice=0, room=0, noise=0, equaliser=0, loudness=0, clipping=0, line=0)
    np.testing.assert_array_equal(augment(syllables(), nothing, seeded()), syllables())


def test_a_chain_of_everything_keeps_the_times() -> None:
    everything = AugmentOptions(
        voice=1, room=1, noise=1, equaliser=1, loudness=1, clipping=1, line=1, snr_db=(15, 20), direct_db=(6, 12)
    )
    sound = syllables()
    delays = [delay_of(augment(sound, everything, seeded(s)), sound, voice=True) for s in range(10)]
    # Reflections make the loudness itself a little late, though the direct sound is not.
    assert np.abs(delays).max() < 8 and abs(np.median(delays)) <= 2


def test_a_link_of_share_one_is_always_drawn_and_of_zero_never() -> None:
    louder = AugmentOptions(
        voice=0, room=0, noise=0, equaliser=0, loudness=1, clipping=0, line=0, gain_db=(-6.0206, -6.0206)
    )
    for seed in range(5):
        np.testing.assert_allclose(augment(syllables(), louder, seeded(seed)), 0.5 * syllables(), atol=1e-6)


def test_kinds_of_noise_are_all_drawn_and_babble_only_with_speech() -> None:
    random = seeded()
    assert {random_kind(random, [syllables()]) for _ in range(300)} == set(KINDS)
    assert {random_kind(random) for _ in range(300)} == set(NOISES)


def test_options_survive_json() -> None:
    options = AugmentOptions(voice=0.25, snr_db=(5.0, 15.0))
    assert AugmentOptions(**json.loads(json.dumps(asdict(options)))) == options


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda: AugmentOptions(noise=1.5), "share of noise .* 1.5"),
        (lambda: AugmentOptions(pitch=(1.2, 0.8)), "range of pitch"),
        (lambda: AugmentOptions(mp3_kbit=4), "MP3 bit rate .* 4"),
        (lambda: mp3(syllables(), 100), "MP3 bit rate .* 100"),
        (lambda: band_limit(syllables(), 9000.0), "band limit .* 9000"),
        (lambda: shift_voice(syllables(), 3.0, 1.0), "pitch factor .* 3.0"),
        (lambda: shift_voice(syllables(), 1.0, 0.1), "formants factor .* 0.1"),
        (lambda: room(syllables(), seeded(), 5.0, 0.0), "reverberation .* 5.0"),
        (lambda: clip(syllables(), 0.0), "clipping level .* 0.0"),
        (lambda: add_noise(syllables(), np.zeros(0), 0.0), "noise holds no samples"),
        (lambda: make_noise("purple", seeded(), 100), "unknown noise: got 'purple'"),
    ],
)
def test_what_is_not_allowed_is_refused(attempt: Callable[[], object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        attempt()


# Levels


def test_active_power_leaves_the_pauses_out() -> None:
    tone = 0.2 * np.sin(2 * np.pi * 400 * np.arange(16000) / SAMPLE_RATE)
    paused = np.concatenate([np.zeros(32000), tone, 0.001 * tone])
    assert active_power(paused) == pytest.approx(0.02, rel=1e-3)
    assert active_power(np.zeros(1000)) == 0.0 and active_power(np.zeros(0)) == 0.0


def test_levels_are_set_and_kept_within_range() -> None:
    noise = seeded().normal(size=16000)
    assert np.sqrt(np.mean(at_level(noise, 0.1) ** 2)) == pytest.approx(0.1, rel=1e-4)
    np.testing.assert_allclose(within_range(np.array([0.5, -2.0])), [0.25, -1.0])
    np.testing.assert_allclose(within_range(np.array([0.5, -0.7])), [0.5, -0.7])
