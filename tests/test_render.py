"""Pictures: the crop's geometry, sub-pixel sketches, and a compositor that leaves the rest of the frame alone."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import made_landmarks
from made import prepare_recorded, with_irises

from obamanet.constants import MOUTH
from obamanet.keypoints.head import fit_head
from obamanet.keypoints.placement import fit_template
from obamanet.keypoints.region import MouthRegion, fit_region, place_region
from obamanet.render.compositor import blend, draw_inpainting, match_colours, paste_square, region_mask, soft_mask
from obamanet.render.crop import cut_square, from_square, portrait_box, to_square
from obamanet.render.sketch import draw_face, draw_lips
from obamanet.types import CropBox, SketchStyle

BOXES = [
    CropBox(60.3, 20.7, 180.5),
    CropBox(10.0, 5.0, 270.0),
    CropBox(-40.25, -30.5, 200.0),
    CropBox(150.9, 30.1, 300.0),
    CropBox(0.0, 0.0, 256.0),
]


def spot(x: float, y: float, width: int = 360, height: int = 288) -> np.ndarray:
    """Return a picture with a soft round spot centred at (x, y)."""
    column, row = np.meshgrid(np.arange(width), np.arange(height))
    light = 250 * np.exp(-((column - x) ** 2 + (row - y) ** 2) / (2 * 3.0**2))
    return np.repeat(light.round().astype(np.uint8)[..., None], 3, axis=2)


@pytest.fixture
def face() -> np.ndarray:
    """Return the landmarks of a drawn face in a square of 256 pixels."""
    return made_landmarks(1, 256)[0]


def region_of(*stretches: np.ndarray) -> MouthRegion:
    """Return the region of the person in ``stretches`` of landmarks."""
    landmarks = np.concatenate(stretches)
    return fit_region(stretches, fit_head(stretches, fit_template(landmarks)))


@pytest.fixture
def outline(face: np.ndarray) -> np.ndarray:
    """Return the outline of the drawn person's region on ``face``."""
    return place_region(region_of(made_landmarks(50, 256)), face[None])[0]


def opened(face: np.ndarray, gap: float) -> np.ndarray:
    """Return ``face`` (68, 2) with a mouth that is ``gap`` pixels further open, and a jaw that follows."""
    other = face.copy()
    other[[55, 56, 57, 58, 59, 65, 66, 67], 1] += gap
    other[3:14, 1] += 0.7 * gap
    return other


def centre(picture: np.ndarray) -> np.ndarray:
    """Return the centre of light of ``picture``."""
    light = picture.astype(np.float64).sum(axis=-1)
    row, column = np.indices(light.shape)
    return np.array([(light * column).sum(), (light * row).sum()]) / light.sum()


class TestCrop:
    @pytest.mark.parametrize("box", BOXES)
    @pytest.mark.parametrize("size", [64, 256])
    def test_points_there_and_back(self, box: CropBox, size: int) -> None:
        points = np.random.default_rng(0).uniform(-50, 400, (30, 68, 2))
        assert np.abs(from_square(to_square(points, box, size), box, size) - points).max() < 1e-4

    @pytest.mark.parametrize("box", BOXES)
    @pytest.mark.parametrize("size", [64, 128, 256])
    def test_the_picture_lands_where_its_points_do(self, box: CropBox, size: int) -> None:
        middle_x, middle_y = max(60, box.left + box.side / 3), max(60, box.top + box.side / 3)
        for x, y in ((middle_x, middle_y), (middle_x + 15.3, middle_y + 21.8)):
            found = centre(cut_square(spot(x, y), box, size))
            assert np.abs(found - to_square(np.array([x, y]), box, size)).max() < 0.1

    def test_beyond_the_frame_the_edge_is_repeated(self) -> None:
        picture = np.full((288, 360, 3), 90, np.uint8)
        picture[:, 0] = 200
        square = cut_square(picture, CropBox(-100, 50, 200), 256)
        assert (square[:, :120] == 200).all()

    def test_the_portrait_holds_the_head_and_does_not_move_with_one_frame(self) -> None:
        faces = made_landmarks(50) * 3 + (100, 60)
        box = portrait_box(faces)
        inside = to_square(faces, box)
        assert inside.min() > 0
        assert inside.max() < 255
        # Half of the picture's width or more is face.
        assert np.ptp(inside[:, :17, 0], axis=1).min() > 0.5 * 256
        stray = faces.copy()
        stray[7] += 500
        moved = portrait_box(stray)
        assert abs(moved.left - box.left) + abs(moved.top - box.top) + abs(moved.side - box.side) < 2


