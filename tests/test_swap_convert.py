"""The swap in frames, videos and pictures: geometry, colours, blending, parts, choice of faces, smoothing, labels."""

from __future__ import annotations

import sys
from dataclasses import replace
from fractions import Fraction
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest
from made import Notes, babble, write_sound, write_video
from test_swap_extract import DrawnFaces, drawn, made_face, write_turned

from obamanet.cli.swap_convert import SwapRequest
from obamanet.errors import DatasetError, FaceError, OptionError, OutputError
from obamanet.networks.config import SwapConfig
from obamanet.pix2pix.pictures import read_picture
from obamanet.provenance import persons_named, verify_video
from obamanet.swap import convert_faces
from obamanet.swap.alignments import Alignments, AlignmentsHead, Face, face_width, write_alignments
from obamanet.swap.colour_transfer import Colour, match_colour
from obamanet.swap.convert_faces import ConvertOptions, PlacedFaces, choose_faces, convert, swapped_frames
from obamanet.swap.face_finder import FoundFaces
from obamanet.swap.face_masks import Part, hull_mask, parts_mask
from obamanet.swap.face_sources import FaceSource
from obamanet.swap.smooth_tracks import face_matrices
from obamanet.swap.stages import Form
from obamanet.swap.swap_face import Blend, BlendOptions, panes, swap_faces
from obamanet.swap.swap_model import Consent, Direction, SwapModel
from obamanet.swap.umeyama import transform
from obamanet.video.reader import probe_video, read_frames

SIZE = (240, 320)
MODEL = SwapModel(Path(), SwapConfig(), Form.ORIGINAL, Consent("Ann", "Ben", True), 1)
PLAIN = BlendOptions(colour=Colour.NONE, feather=0)


