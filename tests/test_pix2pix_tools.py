"""The pix2pix tools: A|B folders in, a run, its pictures, its comparison and its export out."""

from __future__ import annotations

import csv
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import run_eagerly
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from obamanet.errors import DatasetError, ObamanetError, OptionError, OutputError
from obamanet.networks.config import GeneratorConfig
from obamanet.networks.weights import save_half
from obamanet.pix2pix.checkpoint import Painter, Which, load_checkpoint, load_generator
from obamanet.pix2pix.compare import compare_epochs
from obamanet.pix2pix.export_generator import export_generator
from obamanet.pix2pix.folders import Shares, combine_folders, resize_folder, split_folder
from obamanet.pix2pix.measures import measure
from obamanet.pix2pix.pairs import Direction, FolderPairs
from obamanet.pix2pix.pictures import list_pictures
from obamanet.pix2pix.test_folder import test_folder as paint_folder
from obamanet.pix2pix.train_folder import train_folder
from obamanet.training.loop.runner import Limits
from obamanet.training.renderer.pix2pix_training import TrainOptions

CONFIG = GeneratorConfig(image_size=32, width=4)

# Without an adversary, which these tools do not touch; weights are kept after steps 2 and 6, of which the first is no
# evaluation of the schedule.
OPTIONS = TrainOptions(batch_size=3, gan_weight=0.0, discriminator_width=4, epoch_steps=4)

EPOCHS = 3


def blot(seed: int, height: int = 40, width: int = 40) -> np.ndarray:
    """Return a smooth coloured picture (height, width, 3)."""
    points = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return cv2.resize(points, (width, height), interpolation=cv2.INTER_LINEAR)


def write(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)


def make_pairs(folder: Path, count: int) -> Path:
    for index in range(count):
        a = blot(index)
        write(folder / f"p{index}.png", np.hstack([a, 255 - a]))
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pairs(tmp_path_factory.mktemp("pictures"), 6)


def train_small(pictures: Path, out: Path, **changed: Any) -> None:
    settings = {"epochs": EPOCHS, "val": pictures, "direction": Direction.B_TO_A, "keep_epochs": [1, 3]} | changed
    train_folder(pictures, out, CONFIG, OPTIONS, **settings)