class TestSketch:
    def lips(self, face: np.ndarray) -> np.ndarray:
        image = np.zeros((256, 256, 3), np.uint8)
        draw_lips(image, face[MOUTH])
        return image

    @pytest.mark.parametrize("quarters", [1, 2, 3, 4])
    @pytest.mark.parametrize("axis", [0, 1])
    def test_a_quarter_of_a_pixel_moves_the_picture_by_a_quarter(
        self, face: np.ndarray, axis: int, quarters: int
    ) -> None:
        shift = np.zeros(2, np.float32)
        shift[axis] = 0.25 * quarters
        moved = centre(self.lips(face + shift)) - centre(self.lips(face))
        # OpenCV fills between whole rows, and draws lines two pixels wide in steps of about half a pixel.
        np.testing.assert_allclose(moved, shift, atol=0.2)
        moved = centre(draw_face(face + shift)) - centre(draw_face(face))
        np.testing.assert_allclose(moved, shift, atol=0.3)

    def test_it_changes_smoothly(self, face: np.ndarray) -> None:
        pictures = [draw_face(face + np.float32(step / 4)).astype(int) for step in range(5)]
        whole = np.abs(pictures[4] - pictures[0]).mean()
        for before, after in pairwise(pictures):
            assert 0 < np.abs(after - before).mean() < 0.6 * whole

    def test_point_35_is_in_the_nose(self, face: np.ndarray) -> None:
        away = face.copy()
        away[35] += (14, 0)
        before, after = draw_face(face), draw_face(away)
        x, y = np.round(away[35]).astype(int)
        assert after[y, x].tolist() == [255, 255, 0]
        assert before[y, x].tolist() == [0, 0, 0]

    @pytest.mark.parametrize("style", SketchStyle)
    def test_every_point_is_drawn(self, face: np.ndarray, style: SketchStyle) -> None:
        bridge = range(28, 31) if style is SketchStyle.REGIONS else ()
        for number in set(range(68)) - set(bridge):
            away = face.copy()
            away[number] += (9, -7)
            assert (draw_face(away, 256, style) != draw_face(face, 256, style)).any(), number

    def test_regions_have_the_colours_of_their_parts(self, face: np.ndarray) -> None:
        sketch = draw_face(opened(with_irises(face[None])[0], 20), 256, SketchStyle.REGIONS)
        jaw, nose = face[3] + (8, 0), face[[27, 33]].mean(axis=0)
        inside, lip = opened(face, 20)[60:68].mean(axis=0), opened(face, 20)[[57, 66]].mean(axis=0)
        iris, eye = face[36:42].mean(axis=0), face[[37, 36, 41]].mean(axis=0)
        brow = face[[17, 19, 21]].mean(axis=0)
        for place, colour in (
            (jaw, (0, 255, 0)),
            (nose, (255, 0, 255)),
            (inside, (255, 0, 0)),
            (lip, (0, 0, 0)),
            (iris, (255, 255, 255)),
            (eye, (255, 255, 0)),
            (brow, (0, 255, 255)),
        ):
            x, y = np.round(place).astype(int)
            np.testing.assert_allclose(sketch[y, x], colour, atol=16)

    def test_lines_are_white_and_have_no_irises(self, face: np.ndarray) -> None:
        sketch = draw_face(face, 256, SketchStyle.LINES)
        assert (sketch == sketch[..., :1]).all()
        np.testing.assert_array_equal(draw_face(with_irises(face[None])[0], 256, SketchStyle.LINES), sketch)

    @pytest.mark.parametrize("style", [SketchStyle.PARTS, SketchStyle.REGIONS])
    def test_the_iris_follows_the_gaze_and_hides_behind_the_lids(self, face: np.ndarray, style: SketchStyle) -> None:
        def iris(landmarks: np.ndarray) -> np.ndarray:
            shown = draw_face(landmarks, 256, style).astype(int) - draw_face(landmarks[:68], 256, style)
            return np.abs(shown).astype(np.uint8)[85:125, 70:130]

        ahead = with_irises(face[None])[0]
        aside = ahead.copy()
        aside[68:] += (4, 0)
        np.testing.assert_allclose(centre(iris(aside)) - centre(iris(ahead)), (4, 0), atol=0.5)
        shut = ahead.copy()
        shut[36:42, 1] = shut[36:42, 1].mean()
        assert iris(shut).sum() < 0.35 * iris(ahead).sum()  # a line where the lids meet

    def test_an_open_mouth_shows_its_inside(self, face: np.ndarray) -> None:
        opened = face.copy()
        opened[54:60, 1] += 20
        opened[64:68, 1] += 8
        x, y = np.round(opened[60:68].mean(axis=0)).astype(int)
        assert draw_face(opened)[y, x].tolist() == [255, 0, 255]
        x, y = np.round(opened[[57, 66]].mean(axis=0)).astype(int)
        assert draw_face(opened)[y, x].tolist() == [0, 0, 255]

    @pytest.mark.parametrize("shift", [(-128, 0), (128, 0), (0, -170), (0, 170), (-400, 90), (1e4, 1e4), (-1e9, 1e9)])
    def test_faces_at_and_beyond_the_border(self, face: np.ndarray, shift: tuple[float, float]) -> None:
        sketch = draw_face(face + np.float32(shift))
        assert sketch.shape == (256, 256, 3)
        assert sketch.dtype == np.uint8
        near = abs(shift[0]) + abs(shift[1]) < 200
        assert sketch.any() == near

    def test_a_mouth_cut_by_the_border_is_the_visible_half(self, face: np.ndarray) -> None:
        # What is drawn within the picture is the same whether there is more picture beyond it or not.
        low = face + np.float32((0, 256 - face[MOUTH][:, 1].mean()))
        whole = np.zeros((512, 256, 3), np.uint8)
        draw_lips(whole, low[MOUTH])
        part = np.zeros((256, 256, 3), np.uint8)
        draw_lips(part, low[MOUTH])
        assert part.any()
        np.testing.assert_array_equal(part[:255], whole[:255])
        # The last row's edges are anti-aliased from a clipped outline.
        np.testing.assert_allclose(part[255].astype(int), whole[255], atol=32)