class FlatPainter:
    """Paints every face in one colour, or as it is, with one alpha."""

    def __init__(self, colour: tuple[int, int, int] | None = (200, 40, 20), alpha: float = 1.0, size: int = 64) -> None:
        self.size, self._colour, self._alpha = size, colour, alpha

    def paint(self, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        painted = faces if self._colour is None else np.broadcast_to(np.uint8(self._colour), faces.shape)
        return painted.copy(), np.full((*faces.shape[:3], 1), self._alpha, np.float32)


def made_faces(count: int, *tracks: tuple[float, float]) -> tuple[Face, ...]:
    """Return faces of ``tracks`` that begin at these places and move right by 2 pixels a frame."""
    return tuple(
        Face(frame, f"t_{frame:06d}", number, number, 0, landmarks, size=face_width(landmarks))
        for frame in range(count)
        for number, (x, y) in enumerate(tracks)
        for landmarks in (made_face((x + 2 * frame, y), 30.0),)
    )


def one_face(size: int = 64) -> list:
    return PlacedFaces(made_faces(1, (160.0, 100.0)), size, smooth=False)[0]


@pytest.mark.parametrize("blend", list(Blend))
def test_alpha_of_0_gives_the_frame_back_bit_for_bit(blend: Blend) -> None:
    frame = drawn(made_face())
    result, weights = swap_faces(frame, one_face(), FlatPainter(alpha=0.0), BlendOptions(blend=blend, enhance=1.0))
    assert np.array_equal(result, frame)
    assert not weights.any()


@pytest.mark.parametrize("blend", list(Blend))
@pytest.mark.parametrize("colour", list(Colour))
def test_outside_the_face_every_pixel_stays(blend: Blend, colour: Colour) -> None:
    frame = drawn(made_face())
    face = one_face()
    result, weights = swap_faces(frame, face, FlatPainter(), BlendOptions(colour=colour, blend=blend))
    outside = hull_mask(face[0].landmarks, SIZE) == 0
    assert np.array_equal(result[outside], frame[outside])
    assert weights.max() == 1
    assert weights[outside].max() == 0


def test_the_painted_face_lies_where_the_face_was() -> None:
    frame = drawn(made_face())
    face = one_face()
    result, _ = swap_faces(frame, face, FlatPainter((0, 255, 0)), PLAIN)
    inside = hull_mask(face[0].landmarks, SIZE) > 0
    assert (result[inside] == (0, 255, 0)).all()


def test_a_painter_that_changes_nothing_changes_nothing_visible() -> None:
    smooth = cv2.GaussianBlur(drawn(made_face()), (0, 0), 4)
    result, _ = swap_faces(smooth, one_face(128), FlatPainter(None, size=128), BlendOptions(colour=Colour.NONE))
    assert np.abs(result.astype(int) - smooth).max() <= 6


@pytest.mark.parametrize(
    "parts",
    [frozenset(chosen) for count in (1, 2, 3, 4) for chosen in combinations(Part, count)],
    ids=lambda parts: "+".join(sorted(parts)),
)
def test_any_union_of_parts_is_swapped_and_nothing_else(parts: frozenset[Part]) -> None:
    frame = drawn(made_face())
    face = one_face()
    result, _ = swap_faces(frame, face, FlatPainter((0, 255, 0)), replace(PLAIN, parts=parts))
    inside = parts_mask(face[0].landmarks, SIZE, parts) > 0
    assert (result[inside] == (0, 255, 0)).all()
    assert np.array_equal(result[~inside], frame[~inside])


def test_coverage_shrinks_and_the_feather_softens() -> None:
    frame, face = drawn(made_face()), one_face()
    whole = swap_faces(frame, face, FlatPainter(), PLAIN)[1]
    half = swap_faces(frame, face, FlatPainter(), replace(PLAIN, coverage=0.5))[1]
    soft = swap_faces(frame, face, FlatPainter(), replace(PLAIN, feather=0.1))[1]
    assert 0.2 < half.sum() / whole.sum() < 0.3
    assert set(np.unique(whole)) == {0, 1}
    assert ((soft > 0.2) & (soft < 0.8)).sum() > 50
    assert not soft[whole == 0].any()


def test_enhancing_sharpens() -> None:
    frame = cv2.GaussianBlur(drawn(made_face()), (0, 0), 2)
    cv2.circle(frame, (160, 110), 8, (20, 20, 20), -1)
    plain, sharp = (
        swap_faces(frame, one_face(128), FlatPainter(None, size=128), replace(PLAIN, enhance=enhance))[0]
        for enhance in (0, 1.5)
    )
    assert cv2.Laplacian(sharp, cv2.CV_64F).var() > 1.2 * cv2.Laplacian(plain, cv2.CV_64F).var()


@pytest.mark.parametrize("colour", [Colour.ADAIN, Colour.ADAIN_XYZ, Colour.HIST_MATCH])
def test_colours_take_on_mean_and_spread_of_the_frame(colour: Colour) -> None:
    random = np.random.default_rng(1)
    given = random.normal((90, 110, 150), 12, (64, 64, 3)).clip(0, 255).astype(np.uint8)
    painted = random.normal((140, 120, 100), 20, (64, 64, 3)).clip(0, 255).astype(np.uint8)
    mask = np.zeros((64, 64), np.uint8)
    mask[8:56, 8:56] = 255
    matched = match_colour(painted, given, mask, colour)
    assert np.abs(matched[mask > 0].mean(axis=0) - given[mask > 0].mean(axis=0)).max() < 1.5
    assert np.abs(matched[mask > 0].std(axis=0) / given[mask > 0].std(axis=0) - 1).max() < 0.3
    if colour is Colour.HIST_MATCH:
        # No speck brighter or darker than all of the frame's face.
        assert given[mask > 0].min() <= matched.min() and matched.max() <= given[mask > 0].max()
    assert np.array_equal(match_colour(painted, given, mask, Colour.NONE), painted)
    assert np.array_equal(match_colour(painted, given, np.zeros_like(mask), colour), painted)


@pytest.mark.parametrize("colour", [Colour.ADAIN, Colour.ADAIN_XYZ, Colour.HIST_MATCH])
def test_a_face_in_a_grey_picture_is_grey(colour: Colour) -> None:
    random = np.random.default_rng(1)
    given = np.repeat(random.integers(40, 200, (64, 64, 1)), 3, axis=2).astype(np.uint8)
    painted = random.integers(0, 255, (64, 64, 3)).astype(np.uint8)
    matched = match_colour(painted, given, np.full((64, 64), 255, np.uint8), colour)
    # CIE XYZ and back is rounded.
    assert np.ptp(matched, axis=2).max() <= 1


def test_panes_stand_side_by_side() -> None:
    frame, result = np.zeros((4, 6, 3), np.uint8), np.full((4, 6, 3), 9, np.uint8)
    weights = np.ones((4, 6), np.float32)
    assert panes(frame, result, weights, 1) is result
    assert np.array_equal(panes(frame, result, weights, 2), np.hstack([frame, result]))
    assert panes(frame, result, weights, 3).shape == (4, 18, 3)
    assert panes(frame, result, weights, 3)[0, 7].tolist() == [0, 0, 153]


def jitter(matrices: list[np.ndarray]) -> float:
    """Return the standard deviation of the second difference of where the aligned middle lies in the frame, pixels."""
    middle = np.array([127.5, 127.5])
    centres = np.array([np.linalg.solve(matrix[:, :2], middle - matrix[:, 2]) for matrix in matrices])
    return float(np.diff(centres, 2, axis=0).std())


def test_smoothing_halves_the_jitter_without_a_lag_and_stops_at_a_cut() -> None:
    random = np.random.default_rng(1)
    clean = [made_face((100 + 30 * np.sin(frame / 12), 90)) for frame in range(40)]
    clean += [made_face((230, 150)) for _ in range(20)]
    faces = tuple(
        Face(frame, "", 0, 0, 0, (points + random.normal(0, 0.7, points.shape)).astype(np.float32))
        for frame, points in enumerate(clean)
    )
    raw, smooth = (face_matrices(faces, 256.0, smooth=smooth) for smooth in (False, True))
    assert jitter(smooth[:40]) < 0.5 * jitter(raw[:40])
    truth = np.array([127.5, 127.5])
    for frame in (0, 20, 39, 40, 59):
        exact = face_matrices((replace(faces[frame], landmarks=clean[frame]),), 256.0)[0]
        there = np.linalg.solve(exact[:, :2], truth - exact[:, 2])
        ours = np.linalg.solve(smooth[frame][:, :2], truth - smooth[frame][:, 2])
        assert np.linalg.norm(there - ours) < 1.5


def test_two_faces_are_steadied_apart() -> None:
    both = made_faces(12, (80.0, 80.0), (200.0, 130.0))
    together = face_matrices(both, 256.0)
    alone = face_matrices(tuple(face for face in both if face.track == 1), 256.0)
    assert np.allclose([m for m, face in zip(together, both, strict=True) if face.track == 1], alone)
    corner = transform(both[0].landmarks[[36]], together[0])[0]
    assert np.abs(corner - (0.32 * 256 - 0.5, 0.38 * 256 - 0.5)).max() < 1.5


def test_frames_outside_the_time_range_and_without_a_face_are_untouched() -> None:
    frames = [drawn(made_face(), seed=number) for number in range(10)]
    faces = tuple(face for face in made_faces(10, (100.0, 90.0)) if face.frame != 5)
    options = ConvertOptions(start=0.16, end=0.28, blend=BlendOptions())
    swapped = list(swapped_frames(iter(frames), faces, Fraction(25), FlatPainter(), options))
    same = [np.array_equal(one, other) for one, other in zip(frames, swapped, strict=True)]
    assert same == [True] * 4 + [False, True, False] + [True] * 3


@pytest.fixture
def drawn_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have two faces found in every frame, a large and a small one."""
    faces = [made_face((100.0, 90.0), 40), made_face((250.0, 150.0), 25)]
    monkeypatch.setattr(convert_faces, "load_face_model", lambda kind: DrawnFaces([faces]))


@pytest.mark.usefixtures("drawn_model")
def test_a_video_keeps_its_sound_and_length_and_names_both_persons(tmp_path: Path) -> None:
    sound = write_sound(tmp_path / "speech.wav", babble(0.4))
    video = write_video(tmp_path / "talk.mp4", [drawn(made_face())] * 10, sound)
    out = convert(video, tmp_path / "out.mp4", MODEL, Direction.A_TO_B, FlatPainter(), ConvertOptions(blend=PLAIN))
    made = probe_video(out)
    assert (made.frame_count, made.has_sound, made.fps, made.width) == (10, True, 25, 320)
    report = verify_video(out)
    assert report.intact
    assert persons_named(report) == ("Ann", "Ben")
    assert "Ben's face is in the place of Ann's" in str(report.statement)
    assert "Ann and Ben consented" in str(report.statement)
    frame = next(iter(read_frames(out))).image
    before = next(iter(read_frames(video))).image
    assert np.abs(frame[90, 100].astype(int) - before[90, 100]).max() > 20
    assert np.abs(frame[150:156, 247:253].astype(int) - before[150:156, 247:253]).mean() < 4


@pytest.mark.usefixtures("drawn_model")
def test_pictures_are_swapped_without_loss_outside_and_signed(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(2):
        cv2.imwrite(str(photos / f"p{number}.png"), drawn(made_face(), seed=number))
    convert(photos, tmp_path / "out", MODEL, Direction.B_TO_A, FlatPainter(), ConvertOptions(every_face=True))
    convert(photos / "p1.png", tmp_path / "one.png", MODEL, Direction.B_TO_A, FlatPainter(), ConvertOptions())
    outside = hull_mask(made_face((100.0, 90.0), 40), SIZE) + hull_mask(made_face((250.0, 150.0), 25), SIZE) == 0
    for path, source in ((tmp_path / "out" / "p0.png", "p0.png"), (tmp_path / "one.png", "p1.png")):
        assert np.array_equal(read_picture(path)[outside], read_picture(photos / source)[outside])
        report = verify_video(path)
        assert report.intact
        assert persons_named(report) == ("Ann", "Ben")
        assert "Ann's face is in the place of Ben's" in str(report.statement)
    assert not np.array_equal(read_picture(tmp_path / "out" / "p0.png"), read_picture(photos / "p0.png"))


@pytest.mark.usefixtures("drawn_model")
def test_a_picture_that_cannot_be_read_is_told_and_a_full_folder_is_left_alone(tmp_path: Path) -> None:
    photos, notes = tmp_path / "photos", Notes()
    photos.mkdir()
    cv2.imwrite(str(photos / "a.png"), drawn(made_face()))
    (photos / "b.png").touch()
    arguments = (photos, tmp_path / "out", MODEL, Direction.A_TO_B)
    convert(*arguments, FlatPainter(), progress=notes)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.png"]
    assert notes.told == [f"left out: picture cannot be read: {photos / 'b.png'}"]
    before = (tmp_path / "out" / "a.png").read_bytes()
    # Nothing is painted before it is told.
    with pytest.raises(OutputError, match="not empty"):
        convert(*arguments, InterruptedPainter())
    assert (tmp_path / "out" / "a.png").read_bytes() == before


@pytest.mark.usefixtures("drawn_model")
def test_times_that_no_frame_has_are_told(tmp_path: Path) -> None:
    video = write_video(tmp_path / "talk.mp4", [drawn(made_face())] * 5)
    cv2.imwrite(str(tmp_path / "me.png"), drawn(made_face()))
    for source, options, told in (
        (video, ConvertOptions(start=0.2), "before the video's end at 0.20 s: got 0.2"),
        (tmp_path / "me.png", ConvertOptions(end=1.0), "--start and --end are for videos"),
    ):
        with pytest.raises(OptionError, match=told):
            convert(source, tmp_path / f"out{source.suffix}", MODEL, Direction.A_TO_B, FlatPainter(), options)


@pytest.mark.usefixtures("drawn_model")
def test_a_missing_smoother_is_told_before_the_video_is_looked_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = write_video(tmp_path / "talk.mp4", [drawn(made_face())] * 5)
    monkeypatch.setattr(convert_faces, "find_faces", None)
    monkeypatch.setitem(sys.modules, "filterpy.kalman", None)
    with pytest.raises(ImportError, match="filterpy"):
        convert(video, tmp_path / "out.mp4", MODEL, Direction.A_TO_B, FlatPainter())


@pytest.mark.usefixtures("drawn_model")
def test_a_picture_is_written_in_the_format_of_its_name(tmp_path: Path) -> None:
    image = drawn(made_face())
    cv2.imwrite(str(tmp_path / "me.png"), image)
    out = convert(tmp_path / "me.png", tmp_path / "out.jpg", MODEL, Direction.A_TO_B, FlatPainter(), ConvertOptions())
    assert out.read_bytes()[:2] == b"\xff\xd8"
    assert read_picture(out).shape == image.shape
    report = verify_video(out)
    assert report.intact
    assert persons_named(report) == ("Ann", "Ben")


@pytest.mark.usefixtures("drawn_model")
def test_grey_alpha_and_turned_pictures_are_swapped_as_they_are_seen(tmp_path: Path) -> None:
    photos, image = tmp_path / "photos", drawn(made_face())
    photos.mkdir()
    cv2.imwrite(str(photos / "grey.png"), cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))
    cv2.imwrite(str(photos / "alpha.png"), np.dstack([image, np.full(image.shape[:2], 128, np.uint8)]))
    write_turned(photos / "turned.jpg", image)
    convert(photos, tmp_path / "out", MODEL, Direction.A_TO_B, FlatPainter(), ConvertOptions(blend=PLAIN))
    made = {path.stem: read_picture(path) for path in (tmp_path / "out").iterdir()}
    assert {name: picture.shape for name, picture in made.items()} == dict.fromkeys(
        ("alpha", "grey", "turned"), image.shape
    )
    for picture in made.values():
        assert (picture[90, 100] == (200, 40, 20)).all()
    outside = np.s_[200:, :]
    assert np.array_equal(made["alpha"][outside], image[outside])
    assert np.array_equal(made["turned"][outside], read_picture(photos / "turned.jpg")[outside])


@pytest.mark.parametrize(
    ("source", "out", "target"),
    [
        ("me.mp4", "out.mp4", "out.mp4"),
        ("me.mp4", "converted", "converted/me.mp4"),
        ("me.jpg", "converted", "converted/me.png"),
        ("me.jpg", "out.jpg", "out.jpg"),
        ("me.mp4", "there.is", "there.is/me.mp4"),
        ("photos", "converted", "converted"),
    ],
)
def test_an_output_that_is_a_folder_gets_a_file_of_the_inputs_name(
    tmp_path: Path, source: str, out: str, target: str
) -> None:
    for folder in ("there.is", "photos"):
        (tmp_path / folder).mkdir()
    request = SwapRequest(source=tmp_path / source, model=tmp_path, out=tmp_path / out)
    request.check()
    assert request.target == tmp_path / target


@pytest.mark.parametrize("name", ["me.zip", "folder"])
def test_what_cannot_be_converted_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    write_video(tmp_path / "folder" / "talk.mp4", [drawn(made_face())] * 2)
    (tmp_path / "me.zip").touch()
    with pytest.raises(DatasetError, match=r"unpack it first|convert it by itself"):
        convert(tmp_path / name, tmp_path / "out", MODEL, Direction.A_TO_B, FlatPainter())
    assert not (tmp_path / "out").exists()


class InterruptedPainter(FlatPainter):
    """Is interrupted at its third face, as by Ctrl-C."""

    def __init__(self) -> None:
        super().__init__()
        self._left = 3

    def paint(self, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self._left -= 1
        if not self._left:
            raise KeyboardInterrupt
        return super().paint(faces)


@pytest.mark.usefixtures("drawn_model")
@pytest.mark.parametrize("source", ["talk.mp4", "photos"])
def test_interrupted_nothing_half_written_is_left(tmp_path: Path, source: str) -> None:
    write_video(tmp_path / "talk.mp4", [drawn(made_face())] * 6)
    (tmp_path / "photos").mkdir()
    for number in range(4):
        cv2.imwrite(str(tmp_path / "photos" / f"{number}.png"), drawn(made_face()))
    before = sorted(path.name for path in tmp_path.iterdir())
    out = tmp_path / ("out.mp4" if source == "talk.mp4" else "out")
    with pytest.raises(KeyboardInterrupt):
        convert(tmp_path / source, out, MODEL, Direction.A_TO_B, InterruptedPainter())
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_video_whose_face_count_changes_is_swapped_as_far_as_there_are_faces() -> None:
    both = made_faces(8, (80.0, 80.0), (220.0, 130.0))
    # One face, then two, then none, then the other one.
    shown = {(0, 0), (1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (6, 1), (7, 1)}
    faces = tuple(face for face in both if (face.frame, face.track) in shown)
    frames = [drawn(made_face(), seed=number) for number in range(8)]
    swapped = list(swapped_frames(iter(frames), faces, Fraction(25), FlatPainter(), ConvertOptions(blend=PLAIN)))
    for number, (before, after) in enumerate(zip(frames, swapped, strict=True)):
        outside = np.ones(SIZE, bool)
        for face in faces:
            if face.frame == number:
                mask = cv2.dilate(hull_mask(face.landmarks, SIZE), np.ones((5, 5))) > 0
                assert np.abs(after[mask].astype(int) - before[mask]).mean() > 20
                outside &= ~mask
        assert np.array_equal(after[outside], before[outside])


@pytest.mark.usefixtures("drawn_model")
def test_the_face_can_be_chosen_and_a_wrong_choice_is_told(tmp_path: Path) -> None:
    video = write_video(tmp_path / "talk.mp4", [drawn(made_face())] * 4)
    arguments = (video, tmp_path / "out.mp4", MODEL, Direction.A_TO_B, FlatPainter())
    with pytest.raises(FaceError, match="no face has the track 7, there are 0, 1"):
        convert(*arguments, ConvertOptions(track=7))
    convert(*arguments, ConvertOptions(track=1, blend=PLAIN))
    frame, before = (next(iter(read_frames(path))).image for path in (tmp_path / "out.mp4", video))
    assert np.abs(frame[150:156, 247:253].astype(int) - before[150:156, 247:253]).mean() > 20
    with pytest.raises(OptionError, match="not by two"):
        ConvertOptions(track=1, every_face=True)
    with pytest.raises(OptionError, match="before the end"):
        ConvertOptions(start=2, end=1)


def test_faces_come_from_the_alignments_file_and_one_of_another_video_is_refused(tmp_path: Path) -> None:
    video = write_video(tmp_path / "talk.mp4", [drawn(made_face())] * 3)
    path = tmp_path / "alignments.jsonl"
    arguments = (video, tmp_path / "out.mp4", MODEL, Direction.A_TO_B, FlatPainter())
    # A person has taken the face out of the second frame.
    faces = tuple(face for face in made_faces(3, (160.0, 100.0)) if face.frame != 1)
    head = AlignmentsHead("talk.mp4", "", "25", 3, "mesh")
    write_alignments(path, Alignments(head, faces))
    convert(*arguments, ConvertOptions(alignments=path))
    changed = [
        np.abs(one.image.astype(int) - other.image)[80:110, 150:170].mean() > 20
        for one, other in zip(read_frames(video), read_frames(tmp_path / "out.mp4"), strict=True)
    ]
    assert changed == [True, False, True]
    write_alignments(path, Alignments(replace(head, sha256="0" * 64), faces))
    with pytest.raises(DatasetError, match="another video"):
        convert(*arguments, ConvertOptions(alignments=path))


def test_alignments_of_pictures_go_by_their_names(tmp_path: Path) -> None:
    photos, path = tmp_path / "photos", tmp_path / "alignments.jsonl"
    photos.mkdir()
    image = drawn(made_face())
    # Of three pictures the first has been removed since, and another was added.
    for name in ("b", "c", "new"):
        cv2.imwrite(str(photos / f"{name}.png"), image)
    places = {"a": (60.0, 60.0), "b": (160.0, 100.0), "c": (240.0, 150.0)}
    faces = tuple(Face(n, name, 0, n, 0, made_face(place, 30.0)) for n, (name, place) in enumerate(places.items()))
    head = AlignmentsHead("photos", "", "", 3, "mesh")
    write_alignments(path, Alignments(head, faces))
    options = ConvertOptions(alignments=path, blend=PLAIN)
    convert(photos, tmp_path / "out", MODEL, Direction.A_TO_B, FlatPainter(), options)
    for name in ("b", "c", "new"):
        changed = (read_picture(tmp_path / "out" / f"{name}.png") != image).any(axis=-1)
        expected = hull_mask(made_face(places[name], 30.0), SIZE) > 0 if name in places else np.zeros(SIZE, bool)
        assert (changed & expected).sum() >= 0.9 * expected.sum()
        assert not changed[~cv2.dilate(expected.astype(np.uint8), np.ones((5, 5))).astype(bool)].any()
    write_alignments(path, Alignments(head, faces[:1]))
    with pytest.raises(DatasetError, match="of other pictures"):
        convert(photos, tmp_path / "out2", MODEL, Direction.A_TO_B, FlatPainter(), options)


def test_of_an_alignments_file_the_person_asked_for_is_swapped() -> None:
    small, large = made_faces(3, (80.0, 80.0), (220.0, 130.0))[:2]
    faces = (replace(small, size=10.0, person=0), replace(large, size=90.0, person=1))
    source = FaceSource("talk.mp4", ())
    assert choose_faces(FoundFaces(faces, 1, {}), ConvertOptions(), source) == faces[:1]
    with pytest.raises(FaceError, match="person 0"):
        choose_faces(FoundFaces(faces[1:], 1, {}), ConvertOptions(), source)


@pytest.mark.parametrize("values", [{"coverage": 0.0}, {"feather": 0.9}, {"enhance": 3.0}, {"panes": 4}])
def test_blending_out_of_range_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(OptionError, match=f"{next(iter(values))} must be from"):
        BlendOptions(**values)  # type: ignore[arg-type]


def test_a_face_at_the_edge_of_the_frame_is_swapped_as_far_as_it_is_there() -> None:
    frame = drawn(made_face())
    face = PlacedFaces(made_faces(1, (5.0, 5.0)), 64, smooth=False)[0]
    result, weights = swap_faces(frame, face, FlatPainter(), BlendOptions(blend=Blend.SEAMLESS))
    assert weights.any()
    assert np.array_equal(result[weights == 0], frame[weights == 0])
    # The frame's edge cuts the face, whose mask has no soft edge there: nothing of the old face is left.
    half = PlacedFaces(made_faces(1, (0.0, 120.0)), 64, smooth=False)[0]
    for blend in Blend:
        result, weights = swap_faces(
            frame, half, FlatPainter((0, 255, 0)), BlendOptions(colour=Colour.NONE, blend=blend)
        )
        assert weights[120, 0] == 1
        assert np.abs(result[120, 0].astype(int) - result[120, 6]).max() < 60
        assert np.abs(result[110:130, :6].astype(int) - frame[110:130, :6]).mean() > 10
    away = PlacedFaces(made_faces(1, (-400.0, 5.0)), 64, smooth=False)[0]
    assert np.array_equal(swap_faces(frame, away, FlatPainter(), BlendOptions())[0], frame)
