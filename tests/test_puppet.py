"""A person to be driven, of videos in one call: they are prepared, a renderer is trained, and both assembled."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from made import babble, prepare_recorded, write_sound

from obamanet.cli.app import obamanet_app
from obamanet.cli.boundary import call
from obamanet.errors import OptionError, PersonError
from obamanet.networks.config import GeneratorConfig
from obamanet.person import Origin, load_person
from obamanet.pipelines.puppet import make_puppet
from obamanet.pipelines.speak import speak
from obamanet.pipelines.standalone import calibration_sketches
from obamanet.sources import read_sources
from obamanet.training.data.dataset import load_dataset
from obamanet.training.loop.runner import Limits
from obamanet.training.renderer.pix2pix_training import TrainOptions
from obamanet.types import SketchStyle

ORIGIN = Origin("my own video", "all rights reserved", "Ada", "Ada herself")

CONFIG = GeneratorConfig(image_size=64, width=4, fold=2)

OPTIONS = TrainOptions(steps=4, batch_size=1, gan_weight=0.0, discriminator_width=4, epoch_steps=2)


@pytest.mark.usefixtures("eager")
def test_from_recorded_videos_to_a_person_without_speech(grid_s1: Path, common_folder: Path, tmp_path: Path) -> None:
    # Prepared already, as by a first call that was stopped: the videos are not looked into again.
    folder = Path(shutil.copytree(prepare_recorded(grid_s1, common_folder), tmp_path / "me"))
    videos = sorted(common_folder.glob("*.mpg"))
    sketch = SketchStyle.REGIONS
    made = make_puppet(videos, folder, "Ada", ORIGIN, CONFIG, OPTIONS, sketch=sketch, limits=Limits(steps=1))
    assert (made.prepared.cached, made.trained.step, made.trained.steps) == (2, 1, 4)

    person = load_person(folder / "person")
    assert (person.name, person.origin, person.generator, person.sketch) == ("Ada", ORIGIN, CONFIG, sketch)
    assert person.speech is person.text is None
    assert len(person.reference.points) > 20
    assert read_sources(person.folder).videos == {clip.sha256 for clip in load_dataset(folder).clips}
    with pytest.raises(PersonError, match=r"person has no speech part.*obamanet train keypoints"):
        speak(write_sound(tmp_path / "speech.wav", babble(1.0)), tmp_path / "talk.mp4", person)
    assert calibration_sketches(person, 3, seed=1).shape == (3, 64, 64, 3)


def test_consent_is_asked_for_before_anything_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(OptionError, match="consent is blank"):
        make_puppet([tmp_path / "me.mp4"], tmp_path / "me", "Ada", Origin("mine", "none", "Ada", " "))
    arguments = ["puppet", "me.mp4", "--out", str(tmp_path / "me"), "--name", "Ada", "--footage", "mine"]
    arguments += ["--licence", "none", "--attribution", "Ada"]
    assert call(obamanet_app(), arguments, "obamanet") == 2
    assert "--consent" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
