"""Make the sample sounds in data/audio with eSpeak NG: ``python data/make_samples.py`` from the project's folder."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import soundfile

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from text2face.voice.espeak import speak  # noqa: E402  (the project need not be installed to make its samples)


@dataclass(frozen=True)
class Sample:
    """One sound to make: file ``name``, eSpeak NG ``voice`` and the ``text`` it says."""

    name: str
    voice: str
    text: str


SAMPLES = (
    Sample(
        "hello_en.wav",
        "en-gb",
        "Hello! I am a face made by a program. Give me a sound file, and I move my lips to it. "
        "A network paints every picture.",
    ),
    Sample(
        "hola_es.wav",
        "es",
        "¡Hola! Soy una cara hecha por un programa. Dame una grabación de voz y muevo los labios con ella. "
        "Una red pinta cada imagen.",
    ),
)


def main() -> None:
    """Write the samples and print their paths."""
    folder = ROOT / "data" / "audio"
    folder.mkdir(parents=True, exist_ok=True)
    for sample in SAMPLES:
        clip = speak(sample.text, sample.voice)
        path = folder / sample.name
        soundfile.write(path, clip.samples, clip.rate, subtype="PCM_16")
        print(f"{path}  {float(clip.duration):.2f} s")


if __name__ == "__main__":
    main()
