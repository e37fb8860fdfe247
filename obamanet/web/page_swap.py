"""The tab Face swap: the faces of a video, one frame or a whole video with another face, and how a model is trained."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from obamanet.batch.kinds import SwapJob, Work
from obamanet.errors import ObamanetError, OptionError, SwapError
from obamanet.files import read_json
from obamanet.swap.swap_model import Direction, read_swap
from obamanet.web.job_queue import JobView
from obamanet.web.page_jobs import COUNTS_FILE, FacesJob, SwapPreviewJob
from obamanet.web.page_parts import JobPlace, Tab, missing_box, result_url, submit, take_upload, video_box
from obamanet.web.page_texts import Texts

if TYPE_CHECKING:
    import gradio

NEEDED: Final = ("filterpy", "scipy")
"""Packages of the extra swap."""

COMMANDS: Final = (
    "obamanet swap extract a.mp4 --out faces/a",
    "obamanet swap extract b.mp4 --out faces/b --side dst",
    "obamanet swap train -A faces/a -B faces/b -m model --i-have-consent --name-a A --name-b B",
)
"""How a model is trained."""


def swap_tab(tab: Tab, page: gradio.Blocks, models: Mapping[str, Path]) -> None:
    """Adds the tab's components; where swapping is not installed, what is missing.

    Args:
        tab: what it is made with.
        page: that it is in.
        models: folders of the models that may be chosen, by name.
    """
    import gradio as gr

    texts = tab.texts
    tab.about("swap.about")
    if any(find_spec(name) is None for name in NEEDED):
        gr.HTML(missing_box(texts, "swap"))
        return

    def check(video: str | None, agreed: bool) -> str:
        if not agreed:
            raise OptionError(texts("swap.undeclared"))
        if not video:
            raise OptionError(texts("swap.none"))
        return video

    def start(
        kind: type[SwapJob | SwapPreviewJob],
        request: gradio.Request,
        video: str | None,
        agreed: bool,
        model: str | None,
        direction: str,
    ) -> str:
        source, folder = check(video, agreed), models.get(model or "")
        if folder is None:
            raise SwapError(texts("swap.nomodel"))

        def make(inputs: Path) -> Work:
            return kind(tab.service.uploads.video(take_upload(source, inputs)), folder, Direction(direction))

        return submit(tab.service, make, Path(source).stem, request, "swap")

    def find(request: gradio.Request, video: str | None, agreed: bool) -> str:
        source = check(video, agreed)

        def make(inputs: Path) -> FacesJob:
            return FacesJob(tab.service.uploads.video(take_upload(source, inputs)))

        return submit(tab.service, make, "faces", request, "faces")

    def show(view: JobView) -> str:
        return video_box(tab, view) if view.files[0].suffix == ".mp4" else pictures_box(tab, view)

    names = list(models)
    first = names[0] if names else None
    with gr.Row():
        with gr.Column(scale=5, min_width=320):
            agreed = gr.Checkbox(label=texts("swap.declare"), elem_id="swap-agreed")
            video = gr.Video(
                sources=["upload"], label=texts("swap.video"), elem_id="swap-video", height=240, buttons=[]
            )
            faces = gr.Button(texts("swap.extract.go"), elem_id="swap-faces")
            model = gr.Dropdown(
                names, value=first, label=texts("swap.model"), info=None if names else texts("swap.nomodel")
            )
            direction = gr.Radio(
                _directions(texts, models.get(first or "")),
                value=Direction.A_TO_B.value,
                label=texts("swap.direction"),
                visible=bool(names),
            )
            with gr.Row():
                preview = gr.Button(texts("swap.preview"), elem_id="swap-preview", interactive=bool(names))
                press = gr.Button(texts("swap.go"), variant="primary", elem_id="swap-go", interactive=bool(names))
        with gr.Column(scale=6, min_width=320):
            place = JobPlace(tab, page, "swap", show)
            about, commands = escape(texts("swap.train.about")), "\n".join(COMMANDS)
            with gr.Accordion(texts("swap.train"), open=False):
                gr.HTML(f'<div class="page-facts"><p>{about}</p><pre tabindex="0">{commands}</pre></div>')

    def named(name: str) -> gradio.Radio:
        return gr.Radio(_directions(texts, models.get(name)))

    model.change(named, model, direction, api_visibility="private", queue=False)
    place.begin_on(faces.click, find, [video, agreed])
    place.begin_on(preview.click, partial(start, SwapPreviewJob), [video, agreed, model, direction])
    place.begin_on(press.click, partial(start, SwapJob), [video, agreed, model, direction])


def _directions(texts: Texts, model: Path | None) -> list[tuple[str, str]]:
    """Returns the directions of a model with the names of those whose faces it paints."""
    a, b = "A", "B"
    if model is not None:
        with suppress(ObamanetError):  # A model that is gone is told when it is used.
            consent = read_swap(model).consent
            a, b = consent.a, consent.b
    return [
        (texts("swap.paints", painted=painted, replaced=replaced), direction.value)
        for direction, painted, replaced in ((Direction.A_TO_B, b, a), (Direction.B_TO_A, a, b))
    ]


def pictures_box(tab: Tab, view: JobView) -> str:
    """Returns the preview of one frame, or the contact sheet of the faces of a video."""
    texts, files = tab.texts, {file.name: file for file in view.files}
    if COUNTS_FILE not in files:
        url = result_url(view, view.files[0], tab.service.queue)
        return f'<div class="page-facts"><img src="{url}" alt="{escape(texts("swap.preview.alt"))}"></div>'
    counts = read_json(files[COUNTS_FILE])
    said = escape(texts("swap.extract.count", saved=counts["saved"], seen=counts["seen"]))
    sheet = min((file for file in view.files if file.name == "index.html"), key=lambda file: len(file.parts))
    url, title = result_url(view, sheet, tab.service.queue), escape(texts("swap.extract.alt", count=counts["saved"]))
    return (
        f'<div class="page-facts"><h3>{said}</h3><p class="page-note">{escape(texts("swap.extract.about"))}</p>'
        f'<iframe class="page-report" sandbox="allow-same-origin" src="{url}" title="{title}"></iframe></div>'
    )
