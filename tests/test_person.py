"""A person knows itself: what was saved is what is loaded, and every mismatch is refused with its reason."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made import UNREADABLE_JSON

from obamanet.constants import PERSON_SCHEMA
from obamanet.errors import PersonError
from obamanet.files import sha256_of
from obamanet.hearing.listener import encoder_digest
from obamanet.inference.predictor import Predictor
from obamanet.inference.renderer import Renderer
from obamanet.person import CARD, READY, Person, load_person, replace_person, save_card, save_mouth
from obamanet.types import CropBox, RenderMode

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
        assert asdict(replace(again, mouth=None, reference=None)) == asdict(
            replace(tiny_person, mouth=None, reference=None)
        )
        np.testing.assert_array_equal(again.reference.points, tiny_person.reference.points)
        np.testing.assert_array_equal(again.mouth.pca.components, tiny_person.mouth.pca.components)
        assert again.reference.fps == tiny_person.fps == 25

    def test_the_card_says_what_it_must(self, tiny_inpaint_person: Person) -> None:
        card = json.loads((tiny_inpaint_person.folder / "person.json").read_text())
        assert card["schema"] == PERSON_SCHEMA
        assert card["mode"] == "inpaint"
        assert set(card["origin"]) == {"footage", "licence", "attribution", "consent"}
        files = {path.name for path in tiny_inpaint_person.folder.iterdir()} - {"person.json"}
        assert set(card["files"]) == files
        assert "footage.mp4" in files
        assert {"predictor", "generator", "features", "fps", "metrics"} <= set(card)

    def test_the_default_person_tells_its_voices(self) -> None:
        person = load_person(Path(__file__).parent.parent / "checkpoints" / "grid_s1")
        assert person.encoder == encoder_digest(person.features)
        for told in ("disturbed copies", "renditions by other voices", "seed 1"):
            assert told in person.voices

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

    @pytest.mark.parametrize(
        "name", ["mouth.npz", "predictor.weights.h5", "renderer.weights.h5", "reference.npz", "footage.mp4"]
    )
    def test_a_missing_file_is_named(self, tiny_inpaint_person: Person, tmp_path: Path, name: str) -> None:
        folder = Path(shutil.copytree(tiny_inpaint_person.folder, tmp_path / "person"))
        (folder / name).unlink()
        refused(folder, "incomplete", name, "is missing")

    @pytest.mark.parametrize("name", ["mouth.npz", "predictor.weights.h5", "renderer.weights.h5", "reference.npz"])
    def test_one_altered_byte_is_found(self, folder: Path, name: str) -> None:
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)
        refused(folder, "altered", name, "sha256")

    @pytest.mark.parametrize("name", ["mouth.npz", "renderer.weights.h5"])
    def test_a_file_without_a_sum_is_refused(self, folder: Path, name: str) -> None:
        rewrite(folder, lambda _, card: card["files"].pop(name), seal=False)
        refused(folder, "no sha256", name)

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
            ("mode", "puppet"),
            ("fps", "fast"),
            ("fps", "0"),
            ("fps", "1/0"),
            ("reference_fps", "-25"),
            ("features", {"kind": "smell"}),
            ("predictor", {"inputs": 208, "outputs": 8, "layers": 99}),
            ("predictor", {"unheard": 1}),
            ("fps", "1e99999999"),
            ("predictor", {"inputs": 208, "outputs": 8, "delay": 10**9}),
            ("predictor", {"inputs": 208, "outputs": 8, "delay": 2.5}),
            ("predictor", {"inputs": 208, "outputs": 8, "units": 8.5}),
            ("generator", {"image_size": 2**20}),
            ("generator", {"image_size": 64, "width": 4.5}),
            ("name", 3),
            ("origin", {"footage": 1, "licence": "", "attribution": "", "consent": ""}),
            ("metrics", {"score": []}),
            ("generator", {"image_size": 100}),
            ("origin", {"footage": "x"}),
            ("metrics", 3),
            ("files", ["mouth.npz"]),
        ],
    )
    def test_values_that_make_no_sense(self, folder: Path, key: str, value: object) -> None:
        rewrite(folder, lambda _, card: card.update({key: value}), seal=False)
        refused(folder, "damaged")

    @pytest.mark.parametrize("key", ["name", "mode", "fps", "predictor", "generator", "origin", "files", "metrics"])
    def test_values_that_are_missing(self, folder: Path, key: str) -> None:
        rewrite(folder, lambda _, card: card.pop(key), seal=False)
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
            (np.full((5, 68, 2), np.nan), "no numbers"),
        ],
    )
    def test_a_reference_track_that_is_none(self, folder: Path, points: np.ndarray, says: str) -> None:
        rewrite(folder, reference(points))
        refused(folder, "does not fit", says)

    def test_squares_that_do_not_fit_the_footage(self, tiny_inpaint_person: Person, tmp_path: Path) -> None:
        folder = Path(shutil.copytree(tiny_inpaint_person.folder, tmp_path / "person"))
        points = tiny_inpaint_person.reference.points
        rewrite(folder, reference(points, np.ones((49, 3))))
        refused(folder, "49 squares for 50")
        rewrite(folder, reference(points, np.zeros((50, 3))))
        refused(folder, "no size")

    @pytest.mark.parametrize("part", ["template", "mean", "spread", "jaw", "rest"])
    def test_a_mouth_of_wrong_shape(self, tiny_person: Person, folder: Path, part: str) -> None:
        with np.load(folder / "mouth.npz") as arrays:
            changed = dict(arrays)
        for value in (changed[part][:-1], np.full_like(changed[part], np.inf)):
            rewrite(folder, lambda f, _, value=value: np.savez(f / "mouth.npz", **{**changed, part: value}))
            refused(folder, "does not fit", "mouth.npz", part)


class TestFit:
    def test_predictor_and_pca(self, tiny_person: Person, folder: Path) -> None:
        pca = tiny_person.mouth.pca
        fewer = replace(pca, components=pca.components[:-1], spread=pca.spread[:-1])
        save_mouth(replace(tiny_person.mouth, pca=fewer), folder / "mouth.npz")
        rewrite(folder, lambda *_: None)
        refused(folder, f"predictor gives {pca.count} values, PCA takes {pca.count - 1}")

    def test_predictor_and_features(self, folder: Path) -> None:
        rewrite(folder, lambda _, card: card["features"].update(count=13))
        refused(folder, "predictor takes 208 values, the features have 104")

    def test_a_picture_too_small(self, folder: Path) -> None:
        rewrite(folder, lambda _, card: card["generator"].update(image_size=32))
        refused(folder, "image size 32 is too small")

    def test_channels(self, folder: Path) -> None:
        rewrite(folder, lambda _, card: card["generator"].update(in_channels=1))
        refused(folder, "1 channels in")

    @pytest.mark.filterwarnings("ignore:Skipping nested")
    @pytest.mark.parametrize(
        ("section", "value", "network", "name"),
        [("predictor", 16, Predictor, "predictor.weights.h5"), ("generator", 8, Renderer, "renderer.weights.h5")],
    )
    def test_weights_of_another_size(
        self, folder: Path, section: str, value: int, network: type[Predictor] | type[Renderer], name: str
    ) -> None:
        size = "units" if section == "predictor" else "width"
        rewrite(folder, lambda _, card: card[section].update({size: value}))
        with pytest.raises(PersonError, match="do not fit") as caught:
            network(load_person(folder))
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(("network", "name"), [(Predictor, "predictor"), (Renderer, "renderer")])
    def test_weights_that_are_none(self, folder: Path, network: type[Predictor] | type[Renderer], name: str) -> None:
        rewrite(folder, junk(f"{name}.weights.h5", b"no weights at all"))
        with pytest.raises(PersonError, match="do not fit") as caught:
            network(load_person(folder))
        assert "\n" not in str(caught.value)


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
            assert not (place / READY).exists()
        assert seen == ["tiny"] + ["new"] * (len(seen) - 1)

    def test_two_may_finish_at_once(self, made: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        made.replace(folder / READY)
        move = Path.replace

        def raced(self: Path, target: Path) -> Path:
            if self.name == CARD:
                move(self, target)
            return move(self, target)

        monkeypatch.setattr(Path, "replace", raced)
        assert load_person(folder).name == "new"
