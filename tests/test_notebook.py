"""The notebook goes from footage to a first own person; executed with a training of two steps."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
from made import ffmpeg
from nbclient import NotebookClient

from obamanet import load_person, verify_video

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "notebooks" / "first_person.ipynb"

TINY = """
import obamanet.training.loop.log, obamanet.training.speech.training_examples
obamanet.training.loop.log.draw_curves = lambda records, path: path.write_bytes(b"")
obamanet.training.speech.training_examples.NOISE_EXAMPLES = 3
SENTENCE, IMAGE_SIZE, GENERATOR = "Hi.", 64, {"width": 4, "fold": 2}
KEYPOINT_OPTIONS = {"steps": 2, "batch_size": 2, "units": 8, "layers": 1, "sequence": 1.0, "copies": 0}
RENDERER_OPTIONS = {"steps": 2, "batch_size": 1, "gan_start": 1.0}

import tensorflow
tensorflow.config.run_functions_eagerly(True)
"""
"""Replaces the cell with the parameters: what takes minutes is made small, curves not drawn, graphs not compiled."""


def test_outputs_are_stripped() -> None:
    notebook = json.loads(NOTEBOOK.read_text("utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert cells and all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)
    nbformat.validate(notebook)


def test_from_footage_to_a_person_who_speaks(grid_s1: Path, tmp_path: Path) -> None:
    (tmp_path / "footage").mkdir()
    for name in ("bbaf2n", "bbaf3s"):
        ffmpeg("-t", "1.4", "-i", grid_s1 / "video" / f"{name}.mpg", "-c", "copy", tmp_path / "footage" / f"{name}.mpg")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    place = next(i for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", []))
    notebook.cells.insert(place + 1, nbformat.v4.new_code_cell(TINY))
    folder = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=900, kernel_name="python3", resources=folder).execute()
    assert load_person(tmp_path / "person").origin.consent == "Ada in person, for trying this program"
    report = verify_video(tmp_path / "mine.mp4")
    assert report.found and report.intact