class TestCompositor:
    @pytest.fixture
    def square(self) -> np.ndarray:
        return np.random.default_rng(0).integers(1, 256, (256, 256, 3), dtype=np.uint8)

    def test_nothing_outside_the_mouth_region_is_touched(
        self, face: np.ndarray, outline: np.ndarray, square: np.ndarray
    ) -> None:
        before = square.copy()
        # A face far too wide: it may not leave the region.
        wide = face[MOUTH].mean(axis=0) + 4 * (face - face[MOUTH].mean(axis=0))
        for spoken in (face, wide, wide + 300):
            condition = draw_inpainting(square, outline, spoken)
            outside = region_mask(outline, 256) == 0
            np.testing.assert_array_equal(condition[outside], square[outside])
            np.testing.assert_array_equal(square, before)

    def test_inside_there_is_nothing_but_the_spoken_lips_and_jaw(
        self, face: np.ndarray, outline: np.ndarray, square: np.ndarray
    ) -> None:
        inside = region_mask(outline, 256) > 0
        condition = draw_inpainting(square, outline, face)
        np.testing.assert_array_equal(condition[inside], draw_inpainting(255 - square, outline, face)[inside])
        lips = np.zeros_like(square)
        draw_lips(lips, face[MOUTH])
        drawn = lips.max(axis=-1) > 0
        assert drawn.sum() > 100
        np.testing.assert_array_equal(condition[drawn], lips[drawn])
        x, y = np.round(face[8]).astype(int)
        assert condition[y, x].tolist() == [255, 255, 255]

    def test_the_region_reaches_from_nose_to_below_the_chin(self, face: np.ndarray, outline: np.ndarray) -> None:
        def depth(point: np.ndarray) -> float:
            return float(cv2.pointPolygonTest(outline, tuple(map(float, point)), True))

        # Lips and chin lie where the soft mask is 1 already, so that no recorded chin shows through.
        assert all(depth(point) > 0.03 * 256 for point in face[MOUTH])
        assert all(depth(face[number]) > 0.03 * 256 for number in (6, 7, 8, 9, 10))
        for number in (*range(4), *range(13, 17), *range(27, 31), *range(36, 48)):
            assert depth(face[number]) < 0, number
        assert outline[:, 1].min() > face[30, 1]

    def test_the_mask_does_not_tell_how_far_the_mouth_is_open(self, face: np.ndarray, square: np.ndarray) -> None:
        region = region_of(made_landmarks(50, 256))
        shut, wide = (place_region(region, opened(face, gap)[None])[0] for gap in (0.0, 14.0))
        np.testing.assert_array_equal(shut, wide)
        np.testing.assert_array_equal(region_mask(shut, 256), region_mask(wide, 256))
        # What is blanked is the same, and what is recorded of one mouth is not to be seen in the condition.
        one, other = (draw_inpainting(square, each, face) for each in (shut, wide))
        np.testing.assert_array_equal(one, other)

    def test_the_region_goes_with_the_head(self, face: np.ndarray) -> None:
        region = region_of(made_landmarks(50, 256))
        still, moved = place_region(region, np.stack([face, 1.5 * face + np.float32((20, -9))]))
        np.testing.assert_allclose(moved, 1.5 * still + np.float32((20, -9)), atol=1e-3)

    def test_the_region_holds_the_farthest_jaw_of_all_footage(self, face: np.ndarray) -> None:
        faces = made_landmarks(50, 256)
        wide = faces.copy()
        wide[20:26, 3:14, 1] += 12
        narrow, far = (place_region(region_of(each), face[None])[0] for each in (faces, wide))
        assert far[:, 1].max() - narrow[:, 1].max() == pytest.approx(12, abs=2)

    def test_the_mask_is_soft_and_within_the_region(self, outline: np.ndarray) -> None:
        mask = soft_mask(outline, 256)
        assert mask.shape == (256, 256, 1)
        assert mask.dtype == np.float32
        assert mask.min() == 0
        assert mask.max() == 1
        assert not mask[region_mask(outline, 256) == 0].any()
        assert max(np.abs(np.diff(mask, axis=axis)).max() for axis in (0, 1)) < 0.3

    def test_the_mask_falls_to_the_pictures_border_too(self, face: np.ndarray, outline: np.ndarray) -> None:
        mask = soft_mask(outline + np.float32((0, 256 - face[MOUTH][:, 1].mean())), 256)
        assert mask.max() == 1
        assert mask[-1].max() < 0.1

    def test_recorded_lips_and_chin_never_show_through(self, grid_s1: Path, common_folder: Path) -> None:
        folders = (prepare_recorded(grid_s1, common_folder) / "clips").iterdir()
        stretches = []
        for folder in folders:
            with np.load(folder / "track.npz") as track:
                stretches.append(to_square(track["landmarks"], CropBox(*track["box"]), 256))
        region = region_of(*stretches)
        for faces in stretches:
            for face, outline in zip(faces[::5], place_region(region, faces)[::5], strict=True):
                lower = np.zeros((256, 256), np.uint8)
                cv2.fillPoly(lower, [np.round(face[48:60]).astype(np.int32)], 255)
                cv2.polylines(lower, [np.round(face[7:10]).astype(np.int32)], False, 255)
                assert soft_mask(outline, 256)[lower > 0].min() > 0.9

    def test_blending_by_hand(self) -> None:
        square, painted = np.full((2, 2, 3), 100, np.uint8), np.full((2, 2, 3), 200, np.uint8)
        mask = np.array([[0, 1], [0.5, 0.25]], np.float32)[..., None]
        assert blend(square, painted, mask)[..., 0].tolist() == [[100, 200], [150, 125]]
        assert blend(painted, square, mask)[..., 0].tolist() == [[200, 100], [150, 175]]

    @pytest.mark.parametrize("box", BOXES)
    def test_pasting_keeps_the_rest_of_the_frame_bit_by_bit(self, box: CropBox) -> None:
        random = np.random.default_rng(3)
        frame = random.integers(0, 256, (288, 360, 3), dtype=np.uint8)
        faces = made_landmarks(50, 128)
        outline = place_region(region_of(faces), faces[:1])[0]
        painted = random.integers(0, 256, (128, 128, 3), dtype=np.uint8)
        pasted = paste_square(frame, painted, soft_mask(outline, 128), box)
        changed = (pasted != frame).any(axis=-1)
        region = from_square(outline, box, 128)
        allowed = np.zeros((288, 360), np.uint8)
        cv2.fillConvexPoly(allowed, np.round(region).astype(np.int32), 255)
        # One pixel of the square, as interpolation reaches, and one of the frame for rounding the outline.
        slack = 2 * int(np.ceil(box.side / 128 + 1)) + 1
        allowed = cv2.dilate(allowed, np.ones((slack, slack), np.uint8))
        assert changed.sum() > 500
        assert not changed[allowed == 0].any()

    @pytest.mark.parametrize("box", BOXES[:3])
    def test_what_was_cut_goes_back_to_its_place(self, box: CropBox) -> None:
        frame = spot(150.4, 120.2) // 2 + spot(170, 140) // 3
        back = paste_square(frame, cut_square(frame, box, 256), np.ones((256, 256, 1), np.float32), box)
        assert np.abs(back.astype(int) - frame).max() <= 6

    def test_a_square_beside_the_frame_changes_nothing(self) -> None:
        frame = spot(100, 100)
        painted = np.full((64, 64, 3), 255, np.uint8)
        pasted = paste_square(frame, painted, np.ones((64, 64, 1), np.float32), CropBox(900.0, 900.0, 50.0))
        np.testing.assert_array_equal(pasted, frame)