@pytest.fixture(scope="module")
def run(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "small"
    with run_eagerly():
        train_small(pictures, out)
    return out


# Pairs


def test_the_halves_are_condition_and_target_by_direction(tmp_path: Path) -> None:
    a, b = blot(1, 32, 32), blot(2, 32, 32)
    write(tmp_path / "x.png", np.hstack([a, b]))
    there = FolderPairs([tmp_path / "x.png"], 32).pair(0, None)
    back = FolderPairs([tmp_path / "x.png"], 32, Direction.B_TO_A).pair(0, None)
    np.testing.assert_array_equal(there.condition, a)
    np.testing.assert_array_equal(there.target, b)
    np.testing.assert_array_equal(back.condition, b)
    np.testing.assert_array_equal(back.target, a)
    np.testing.assert_array_equal(there.weight, np.ones((32, 32)))


@pytest.mark.parametrize(("height", "width"), [(32, 64), (20, 100), (100, 60), (256, 512)])
def test_halves_of_any_size_become_the_square(tmp_path: Path, height: int, width: int) -> None:
    write(tmp_path / "x.png", blot(1, height, width))
    for random in (None, np.random.default_rng(0)):
        pair = FolderPairs([tmp_path / "x.png"], 32).pair(0, random)
        assert pair.condition.shape == pair.target.shape == (32, 32, 3)


@pytest.mark.parametrize("name", ["x.png", "x.PNG", "x.jpg", "x.JPEG"])
def test_grey_pictures_become_coloured_whatever_their_suffix(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, blot(1, 32, 64)[..., 0])
    assert list_pictures(tmp_path) == [tmp_path / name]
    condition = FolderPairs([tmp_path / name], 32).pair(0, None).condition
    np.testing.assert_array_equal(condition[..., 0], condition[..., 2])
    assert np.abs(condition[..., 0].astype(int) - blot(1, 32, 64)[:, :32, 0]).max() < 12  # JPEG's loss


def test_jitter_treats_both_halves_alike(tmp_path: Path) -> None:
    write(tmp_path / "x.png", np.hstack([blot(1), blot(1)]))
    source = FolderPairs([tmp_path / "x.png"], 32)
    for seed in range(20):
        pair = source.pair(0, np.random.default_rng(seed))
        np.testing.assert_array_equal(pair.condition, pair.target)


def test_jitter_crops_from_the_load_size_and_mirrors_half_of_the_time(tmp_path: Path) -> None:
    write(tmp_path / "x.png", np.hstack([blot(1, 36, 36), blot(2, 36, 36)]))
    source = FolderPairs([tmp_path / "x.png"], 32)
    # By the paper's ratio 32 is cropped from 36, to which nothing needs scaling here: every crop can be listed.
    crops = {
        blot(1, 36, 36)[top : top + 32, left : left + 32][:, ::turn].tobytes(): (top, left, turn)
        for top in range(5)
        for left in range(5)
        for turn in (1, -1)
    }
    drawn = [crops[source.pair(0, np.random.default_rng(seed)).condition.tobytes()] for seed in range(200)]
    assert {top for top, _, _ in drawn} == {left for _, left, _ in drawn} == set(range(5))
    assert 70 < sum(turn == -1 for _, _, turn in drawn) < 130


def test_jitter_varies_by_generator_and_can_be_repeated(tmp_path: Path) -> None:
    write(tmp_path / "x.png", np.hstack([blot(1), blot(2)]))
    source = FolderPairs([tmp_path / "x.png"], 32)
    drawn = [source.pair(0, np.random.default_rng((1, epoch))).target.tobytes() for epoch in range(10)]
    assert len(set(drawn)) > 5
    assert drawn == [source.pair(0, np.random.default_rng((1, epoch))).target.tobytes() for epoch in range(10)]


def test_no_flip_and_no_room_to_crop_leave_the_picture(tmp_path: Path) -> None:
    write(tmp_path / "x.png", np.hstack([blot(1), blot(2)]))
    source = FolderPairs([tmp_path / "x.png"], 32, load_size=32, flip=False)
    plain = source.pair(0, None)
    for seed in range(10):
        np.testing.assert_array_equal(source.pair(0, np.random.default_rng(seed)).condition, plain.condition)


@pytest.mark.parametrize("load_size", [31, 257, 1_000_000])
def test_a_load_size_out_of_range_is_refused(load_size: int) -> None:
    with pytest.raises(OptionError, match=rf"got {load_size}, allowed is 32 to 256 for the image size 32"):
        FolderPairs([], 32, load_size=load_size)


def break_a_picture(path: Path) -> None:
    path.write_bytes(b"\x89PNG no picture")


def cut_a_picture(path: Path) -> None:
    write(path, blot(1))
    path.write_bytes(path.read_bytes()[:200])


def empty_a_picture(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("spoil", [break_a_picture, cut_a_picture, empty_a_picture])
def test_an_unreadable_picture_is_named(tmp_path: Path, spoil: Any) -> None:
    spoil(tmp_path / "bad.png")
    with pytest.raises(DatasetError, match=r"cannot be read.*bad\.png"):
        FolderPairs([tmp_path / "bad.png"], 32).pair(0, None)


def test_an_odd_width_is_named(tmp_path: Path) -> None:
    write(tmp_path / "odd.png", blot(1, 32, 65))
    with pytest.raises(DatasetError, match=r"65x32 pixels: .*odd\.png"):
        FolderPairs([tmp_path / "odd.png"], 32).pair(0, None)


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    for folder in (tmp_path, tmp_path / "missing", tmp_path / "notes.txt"):
        with pytest.raises(DatasetError, match=re.escape(str(folder))):
            list_pictures(folder)


# Training


def test_a_bad_picture_stops_training_before_it_begins(pictures: Path, tmp_path: Path) -> None:
    make_pairs(tmp_path / "in", 3)
    write(tmp_path / "in" / "z.png", blot(1, 32, 65))
    with pytest.raises(DatasetError, match=r"z\.png"):
        train_small(tmp_path / "in", tmp_path / "run", val=pictures)
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("eager")
def test_a_share_of_the_pictures_validates(tmp_path: Path) -> None:
    make_pairs(tmp_path / "in", 5)
    train_small(tmp_path / "in", tmp_path / "run", val=None, val_share=0.2, limits=Limits(steps=1))
    about = json.loads((tmp_path / "run" / "options.json").read_text("utf-8"))["folder"]
    assert (about["pairs"], about["val_pairs"]) == (4, 1)


def test_one_picture_cannot_train_and_validate(tmp_path: Path) -> None:
    make_pairs(tmp_path / "in", 1)
    with pytest.raises(DatasetError, match="cannot both train and validate"):
        train_small(tmp_path / "in", tmp_path / "run", val=None)


def test_another_direction_is_another_run(run: Path, pictures: Path) -> None:
    with pytest.raises(OptionError, match="direction BtoA -> AtoB"):
        train_small(pictures, run, direction=Direction.A_TO_B)


def test_epochs_are_passes_over_the_pictures(run: Path) -> None:
    options = json.loads((run / "options.json").read_text("utf-8"))
    assert options["training"]["steps"] == EPOCHS * 6 // OPTIONS.batch_size
    kept = load_checkpoint(run).kept()
    assert list(kept) == [2, 6]
    # What is kept last are the last weights.
    assert kept[6].read_bytes() == (run / "last.weights.h5").read_bytes()
    assert kept[2].read_bytes() != kept[6].read_bytes()


@pytest.mark.usefixtures("eager")
def test_keeping_weights_changes_no_weights(run: Path, pictures: Path, tmp_path: Path) -> None:
    train_small(pictures, tmp_path, keep_epochs=[])
    assert not (tmp_path / "kept").exists()
    with np.load(run / "state.npz") as one, np.load(tmp_path / "state.npz") as two:
        for name in set(one.files) - {"best"}:
            np.testing.assert_allclose(one[name], two[name], rtol=0, atol=1e-6, err_msg=name)


# Testing


def test_testing_shows_inputs_outputs_and_targets(run: Path, pictures: Path, tmp_path: Path) -> None:
    report = paint_folder(run, pictures, tmp_path / "out", which=Which.LAST)
    names = {path.name for path in (tmp_path / "out" / "images").iterdir()}
    assert names == {f"p{index}-{kind}.png" for index in range(6) for kind in ("inputs", "outputs", "targets")}
    errors = []
    for index in range(6):
        shown = {
            kind: cv2.imread(str(tmp_path / "out" / "images" / f"p{index}-{kind}.png"))
            for kind in ("inputs", "outputs", "targets")
        }
        # Trained from B to A, and 32 pixels: both from the checkpoint, nothing here says so.
        target = cv2.resize(blot(index), (32, 32), interpolation=cv2.INTER_AREA)
        np.testing.assert_array_equal(shown["targets"], target)
        np.testing.assert_allclose(shown["inputs"].astype(int), 255 - target.astype(int), atol=1)
        assert shown["outputs"].shape == target.shape
        errors.append(np.abs(shown["outputs"].astype(float) - target).mean())
    assert report.pictures == 6
    assert report.mean.l1 == pytest.approx(np.mean(errors))

    html = (tmp_path / "out" / "index.html").read_text("utf-8")
    links = re.findall(r'src="([^"]+)"', html)
    assert len(links) == 18
    assert all((tmp_path / "out" / link).is_file() for link in links)
    for error in errors:
        assert f"<td>{error:.2f}</td>" in html


def test_a_picture_alone_and_among_others_is_painted_alike(run: Path, pictures: Path, tmp_path: Path) -> None:
    paint_folder(run, pictures, tmp_path / "all")
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "p3.png").write_bytes((pictures / "p3.png").read_bytes())
    paint_folder(run, tmp_path / "one", tmp_path / "alone")
    name = "images/p3-outputs.png"
    assert (tmp_path / "alone" / name).read_bytes() == (tmp_path / "all" / name).read_bytes()


def test_testing_again_gives_the_same_and_touches_nothing_else(run: Path, pictures: Path, tmp_path: Path) -> None:
    paint_folder(run, pictures, tmp_path / "out")
    before = content(tmp_path / "out")
    paint_folder(run, pictures, tmp_path / "out")
    assert content(tmp_path / "out") == before
    (tmp_path / "out" / "images" / "p0-outputs.png").write_bytes(b"mine")
    with pytest.raises(OutputError, match="not empty and holds something else"):
        paint_folder(run, pictures, tmp_path / "out")
    assert (tmp_path / "out" / "images" / "p0-outputs.png").read_bytes() == b"mine"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_names_are_escaped_on_the_page(run: Path, tmp_path: Path) -> None:
    make_pairs(tmp_path / "in", 1)
    (tmp_path / "in" / "p0.png").rename(tmp_path / "in" / "a<b> & #1 100%.png")
    paint_folder(run, tmp_path / "in", tmp_path / "out")
    html = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert "<td>a&lt;b&gt; &amp; #1 100%</td>" in html
    assert 'src="images/a%3Cb%3E%20%26%20%231%20100%25-outputs.png"' in html


def test_two_pictures_of_one_name_are_refused(run: Path, tmp_path: Path) -> None:
    write(tmp_path / "x.png", blot(1, 32, 64))
    write(tmp_path / "x.jpg", blot(1, 32, 64))
    with pytest.raises(DatasetError, match=r"x\.jpg and x\.png"):
        paint_folder(run, tmp_path, tmp_path / "out")


def test_a_folder_that_is_no_run_is_refused(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no training run"):
        paint_folder(tmp_path, pictures, tmp_path / "out")
    (tmp_path / "options.json").write_text('{"generator": {"image_size": 32}}')
    with pytest.raises(DatasetError, match="not a pix2pix run"):
        paint_folder(tmp_path, pictures, tmp_path / "out")


def test_measures_agree_with_scikit_image() -> None:
    one, other = blot(1), np.clip(blot(1).astype(int) + np.random.default_rng(0).integers(-20, 21, (40, 40, 3)), 0, 255)
    other = other.astype(np.uint8)
    found = measure(one, other)
    assert found.l1 == pytest.approx(np.abs(one.astype(int) - other).mean())
    assert found.psnr == pytest.approx(peak_signal_noise_ratio(one, other))
    expected = structural_similarity(
        one, other, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert found.ssim == pytest.approx(expected, abs=2e-3)
    same = measure(one, one)
    assert (same.l1, same.psnr, same.ssim) == (0, np.inf, pytest.approx(1))


# Comparison


def test_kept_epochs_are_compared(run: Path, pictures: Path, tmp_path: Path) -> None:
    compared = compare_epochs(run, pictures, tmp_path / "out")
    assert [(one.epoch, one.step) for one in compared] == [(1, 2), (3, 6)]
    with (tmp_path / "out" / "epochs.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "3"]
    # The last kept weights are the last ones, whose measures the test tool gives too.
    last = paint_folder(run, pictures, tmp_path / "last", which=Which.LAST).mean
    assert float(rows[1]["l1"]) == pytest.approx(last.l1, rel=1e-4)
    assert float(rows[1]["psnr_db"]) == pytest.approx(last.psnr, rel=1e-4)
    assert float(rows[1]["ssim"]) == pytest.approx(last.ssim, abs=1e-4)
    assert float(rows[0]["l1"]) != float(rows[1]["l1"])
    assert cv2.imread(str(tmp_path / "out" / "epochs.png")).std() > 0
    html = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert html.count('src="data:image/') == html.count("src=") == 1 + 4 * 4  # curves; 4 rows: input, target, epochs
    assert re.search(f"<td>(<b>)?{last.psnr:.2f}(</b>)?</td>", html)


def test_one_picture_is_shown_over_the_epochs_that_are_named(run: Path, pictures: Path, tmp_path: Path) -> None:
    compared = compare_epochs(run, pictures, tmp_path / "out", epochs=[3], frame="p2")
    assert [one.epoch for one in compared] == [3]
    html = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert "<h2>p2 over time</h2>" in html
    assert html.count('src="data:image/') == 1 + 3  # curves; input, target, epoch 3
    with pytest.raises(OptionError, match=r"epoch 2 was not kept in .*: kept are 1, 3"):
        compare_epochs(run, pictures, tmp_path / "new", epochs=[3, 2])
    with pytest.raises(OptionError, match="no picture is named 'p9'"):
        compare_epochs(run, pictures, tmp_path / "new", frame="p9")
    assert not (tmp_path / "new").exists()


def test_a_run_that_kept_nothing_cannot_be_compared(run: Path, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "options.json").write_bytes((run / "options.json").read_bytes())
    with pytest.raises(DatasetError, match="no weights were kept"):
        compare_epochs(tmp_path, pictures, tmp_path / "out")


# Export


def test_the_exported_generator_paints_the_same_without_training_code(run: Path, tmp_path: Path) -> None:
    import keras

    report = export_generator(run, tmp_path / "g.keras")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["g.json", "g.keras", "g.weights.h5"]
    with zipfile.ZipFile(report.model) as archive:
        graph = archive.read("config.json").decode()
    own = set(re.findall(r'"module": "(obamanet[^"]*)"', graph))
    assert own == {"obamanet.networks.layers"}, "what a user of the file has to import"
    picture = (blot(7, 32, 32)[None] / 127.5 - 1).astype(np.float32)
    painted = np.asarray(keras.models.load_model(report.model, safe_mode=True)(picture))
    checkpoint = load_checkpoint(run)
    generator = load_generator(checkpoint.generator, checkpoint.weights(Which.BEST))
    expected = np.asarray(generator(picture))
    np.testing.assert_allclose(painted, expected, atol=1e-6)

    half = np.asarray(load_generator(checkpoint.generator, report.weights)(picture))
    assert np.abs(half - expected).max() < 2 / 255

    about = json.loads(report.about.read_text("utf-8"))
    assert (about["image_size"], about["width"], about["direction"]) == (32, 4, "BtoA")
    assert (about["value_range"], about["channel_order"]) == ([-1, 1], "BGR")


def test_half_precision_weights_serve_as_a_checkpoint(run: Path, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(run)
    save_half(load_generator(checkpoint.generator, checkpoint.weights(Which.BEST)), tmp_path / "half.weights.h5")
    condition = blot(7, 32, 32)
    full = Painter(checkpoint.generator, checkpoint.weights(Which.BEST)).paint(condition)
    half = Painter(checkpoint.generator, tmp_path / "half.weights.h5").paint(condition)
    assert np.abs(full.astype(int) - half).max() <= 1


def test_export_needs_the_suffix_that_keras_reads(run: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"must end in \.keras"):
        export_generator(run, tmp_path / "g.h5")


@pytest.mark.filterwarnings("ignore:Skipping nested")
def test_weights_of_another_network_are_refused(run: Path, tmp_path: Path) -> None:
    options = json.loads((run / "options.json").read_text("utf-8"))
    options["generator"]["width"] = 8
    (tmp_path / "options.json").write_text(json.dumps(options))
    (tmp_path / "best.weights.h5").write_bytes((run / "best.weights.h5").read_bytes())
    with pytest.raises(DatasetError, match=r"weights do not fit: .*best\.weights\.h5"):
        export_generator(tmp_path, tmp_path / "g.keras")
    (tmp_path / "best.weights.h5").unlink()
    with pytest.raises(DatasetError, match="no such weights"):
        export_generator(tmp_path, tmp_path / "g.keras")


# Folders


def test_resizing_cuts_the_middle_square(tmp_path: Path) -> None:
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, 20:40] = 200
    write(tmp_path / "in" / "a.PNG", wide)
    write(tmp_path / "in" / "b.jpg", wide.transpose(1, 0, 2))
    before = content(tmp_path / "in")
    assert resize_folder(tmp_path / "in", tmp_path / "out", 10) == 2
    for name in ("a.png", "b.png"):
        np.testing.assert_allclose(cv2.imread(str(tmp_path / "out" / name)), np.full((10, 10, 3), 200), atol=3)
    assert content(tmp_path / "in") == before


def test_resizing_with_padding_keeps_the_whole_picture(tmp_path: Path) -> None:
    write(tmp_path / "in" / "a.png", np.full((20, 40, 3), 200, np.uint8))
    resize_folder(tmp_path / "in", tmp_path / "out", 40, pad=True)
    expected = np.zeros((40, 40, 3), np.uint8)
    expected[10:30] = 200
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "out" / "a.png")), expected)


def test_combining_puts_names_together_and_lists_the_lonely(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    for name, side, seed in (("x.png", a, 1), ("only_a.png", a, 2), ("x.png", b, 3), ("only_b.jpeg", b, 4)):
        write(side / name, blot(seed))
    before = content(tmp_path)
    report = combine_folders(a, b, tmp_path / "out")
    assert (report.pairs, report.only_a, report.only_b) == (1, ("only_a",), ("only_b",))
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "out" / "x.png")), np.hstack([blot(1), blot(3)]))
    after = content(tmp_path)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"out/x.png"}


