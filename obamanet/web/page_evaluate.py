"""The tab Compare: a generated video against a recording, with the report inside the page."""

from __future__ import annotations

from functools import partial
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from obamanet.batch.kinds import EvaluateJob
from obamanet.errors import OptionError
from obamanet.web.job_queue import JobView
from obamanet.web.page_parts import JobPlace, Tab, missing_box, result_url, submit, take_upload

if TYPE_CHECKING:
    import gradio


def evaluate_tab(tab: Tab, page: gradio.Blocks) -> None:
    """Adds the tab's components to ``page``; where evaluating is not installed, what is missing."""
    import gradio as gr

    texts = tab.texts
    tab.about("evaluate.about")
    if find_spec("jiwer") is None:
        gr.HTML(missing_box(texts, "evaluate"))
        return

    def start(request: gradio.Request, generated: str | None, reference: str | None) -> str:
        if not generated or not reference:
            raise OptionError(texts("evaluate.none"))

        def make(inputs: Path) -> EvaluateJob:
            check = tab.service.uploads.video
            recorded = check(take_upload(reference, inputs, "recording"))
            return EvaluateJob(check(take_upload(generated, inputs, "generated")), recorded)

        return submit(tab.service, make, Path(generated).stem, request)

    with gr.Row():
        generated = gr.Video(
            sources=["upload"], label=texts("evaluate.generated"), height=240, elem_id="evaluate-generated", buttons=[]
        )
        reference = gr.Video(
            sources=["upload"], label=texts("evaluate.reference"), height=240, elem_id="evaluate-reference", buttons=[]
        )
    press = gr.Button(texts("evaluate.go"), variant="primary", elem_id="evaluate-go")
    place = JobPlace(tab, page, "evaluate", partial(report_box, tab))
    place.begin_on(press.click, start, [generated, reference])


def report_box(tab: Tab, view: JobView) -> str:
    """Returns the report of an evaluation in a frame in which no script runs."""
    report = next(file for file in view.files if file.suffix == ".html")
    url, title = result_url(view, report, tab.service.queue), escape(tab.texts("evaluate.report"))
    return (
        f'<iframe class="page-report" sandbox="allow-same-origin" src="{url}" title="{title}"></iframe>'
        f'<ul class="page-downloads"><li><a href="{url}" target="_blank" rel="noopener">'
        f"{escape(tab.texts('evaluate.open'))}</a></li></ul>"
    )