class TestColours:
    """A painted face takes the light of the recorded one around the region, not its things."""

    @pytest.fixture
    def painted(self, face: np.ndarray) -> np.ndarray:
        """Return a drawn picture of skin with shades, dark brows and eyes, and red lips, on blue."""
        picture = np.full((256, 256, 3), (200, 120, 30), np.uint8)
        cv2.fillConvexPoly(picture, cv2.convexHull(np.round(face).astype(np.int32)), (110, 140, 190))
        for part, colour in (
            (slice(17, 22), (30, 40, 50)),
            (slice(36, 42), (60, 50, 60)),
            (slice(42, 48), (60, 50, 60)),
        ):
            cv2.fillPoly(picture, [np.round(face[part]).astype(np.int32)], colour)
        cv2.fillPoly(picture, [np.round(face[48:60]).astype(np.int32)], (60, 60, 160))
        shade = np.linspace(-25, 25, 256)[None, :, None]
        return cv2.GaussianBlur(np.clip(picture + shade, 0, 255).astype(np.uint8), (0, 0), 2)

    @pytest.mark.parametrize("light", ["same", "dark", "warm", "pale", "uneven"])
    def test_the_mouth_is_shown_in_the_light_of_the_video(
        self, painted: np.ndarray, face: np.ndarray, outline: np.ndarray, light: str
    ) -> None:
        values = painted.astype(np.float64)
        grey = values.mean(axis=-1, keepdims=True)
        lit = {
            "same": values,
            "dark": 0.5 * values,
            "warm": values * (0.6, 0.9, 1.05) + (0, 5, 10),
            "pale": grey + 0.4 * (values - grey),
            "uneven": values * np.linspace(0.75, 1.0, 256)[None, :, None],
        }[light]
        wanted = np.clip(np.round(lit), 0, 255)
        inside = region_mask(outline, 256) > 0
        # The recorded mouth is another one: it may not matter.
        recorded = wanted.copy()
        recorded[inside] = 0
        matched = match_colours(painted, recorded.astype(np.uint8), outline, face).astype(float)
        shown = inside & (cv2.fillConvexPoly(np.zeros((256, 256)), np.round(face[:17]).astype(np.int32), 1) > 0)
        before, after = (np.abs(each - wanted)[shown].mean() for each in (painted.astype(float), matched))
        assert after <= 0.5 * before

    def test_another_collar_does_not_colour_the_chin(
        self, painted: np.ndarray, face: np.ndarray, outline: np.ndarray
    ) -> None:
        recorded = painted.copy()
        recorded[round(float(outline[:, 1].max())) :] = (0, 255, 0)
        inside = region_mask(outline, 256) > 0
        matched = match_colours(painted, recorded, outline, face)
        assert np.abs(matched.astype(int) - painted)[inside].mean() < 1

    def test_a_face_of_which_nothing_else_is_seen_stays_as_it_was_painted(self, painted: np.ndarray) -> None:
        everything = np.array([(-9, -9), (300, -9), (300, 300), (-9, 300)], np.float32)
        away = np.full((68, 2), -50, np.float32)
        np.testing.assert_array_equal(match_colours(painted, painted // 2, everything, away), painted)