def test_combining_brings_b_to_the_size_of_a(tmp_path: Path) -> None:
    write(tmp_path / "a" / "x.png", blot(1, 30, 20))
    write(tmp_path / "b" / "x.jpg", np.full((90, 90, 3), 100, np.uint8))
    combine_folders(tmp_path / "a", tmp_path / "b", tmp_path / "out")
    combined = cv2.imread(str(tmp_path / "out" / "x.png"))
    np.testing.assert_array_equal(combined[:, :20], blot(1, 30, 20))
    np.testing.assert_allclose(combined[:, 20:], np.full((30, 20, 3), 100), atol=2)


def test_combining_what_shares_no_name_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a" / "x.png", blot(1))
    write(tmp_path / "b" / "y.png", blot(1))
    with pytest.raises(DatasetError, match="has one of the same name"):
        combine_folders(tmp_path / "a", tmp_path / "b", tmp_path / "out")


def test_combined_folders_can_be_trained_on(tmp_path: Path) -> None:
    for index in range(2):
        write(tmp_path / "a" / f"{index}.png", blot(index))
        write(tmp_path / "b" / f"{index}.jpg", 255 - blot(index))
    combine_folders(tmp_path / "a", tmp_path / "b", tmp_path / "ab")
    pair = FolderPairs(list_pictures(tmp_path / "ab"), 32).pair(0, None)
    assert np.abs(pair.target.astype(int) - (255 - pair.condition.astype(int))).mean() < 5  # JPEG's loss


