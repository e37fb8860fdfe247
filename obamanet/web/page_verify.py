"""The tab Verify: who made a video, and whether it was changed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from obamanet.errors import ObamanetError, OptionError
from obamanet.provenance import ProvenanceReport, Synthetic
from obamanet.web.page_parts import Tab, empty, error_box, facts
from obamanet.web.page_texts import Texts


def verify_tab(tab: Tab) -> None:
    """Adds the tab's components."""
    import gradio as gr

    texts = tab.texts

    def verify(file: str | None) -> str:
        try:
            if not file:
                raise OptionError(texts("verify.none"))
            # Read by a process of its own, with little memory and time.
            return verdict_box(texts, tab.service.uploads.verify(Path(file)))
        except ObamanetError as error:
            return error_box(texts, str(error))

    tab.about("verify.about")
    with gr.Row():
        with gr.Column(scale=5, min_width=320):
            file = gr.File(label=texts("verify.file"), type="filepath", elem_id="verify-file", height=160)
            press = gr.Button(texts("verify"), variant="primary", elem_id="verify-go")
        with gr.Column(scale=6, min_width=320):
            shown = gr.HTML(empty(texts), elem_id="verify-result")
    for event in (press.click, file.upload):
        event(verify, file, shown, show_progress="hidden", api_visibility="private", concurrency_limit=None)


def verdict_box(texts: Texts, report: ProvenanceReport) -> str:
    """Returns what a file says of its making, the judgement first."""
    comment = (texts("verify.comment"), report.comment)
    if not report.found:
        return facts(_told([comment]), texts("verify.unsigned"), "bad")
    kinds = {Synthetic.WHOLE_FACE: "verify.whole", Synthetic.INPAINTED: "verify.parts"}
    signer = f"{report.signer} ({texts('verify.trusted' if report.trusted else 'verify.local')})"
    rows = [
        *((texts("verify.problem"), problem) for problem in report.problems),
        (texts("verify.kind"), texts(kinds[report.kind]) if report.kind else report.digital_source_type),
        (texts("verify.title"), report.title),
        (texts("verify.generator"), report.generator),
        (texts("verify.signer"), signer if report.signer else None),
        (texts("verify.statement"), report.statement),
        comment,
    ]
    heading = texts("verify.intact" if report.intact else "verify.changed")
    return facts(_told(rows), heading, "good" if report.intact else "bad")


def _told(rows: Sequence[tuple[str, str | None]]) -> list[tuple[str, str]]:
    """Returns the rows that have a value."""
    return [(name, value) for name, value in rows if value]
