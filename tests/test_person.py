"""A person knows itself: what was saved is what is loaded, and every mismatch is refused with its reason."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT
from made import UNREADABLE_JSON, babble, with_irises, write_sound

from obamanet.cli.app import obamanet_app
from obamanet.cli.boundary import call
from obamanet.constants import PERSON_SCHEMA
from obamanet.engine.network import Engine, StoredNetwork
from obamanet.errors import EngineError, OutputError, PersonError
from obamanet.export import export_networks, upgrade_person
from obamanet.files import locked, sha256_of
from obamanet.inference.frame_renderer import Renderer
from obamanet.inference.keypoint_predictor import Predictor
from obamanet.keypoints.head import place_head
from obamanet.keypoints.mouth_poses import MouthPoses, PoseCurve
from obamanet.keypoints.retarget import MovementRange
from obamanet.networks.config import EncoderConfig
from obamanet.person import (
    CARD,
    READY_FOLDER,
    REFERENCE_FILE,
    Person,
    TextPart,
    load_person,
    poser_of,
    poses_of,
    replace_person,
    save_card,
    save_mouth,
    save_poses,
    save_reference,
    save_region,
)
from obamanet.pipelines.into_frames import draw_whole_face
from obamanet.pipelines.speak import draw_sketches, load_features, predict_raw, speak
from obamanet.speech.feature_extractor import encoder_card, encoder_digest
from obamanet.types import CanonicalKeypoints, CropBox, LandmarkTrack, RenderMode, SketchStyle

Change = Callable[[Path, dict[str, Any]], None]


@pytest.fixture
def folder(tiny_person: Person, tmp_path: Path) -> Path:
    """Return a copy of a whole-face person that may be spoilt."""
    return Path(shutil.copytree(tiny_person.folder, tmp_path / "person"))


def rewrite(folder: Path, change: Change, *, seal: bool = True) -> None:
    """Change the card, and with ``seal`` put the right sha256 of every file into it, as a forger would."""
    card = json.loads((folder / "person.json").read_text())
    change(folder, card)
    if seal:
        card["files"] = {name: sha256_of(folder / name) for name in card["files"]}
    (folder / "person.json").write_text(json.dumps(card))


def section(card: dict[str, Any], key: str) -> dict[str, Any]:
    """Return the object of ``card`` in which ``key`` stands, "part.entry" or "entry"."""
    part = key.rpartition(".")[0]
    return card[part] if part else card


def refused(folder: Path, *says: str) -> None:
    with pytest.raises(PersonError) as caught:
        load_person(folder)
    message = str(caught.value)
    assert "\n" not in message
    for text in (*says, str(folder)):
        assert text in message


class TestLoad:
    def test_everything_comes_back(self, tiny_person: Person) -> None:
        again = load_person(tiny_person.folder)

        def plain(person: Person) -> dict[str, Any]:
            """Return what of ``person`` is no array."""
            values = asdict(person)
            del values["reference"], values["speech"]["mouth"]
            return values

        assert plain(again) == plain(tiny_person)
        np.testing.assert_array_equal(again.reference.points, tiny_person.reference.points)
        np.testing.assert_array_equal(again.mouth.pca.components, tiny_person.mouth.pca.components)
        assert again.reference.fps == tiny_person.fps == 25

    def test_irises_and_the_style_of_its_sketches_come_back(self, tiny_person: Person, folder: Path) -> None:
        track = LandmarkTrack(with_irises(tiny_person.reference.points), tiny_person.fps)
        person = replace(tiny_person, folder=folder, reference=track, sketch=SketchStyle.REGIONS)
        movement = MovementRange(np.full((78, 2), 0.1), 0.2, np.array([0.1, 0.2, 0.3, 0.4]))
        save_reference(folder / REFERENCE_FILE, track, (), movement)
        save_card(person)
        again = load_person(folder)
        assert (again.landmark_count, again.sketch) == (78, SketchStyle.REGIONS)
        assert again.movement is not None and again.movement.gap == 0.2
        np.testing.assert_array_equal(again.movement.drift, movement.drift)
        sketches = draw_sketches(CanonicalKeypoints(np.repeat(person.mouth.rest[None], 3, axis=0), person.fps), again)
        for found in sketches:
            colours = {tuple(colour) for colour in found.sketch.reshape(-1, 3).tolist()}
            assert {(0, 255, 0), (255, 255, 0), (255, 255, 255)} <= colours

    def test_a_range_of_movement_that_does_not_fit(self, tiny_person: Person, folder: Path) -> None:
        movement = MovementRange(np.ones((78, 2)), 0.2, np.ones(4))
        save_reference(folder / REFERENCE_FILE, tiny_person.reference, (), movement)
        save_card(replace(tiny_person, folder=folder))
        refused(folder, "does not fit", "reach", "(68, 2)")

    def test_a_person_of_68_points_gets_no_irises(self, tiny_person: Person) -> None:
        face = tiny_person.reference.points[:1]
        assert tiny_person.landmark_count == 68
        seen = draw_whole_face(with_irises(face)[0], tiny_person)
        np.testing.assert_array_equal(seen, draw_whole_face(face[0], tiny_person))

    def test_the_card_says_what_it_must(self, tiny_inpaint_person: Person) -> None:
        card = json.loads((tiny_inpaint_person.folder / "person.json").read_text())
        assert card["schema"] == PERSON_SCHEMA
        assert card["renderer"]["mode"] == "inpaint"
        assert set(card["origin"]) == {"footage", "licence", "attribution", "consent"}
        files = {path.name for path in tiny_inpaint_person.folder.iterdir()} - {"person.json"}
        assert set(card["files"]) == files
        assert "footage.mp4" in files
        assert {"renderer", "speech", "text", "fps", "metrics"} <= set(card)
        assert {"predictor", "features", "encoder", "voices"} == set(card["speech"])
        assert card["renderer"]["generator"]["image_size"] == 64

    def test_the_default_person_tells_its_voices(self) -> None:
        person = load_person(Path(__file__).parent.parent / "checkpoints" / "grid_s1")
        speech = person.speech_part
        assert speech.encoder_digest == encoder_digest(speech.features)
        for told in ("augmented copies", "synthetic voices", "seed 1"):
            assert told in speech.voices

    def test_broadcast_rates_are_exact(self, folder: Path) -> None:
        save_card(replace(load_person(folder), fps=Fraction(30000, 1001)))
        assert load_person(folder).fps == Fraction(30000, 1001)

    def test_an_inpainted_person_keeps_its_squares(self, tiny_inpaint_person: Person) -> None:
        assert tiny_inpaint_person.mode is RenderMode.INPAINT
        assert tiny_inpaint_person.boxes == (CropBox(20.0, 10.0, 80.0),) * 50


class TestFiles:
    def test_no_such_folder(self, tmp_path: Path) -> None:
        refused(tmp_path / "nobody", "no such person")

    def test_a_folder_that_is_no_person(self, tmp_path: Path) -> None:
        refused(tmp_path, "no person.json")

    @pytest.mark.parametrize("name", ["mouth.npz", "predictor.onnx", "renderer.onnx", "reference.npz", "footage.mp4"])
    def test_a_missing_file_is_named(self, tiny_inpaint_person: Person, tmp_path: Path, name: str) -> None:
        folder = Path(shutil.copytree(tiny_inpaint_person.folder, tmp_path / "person"))
        (folder / name).unlink()
        refused(folder, "incomplete", name, "is missing")

    def test_training_weights_may_be_left_out_where_the_network_itself_is_there(self, folder: Path) -> None:
        weights, onnx = folder / "predictor.weights.h5", folder / "predictor.onnx"
        kept = weights.read_bytes()
        weights.unlink()
        assert load_person(folder).predictor_network.onnx == onnx
        weights.write_bytes(kept)
        rewrite(folder, lambda _, card: card["files"].pop(onnx.name))
        onnx.unlink()
        assert load_person(folder).predictor_weights == weights
        weights.unlink()
        refused(folder, "incomplete", weights.name, "is missing")

    @pytest.mark.parametrize(
        "name", ["mouth.npz", "predictor.weights.h5", "predictor.onnx", "renderer.onnx", "reference.npz"]
    )
    def test_one_altered_byte_is_found(self, folder: Path, name: str) -> None:
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)
        refused(folder, "altered", name, "sha256")

    @pytest.mark.parametrize(
        "names",
        [("mouth.npz",), ("renderer.onnx", "renderer.weights.h5"), ("predictor.onnx", "predictor.weights.h5")],
    )
    def test_a_file_without_a_sum_is_refused(self, folder: Path, names: tuple[str, ...]) -> None:
        rewrite(folder, lambda _, card: [card["files"].pop(name) for name in names], seal=False)
        refused(folder, "no sha256", *names)

    @pytest.mark.parametrize("name", ["../secret.npz", "/etc/hostname", "sub/mouth.npz"])
    def test_a_path_outside_the_folder_is_not_followed(self, folder: Path, name: str) -> None:
        rewrite(folder, lambda _, card: card["files"].update({name: "0" * 64}), seal=False)
        refused(folder, "outside the folder", name)


class TestCard:
    @pytest.mark.parametrize("content", ["", "no json", "[]", "3", "{}", '{"schema": null}', '{"schema": "x"}'])
    def test_a_card_that_is_none(self, folder: Path, content: str) -> None:
        (folder / "person.json").write_text(content)
        refused(folder, "damaged", "person.json")

    @pytest.mark.parametrize("content", UNREADABLE_JSON)
    def test_json_that_cannot_be_used(self, folder: Path, content: str) -> None:
        (folder / "person.json").write_text(UNREADABLE_JSON[content])
        refused(folder, "damaged", "person.json")

    def test_a_card_that_is_not_text(self, folder: Path) -> None:
        (folder / "person.json").write_bytes(b"\xff\xfe\x00 \x80")
        refused(folder, "damaged")

    def test_a_newer_schema(self, folder: Path) -> None:
        rewrite(folder, lambda _, card: card.update(schema=PERSON_SCHEMA + 1))
        refused(folder, f"schema {PERSON_SCHEMA + 1} is newer", "update")

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("renderer.mode", "puppet"),
            ("renderer.sketch", "oil"),
            ("fps", "fast"),
            ("fps", "0"),
            ("fps", "1/0"),
            ("reference_fps", "-25"),
            ("renderer", []),
            ("speech", "plain"),
            ("text", 3),
            ("speech.features", {"kind": "smell"}),
            ("speech.encoder", "0" * 64),
            ("speech.predictor", {"inputs": 208, "outputs": 8, "layers": 99}),
            ("speech.predictor", {"unheard": 1}),
            ("fps", "1e99999999"),
            ("speech.predictor", {"inputs": 208, "outputs": 8, "delay": 10**9}),
            ("speech.predictor", {"inputs": 208, "outputs": 8, "delay": 2.5}),
            ("speech.predictor", {"inputs": 208, "outputs": 8, "units": 8.5}),
            ("renderer.generator", {"image_size": 2**20}),
            ("renderer.generator", {"image_size": 64, "width": 4.5}),
            ("name", 3),
            ("origin", {"footage": 1, "licence": "", "attribution": "", "consent": ""}),
            ("metrics", {"score": []}),
            ("renderer.generator", {"image_size": 100}),
            ("origin", {"footage": "x"}),
            ("metrics", 3),
            ("files", ["mouth.npz"]),
        ],
    )
    def test_values_that_make_no_sense(self, folder: Path, key: str, value: object) -> None:
        rewrite(folder, lambda _, card: section(card, key).update({key.rpartition(".")[2]: value}), seal=False)
        refused(folder, "damaged")

    @pytest.mark.parametrize(
        "key",
        [
            "name",
            "renderer",
            "renderer.mode",
            "renderer.generator",
            "speech.predictor",
            "speech.features",
            "fps",
            "origin",
            "files",
            "metrics",
        ],
    )
    def test_values_that_are_missing(self, folder: Path, key: str) -> None:
        rewrite(folder, lambda _, card: section(card, key).pop(key.rpartition(".")[2]), seal=False)
        refused(folder, "damaged", key)


def junk(name: str, content: bytes) -> Change:
    return lambda folder, _: (folder / name).write_bytes(content) and None


def pickled(folder: Path, _: dict[str, Any]) -> None:
    boxes = np.zeros((0, 3))
    np.savez(folder / "reference.npz", landmarks=np.array([{"run": "me"}], dtype=object), boxes=boxes)


def reference(points: np.ndarray, boxes: np.ndarray | None = None) -> Change:
    def write(folder: Path, _: dict[str, Any]) -> None:
        np.savez(folder / "reference.npz", landmarks=points, boxes=np.zeros((0, 3)) if boxes is None else boxes)

    return write


class TestArrays:
    @pytest.mark.parametrize("name", ["mouth.npz", "reference.npz"])
    @pytest.mark.parametrize("content", [b"", b"junk", b"PK\x03\x04 junk", b"\x80\x04\x95junk", b"\x93NUMPY\x01\x00v"])
    def test_junk_with_a_right_sum(self, folder: Path, name: str, content: bytes) -> None:
        rewrite(folder, junk(name, content))
        refused(folder, "damaged")

    def test_a_pickle_is_not_opened(self, folder: Path) -> None:
        rewrite(folder, pickled)
        refused(folder, "damaged", "no .npz file of arrays")

    @pytest.mark.parametrize(
        ("points", "says"),
        [
            (np.zeros((0, 68, 2)), "(0, 68, 2)"),
            (np.zeros((5, 20, 2)), "(5, 20, 2)"),
            (np.zeros(7), "(7,)"),
            (np.zeros((5, 70, 2)), "(5, 70, 2)"),
            (np.full((5, 68, 2), np.nan), "no numbers"),
        ],
    )
    def test_a_reference_track_that_is_none(self, folder: Path, points: np.ndarray, says: str) -> None:
        rewrite(folder, reference(points))
        refused(folder, "does not fit", says)

    def test_a_person_whose_region_told_the_opening_is_to_be_trained_anew(
        self, tiny_inpaint_person: Person, tmp_path: Path
    ) -> None:
        folder = Path(shutil.copytree(tiny_inpaint_person.folder, tmp_path / "person"))
        rewrite(folder, lambda _, card: card["files"].pop("region.npz"))
        refused(folder, "before the painted region had one shape", "train renderer --mode inpaint")

    def test_a_region_that_is_none(self, tiny_inpaint_person: Person, tmp_path: Path) -> None:
        folder = Path(shutil.copytree(tiny_inpaint_person.folder, tmp_path / "person"))
        region = tiny_inpaint_person.region
        assert region is not None
        for outline in (region.outline[:2], region.outline[:, :1], np.full_like(region.outline, np.nan)):
            save_region(replace(region, outline=outline), folder / "region.npz")
            rewrite(folder, lambda *_: None)
            refused(folder, "region.npz: outline has shape")

    def test_squares_that_do_not_fit_the_footage(self, tiny_inpaint_person: Person, tmp_path: Path) -> None:
        folder = Path(shutil.copytree(tiny_inpaint_person.folder, tmp_path / "person"))
        points = tiny_inpaint_person.reference.points
        rewrite(folder, reference(points, np.ones((49, 3))))
        refused(folder, "49 squares for 50")
        rewrite(folder, reference(points, np.zeros((50, 3))))
        refused(folder, "no size")

    @pytest.mark.parametrize("part", ["template", "stretch", "mean", "spread", "jaw", "rest"])
    def test_a_mouth_of_wrong_shape(self, tiny_person: Person, folder: Path, part: str) -> None:
        with np.load(folder / "mouth.npz") as arrays:
            changed = dict(arrays)
        for value in (changed[part][:-1], np.full_like(changed[part], np.inf)):
            rewrite(folder, lambda f, _, value=value: np.savez(f / "mouth.npz", **{**changed, part: value}))
            refused(folder, "does not fit", "mouth.npz", part)


def test_a_person_from_before_heads_made_mouths_narrower(tiny_person: Person, folder: Path) -> None:
    with np.load(folder / "mouth.npz") as arrays:
        before = {name: value for name, value in arrays.items() if name != "stretch"}
    rewrite(folder, lambda f, _: np.savez(f / "mouth.npz", **before))
    head = load_person(folder).mouth.head
    np.testing.assert_array_equal(place_head(tiny_person.reference.points, head).stretch, 1)


class TestFit:
    def test_predictor_and_pca(self, tiny_person: Person, folder: Path) -> None:
        pca = tiny_person.mouth.pca
        fewer = replace(pca, components=pca.components[:-1], spread=pca.spread[:-1])
        save_mouth(replace(tiny_person.mouth, pca=fewer), folder / "mouth.npz")
        rewrite(folder, lambda *_: None)
        refused(folder, f"predictor gives {pca.count} values, PCA takes {pca.count - 1}")

    def test_predictor_and_features(self, folder: Path) -> None:
        rewrite(folder, lambda _, card: card["speech"]["features"].update(count=13))
        refused(folder, "predictor takes 208 values, the features have 104")

    def test_a_picture_too_small(self, folder: Path) -> None:
        rewrite(folder, lambda _, card: card["renderer"]["generator"].update(image_size=32))
        refused(folder, "image size 32 is too small")

    def test_channels(self, folder: Path) -> None:
        rewrite(folder, lambda _, card: card["renderer"]["generator"].update(in_channels=1))
        refused(folder, "1 channels in")

    @pytest.mark.filterwarnings("ignore:Skipping nested")
    @pytest.mark.parametrize(
        ("part", "size", "network", "name"),
        [
            ("speech.predictor", {"units": 16}, Predictor, "predictor"),
            ("renderer.generator", {"width": 8}, Renderer, "renderer"),
        ],
    )
    @pytest.mark.parametrize("engine", [Engine.ONNXRUNTIME, Engine.KERAS])
    def test_networks_of_another_size(
        self,
        folder: Path,
        part: str,
        size: dict[str, int],
        network: type[Predictor] | type[Renderer],
        name: str,
        engine: Engine,
    ) -> None:
        rewrite(folder, lambda _, card: section(card, part)[part.rpartition(".")[2]].update(size))
        with pytest.raises(EngineError, match="not fit") as caught:
            network(load_person(folder), engine)
        assert f"{name}.{'onnx' if engine is Engine.ONNXRUNTIME else 'weights.h5'}" in str(caught.value)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(("network", "name"), [(Predictor, "predictor"), (Renderer, "renderer")])
    def test_networks_that_are_none(self, folder: Path, network: type[Predictor] | type[Renderer], name: str) -> None:
        for suffix in ("onnx", "weights.h5"):
            rewrite(folder, junk(f"{name}.{suffix}", b"no network at all"))
        for engine, why in ((Engine.ONNXRUNTIME, "network is damaged"), (Engine.KERAS, "weights do not fit")):
            with pytest.raises(EngineError, match=rf"{why}: .*{name}\.") as caught:
                network(load_person(folder), engine)
            assert "\n" not in str(caught.value)


def as_schema_1(folder: Path) -> None:
    """Make of the person in ``folder`` one of the first schema: a flat card, and no exported networks."""
    card = json.loads((folder / CARD).read_text())
    for path in folder.glob("*.onnx"):
        path.unlink()
    renderer, speech, text, _ = (card.pop(part, None) for part in ("renderer", "speech", "text", "landmarks"))
    renderer.pop("sketch", None)
    encoder = speech.pop("encoder")
    if encoder:
        card["encoder"] = encoder["sha256"]
    card |= {"schema": 1, **renderer, **speech, **({"poser": text["poser"]} if text else {})}
    card["files"] = {name: digest for name, digest in card["files"].items() if not name.endswith(".onnx")}
    (folder / CARD).write_text(json.dumps(card))


class TestSchema1:
    """Persons that older versions of the program have made."""

    @pytest.fixture
    def old(self, folder: Path) -> Path:
        as_schema_1(folder)
        return folder

    def test_the_card_is_the_old_one(self, old: Path) -> None:
        # As the last version that wrote schema 1 had it.
        card = json.loads((old / CARD).read_text())
        keys = ["schema", "name", "fps", "reference_fps", "mode", "features", "predictor", "generator", "origin"]
        assert set(card) == {*keys, "metrics", "files", "voices"}
        assert not list(old.glob("*.onnx"))

    def test_it_is_loaded(self, old: Path, tiny_person: Person) -> None:
        person = load_person(old)
        assert (person.mode, person.generator, person.fps) == (tiny_person.mode, tiny_person.generator, tiny_person.fps)
        assert (person.features, person.predictor) == (tiny_person.features, tiny_person.predictor)
        assert person.speech_part.encoder is None
        assert person.text is None
        np.testing.assert_array_equal(person.mouth.rest, tiny_person.mouth.rest)

    def test_speaking_says_how_to_upgrade(self, old: Path, tmp_path: Path) -> None:
        person, sound = load_person(old), write_sound(tmp_path / "a.wav", babble(0.5))
        with pytest.raises(EngineError) as caught:
            speak(sound, tmp_path / "a.mp4", person)
        assert str(caught.value) == (
            f"network is not exported yet: {old / 'predictor.onnx'}; run: obamanet export {old}"
        )
        assert not (tmp_path / "a.mp4").exists()

    def test_an_upgrade_lets_it_speak(self, old: Path, tmp_path: Path, tiny_person: Person) -> None:
        person = upgrade_person(old)
        card = json.loads((old / CARD).read_text())
        assert card["schema"] == PERSON_SCHEMA
        assert {"renderer.onnx", "predictor.onnx"} <= set(card["files"])
        sound = write_sound(tmp_path / "a.wav", babble(0.5))
        assert speak(sound, tmp_path / "a.mp4", person).frames == 13
        features = load_features(sound, person)
        ours, theirs = (predict_raw(features, one).points for one in (person, tiny_person))
        np.testing.assert_allclose(ours, theirs, atol=1e-5)

    def test_an_interrupted_upgrade_leaves_it_as_it_was(self, old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        before = (old / CARD).read_bytes()
        with monkeypatch.context() as patch:
            patch.setattr("obamanet.export.save_card", interrupt)
            with pytest.raises(KeyboardInterrupt):
                upgrade_person(old)
        assert (old / CARD).read_bytes() == before
        assert load_person(old).name == "tiny"
        # What was exported then may be of other weights by now.
        (old / "renderer.onnx").write_bytes(b"of other weights")
        Renderer(upgrade_person(old))

    def test_only_one_process_upgrades(self, old: Path) -> None:
        with locked(old), pytest.raises(OutputError, match="another process is at work in"):
            upgrade_person(old)
        assert not list(old.glob("*.onnx"))

    def test_a_read_only_folder(self, old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        # The superuser, whom no permission keeps out, is told that there is none.
        access = os.access
        monkeypatch.setattr("os.access", lambda path, mode: mode & os.W_OK == 0 and access(path, mode))
        with pytest.raises(OutputError, match=f"output folder is not writable: {old}$"):
            upgrade_person(old)
        assert not list(old.glob("*.onnx"))

    def test_one_of_speech_features_names_the_shipped_encoder(self, tmp_path: Path) -> None:
        folder = Path(shutil.copytree(ROOT / "checkpoints" / "grid_s1", tmp_path / "person"))
        as_schema_1(folder)
        person = load_person(folder)
        assert person.speech_part.encoder_digest == encoder_card().sha256
        assert person.encoder_network == encoder_card().network
        assert person.poser is not None
        assert poser_of(person).config.poses == poses_of(person).count
        rewrite(folder, lambda _, card: card.update(encoder="0" * 64))
        refused(folder, "its speech encoder is neither in the folder nor this version's")


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


class TestParts:
    """Speech and text may be missing; what needs them says so."""

    @pytest.fixture
    def mute(self, folder: Path) -> Person:
        """Return a person that has neither a speech nor a text part."""
        save_card(replace(load_person(folder), speech=None, text=None))
        for name in ("mouth.npz", "predictor.weights.h5", "predictor.onnx"):
            (folder / name).unlink()
        rewrite(folder, lambda _, card: [card["files"].pop(name) for name in list(card["files"])
                                         if not (folder / name).exists()])  # fmt: skip
        return load_person(folder)

    def test_a_renderer_alone_paints(self, mute: Person) -> None:
        assert (mute.speech, mute.text) == (None, None)
        assert sorted(path.name for path in mute.folder.iterdir()) == [
            "person.json",
            "reference.npz",
            "renderer.onnx",
            "renderer.weights.h5",
        ]
        assert Renderer(mute).paint(np.zeros((64, 64, 3), np.uint8)).shape == (64, 64, 3)

    def test_what_needs_speech_refuses_in_one_line(self, mute: Person, tmp_path: Path) -> None:
        sound = write_sound(tmp_path / "a.wav", babble(0.5))
        code, said = obamanet("speak", sound, "--person", mute.folder, "--out", tmp_path / "a.mp4")
        assert code == 1
        assert said.count("\n") == 1
        assert f"person has no speech part: {mute.folder}" in said
        assert "train one with: obamanet train keypoints" in said
        assert not (tmp_path / "a.mp4").exists()

    @pytest.mark.parametrize("via", ["audio", "syllables"])
    def test_neither_way_of_saying_works_without(self, mute: Person, tmp_path: Path, via: str) -> None:
        arguments = ("Hi.", "--via", via, "--person", mute.folder, "--out", tmp_path / "a.mp4")
        code, said = obamanet("say", *arguments)
        assert code == 1
        assert said.count("\n") == 1
        assert ("person cannot speak by syllables" if via == "syllables" else "person has no speech part") in said

    def test_the_command_tells_what_is_missing(
        self, mute: Person, tiny_person: Person, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for person, speech in ((mute, "none; obamanet train keypoints learns it"), (tiny_person, "LSTM layers of 8")):
            assert obamanet("person", person.folder)[0] == 0
            told = capsys.readouterr().out
            assert speech in told
            assert "syllables: not learned" in told
            assert "mouth poses: none; obamanet poses finds them" in told

    def test_a_text_part_needs_the_mouth_of_a_speech_part(self, mute: Person) -> None:
        save_poses(made_poses(), mute.folder / "poses.npz")
        save_card(replace(mute, text=TextPart(made_poses())))
        refused(mute.folder, "does not fit together", "the text part needs a speech part")

    def test_a_text_part_without_its_files_is_refused(self, folder: Path) -> None:
        rewrite(folder, lambda _, card: card.update(text={"poser": None}))
        refused(folder, "no sha256 of poses.npz")


class TestEncoder:
    """A person keeps the speech encoder that its predictor was trained with."""

    @pytest.fixture
    def hearing(self, tmp_path: Path) -> Path:
        """Return a copy of the default person, which hears through the speech encoder."""
        return Path(shutil.copytree(ROOT / "checkpoints" / "grid_s1", tmp_path / "person"))

    def test_an_export_copies_it_into_the_person(self, hearing: Path) -> None:
        own = hearing / "speech_encoder.onnx"
        own.unlink()
        rewrite(hearing, lambda _, card: card["files"].pop(own.name))
        person = load_person(hearing)
        assert person.encoder_network == encoder_card().network
        export_networks(person)
        assert sha256_of(own) == sha256_of(encoder_card().network.onnx)
        network = person.encoder_network
        assert network is not None
        assert network.onnx == own

    def test_another_shipped_one_makes_no_person_useless(self, hearing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        before = Predictor(load_person(hearing))
        features = load_features(ROOT / "data" / "audio" / "hello_en.wav", load_person(hearing))
        expected = before.predict(features).points
        other = replace(
            encoder_card(),
            sha256="0" * 64,
            config=EncoderConfig(outputs=8),
            network=StoredNetwork("speech_encoder", EncoderConfig(outputs=8), hearing / "another.onnx"),
        )
        for place in ("obamanet.person", "obamanet.speech.feature_extractor"):
            monkeypatch.setattr(f"{place}.encoder_card", lambda: other)
        person = load_person(hearing)
        assert person.speech_part.encoder_digest != other.sha256
        np.testing.assert_array_equal(Predictor(person).predict(features).points, expected)

    def test_a_damaged_one_is_refused(self, hearing: Path) -> None:
        own = hearing / "speech_encoder.onnx"
        own.write_bytes(own.read_bytes()[:-1] + b"x")
        refused(hearing, "altered", own.name)


def made_poses() -> MouthPoses:
    """Return mouth poses of two values."""
    curve = PoseCurve(np.array([2]), np.array([1.0]), np.array([0.5]))
    return MouthPoses(np.eye(2, dtype=np.float32), np.array([3, 4]), np.ones(2), curve, 0.9, 1, "made")


def obamanet(*arguments: object) -> tuple[int, str]:
    """Return the exit code of the command ``obamanet`` and what it said as an error."""
    said = io.StringIO()
    with redirect_stderr(said):
        code = call(obamanet_app(), [str(argument) for argument in arguments], "obamanet")
    return code, said.getvalue()


class TestReplacing:
    """A person takes another one's place; whatever happens, one of the two is there."""

    @pytest.fixture
    def made(self, tiny_person: Person, tmp_path: Path) -> Path:
        """Return a complete person beside ``folder``, of another name and with other weights."""
        made = Path(shutil.copytree(tiny_person.folder, tmp_path / ".person.part"))
        keypoints = replace(tiny_person.mouth, rest=tiny_person.mouth.rest + np.float32(0.25))
        save_mouth(keypoints, made / "mouth.npz")
        save_card(replace(tiny_person, folder=made, name="new"))
        return made

    def test_the_new_one_is_there_and_nothing_else(self, made: Path, folder: Path) -> None:
        names = {path.name for path in folder.iterdir()}
        replace_person(made, folder)
        assert load_person(folder).name == "new"
        assert {path.name for path in folder.iterdir()} == names
        assert not made.exists()

    def test_an_empty_place(self, made: Path, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        replace_person(made, tmp_path / "empty")
        assert load_person(tmp_path / "empty").name == "new"

    def test_what_else_lies_there_stays_and_what_the_new_one_has_not_goes(self, made: Path, folder: Path) -> None:
        (folder / "letter.txt").write_text("dear")
        (folder / "footage.mp4").write_bytes(b"of an in-painted person before")
        replace_person(made, folder)
        assert (folder / "letter.txt").read_text() == "dear"
        assert not (folder / "footage.mp4").exists()

    def test_a_crash_at_any_moment_leaves_one_of_them(
        self, made: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        moves = [0]
        move = Path.replace

        def crash(after: int) -> Callable[[Path, Path], Path]:
            def replace(self: Path, target: Path) -> Path:
                if moves[0] == after:
                    raise KeyboardInterrupt
                moves[0] += 1
                return move(self, target)

            return replace

        seen = []
        for after in range(len(list(made.iterdir())) + 1):
            place, new = tmp_path / f"{after}", tmp_path / f"{after}.part"
            shutil.copytree(folder, place)
            shutil.copytree(made, new)
            moves[0] = 0
            with monkeypatch.context() as patch:
                patch.setattr(Path, "replace", crash(after))
                with pytest.raises(KeyboardInterrupt):
                    replace_person(new, place)
            # Whoever loads it next finishes the work.
            seen.append(load_person(place).name)
            assert not (place / READY_FOLDER).exists()
        assert seen == ["tiny"] + ["new"] * (len(seen) - 1)

    def test_two_may_finish_at_once(self, made: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        made.replace(folder / READY_FOLDER)
        move = Path.replace

        def raced(self: Path, target: Path) -> Path:
            if self.name == CARD:
                move(self, target)
            return move(self, target)

        monkeypatch.setattr(Path, "replace", raced)
        assert load_person(folder).name == "new"