def test_splitting_is_disjoint_whole_and_seeded(tmp_path: Path) -> None:
    for index in range(20):
        write(tmp_path / "in" / f"{index}.png", blot(index, 8, 8))
    before = content(tmp_path / "in")
    counts = split_folder(tmp_path / "in", tmp_path / "out", Shares(0.7, 0.2, 0.1), seed=3)
    assert counts == {"train": 14, "val": 4, "test": 2}
    parts = {part: content(tmp_path / "out" / part) for part in counts}
    assert {part: len(files) for part, files in parts.items()} == counts
    assert {name: data for files in parts.values() for name, data in files.items()} == before
    assert content(tmp_path / "in") == before

    split_folder(tmp_path / "in", tmp_path / "again", Shares(0.7, 0.2, 0.1), seed=3)
    assert content(tmp_path / "again") == content(tmp_path / "out")
    split_folder(tmp_path / "in", tmp_path / "other", Shares(0.7, 0.2, 0.1), seed=4)
    assert content(tmp_path / "other").keys() != content(tmp_path / "out").keys()


@pytest.mark.parametrize(
    ("shares", "number", "expected"),
    [
        (Shares(), 10, (8, 1, 1)),
        (Shares(), 3, (1, 1, 1)),
        (Shares(0.5, 0.5, 0), 5, (3, 2, 0)),
        (Shares(1, 0, 0), 4, (4, 0, 0)),
        (Shares(0.01, 0.98, 0.01), 3, (1, 1, 1)),
        (Shares(0.02, 0.49, 0.49), 10, (1, 4, 5)),
    ],
)
def test_shares_count_every_picture_once(shares: Shares, number: int, expected: tuple[int, int, int]) -> None:
    assert sum(expected) == number
    assert shares.counts(number) == expected


