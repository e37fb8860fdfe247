"""The tab Reenact: the face in a video, or in front of the browser's camera, moves a person."""

from __future__ import annotations

from functools import partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from obamanet.batch.kinds import ReenactJob
from obamanet.errors import OptionError
from obamanet.types import DrivenPart
from obamanet.web.page_parts import JobPlace, Tab, submit, take_upload, video_box
from obamanet.web.page_persons import frame_rate_chooser, person_chooser
from obamanet.web.page_texts import Texts

if TYPE_CHECKING:
    import gradio


def reenact_tab(tab: Tab, page: gradio.Blocks) -> None:
    """Adds the tab's components to ``page``."""
    import gradio as gr

    texts = tab.texts
    parts = [(texts(f"reenact.part.{part.value}"), part.value) for part in DrivenPart]

    def start(request: gradio.Request, driver: str | None, person: str, part: str, fps: str) -> str:
        if not driver:
            raise OptionError(texts("reenact.none"))
        service = tab.service
        folder, rate = service.persons.folder(person), service.limits.rate(fps)

        def make(inputs: Path) -> ReenactJob:
            return ReenactJob(service.uploads.video(take_upload(driver, inputs)), folder, DrivenPart(part), rate)

        return submit(service, make, Path(driver).stem, request)

    tab.about("reenact.about")
    with gr.Row():
        with gr.Column(scale=5, min_width=320):
            person, card = person_chooser(tab, page, "live-person")
            driver = gr.Video(
                sources=["upload", "webcam"],
                label=texts("reenact.driver"),
                elem_id="reenact-driver",
                height=290,
                buttons=[],
            )
            with gr.Accordion(texts("settings"), open=False):
                part = gr.Radio(parts, value=DrivenPart.HEAD.value, label=texts("reenact.part"))
                fps = frame_rate_chooser(texts, "fps.driver")
            press = gr.Button(texts("reenact.go"), variant="primary", elem_id="reenact-go")
            card.render()
        with gr.Column(scale=6, min_width=320):
            place = JobPlace(tab, page, "reenact", partial(video_box, tab))
            with gr.Accordion(texts("live"), open=True):
                gr.HTML(live_box(texts), elem_id="live")
    place.begin_on(press.click, start, [driver, person, part, fps])


def live_box(texts: Texts) -> str:
    """Returns the live preview, which obamanet/web/static/page.js runs."""
    said = {"stopped": "live.stopped", "waiting": "live.waiting", "noface": "live.noface", "busy": "live.busy"}
    said |= {"nocamera": "live.nocamera", "secure": "live.secure", "latency": "live.latency"}
    # The braces of the latency are filled in by the browser.
    words = {name: texts(key, ms="{ms}", fps="{fps}") for name, key in said.items()}
    data = "".join(f' data-{name}="{escape(value)}"' for name, value in words.items())
    return (
        f'<div class="page-live" data-url="/live"{data}><p class="page-about">{escape(texts("live.about"))}</p>'
        f'<div class="page-line"><button type="button" data-live="start">{escape(texts("live.start"))}</button>'
        f'<button type="button" data-live="stop">{escape(texts("live.stop"))}</button>'
        f'<span class="state" role="status"></span></div>'
        '<div class="views"><canvas hidden width="256" height="256" role="img" '
        f'aria-label="{escape(texts("live.view"))}">'
        '</canvas><video muted playsinline hidden aria-hidden="true"></video></div></div>'
    )