def test_impossible_shares_are_refused() -> None:
    with pytest.raises(OptionError, match=r"1 in all: got 0\.5, 0\.6, 0\.1"):
        Shares(0.5, 0.6, 0.1)
    with pytest.raises(DatasetError, match="2 pictures cannot be divided into 3 parts"):
        Shares().counts(2)


@pytest.mark.parametrize("tool", ["resize", "combine", "split"])
def test_a_bad_picture_is_named_and_leaves_no_output(tmp_path: Path, tool: str) -> None:
    for name in ("w", "x", "y"):
        write(tmp_path / "in" / f"{name}.png", blot(1))
    break_a_picture(tmp_path / "in" / "z.png")
    with pytest.raises(DatasetError, match=r"z\.png"):
        use(tool, tmp_path / "in", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("tool", ["resize", "combine", "split"])
def test_a_folder_in_use_is_left_alone(tmp_path: Path, tool: str) -> None:
    for index in range(3):
        write(tmp_path / "in" / f"{index}.png", blot(index))
    (tmp_path / "out").mkdir()
    use(tool, tmp_path / "in", tmp_path / "out")  # an empty one is as good as none
    done = content(tmp_path / "out")
    use(tool, tmp_path / "in", tmp_path / "out")  # and the same content is taken as done
    assert content(tmp_path / "out") == done

    (tmp_path / "out" / "mine.txt").touch()
    with pytest.raises(OutputError, match="holds something else"):
        use(tool, tmp_path / "in", tmp_path / "out")
    assert content(tmp_path / "out") == {**done, "mine.txt": b""}
    with pytest.raises(OutputError, match="must be a folder"):
        use(tool, tmp_path / "in", tmp_path / "out" / "mine.txt")
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out"}


def use(tool: str, source: Path, out: Path) -> None:
    if tool == "resize":
        resize_folder(source, out, 8)
    elif tool == "combine":
        combine_folders(source, source, out)
    else:
        split_folder(source, out)


def test_errors_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(ObamanetError) as caught:
        resize_folder(tmp_path, tmp_path / "out", 8)
    assert "\n" not in str(caught.value)
