"""The tab Own person: footage, consent, prepare, train in the background, and the person that comes of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from obamanet.errors import ObamanetError, OptionError
from obamanet.training.data.dataset import Dataset, load_dataset
from obamanet.web.own_projects import Project, Projects, ProjectState, Stage
from obamanet.web.page_parts import Tab, error_box, missing_box, take_upload
from obamanet.web.page_persons import choose_again, kept_or_first
from obamanet.web.page_texts import Texts

if TYPE_CHECKING:
    import gradio

NEEDED: Final = ("tensorflow", "librosa", "matplotlib")
"""Packages of the extra train."""

REFRESH_SECONDS: Final = 2.0
"""Between two looks at a person in the making, while the page is open."""

REJECTS_SHOWN: Final = 12
"""Rows of the table of what was not used."""


def own_tab(tab: Tab, page: gradio.Blocks, projects: Projects) -> None:
    """Adds the tab's components; where training is not installed, what is missing.

    Args:
        tab: what it is made with.
        page: that it is in.
        projects: persons in the making.
    """
    import gradio as gr

    texts = tab.texts
    tab.about("own.about")
    if any(find_spec(name) is None for name in NEEDED):
        gr.HTML(missing_box(texts, "train"))
        return
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}

    def choices() -> list[tuple[str, str]]:
        return [(project.name, project.id) for project in projects.all()]

    def begin(name: str, licence: str, consent: str, agreed: bool, footage: list[str] | None) -> tuple[Any, Any, str]:
        try:
            project = _create(texts, projects, (name, licence, consent), agreed, footage or [])
        except ObamanetError as error:
            return gr.skip(), gr.skip(), error_box(texts, str(error))
        projects.start(project, last=Stage.PREPARE)
        return gr.Dropdown(choices(), value=project.id), look(project.id), ""

    def act(action: Callable[[Project], None], id: str | None) -> str:
        with suppress(ObamanetError):  # One that was removed is told by the look at it.
            if id:
                action(projects.get(id))
        return look(id)

    def look(id: str | None) -> str:
        return project_box(texts, projects, id)

    def refresh(id: str | None) -> tuple[Any, str]:
        known = choices()
        return choose_again(known, id), look(kept_or_first(known, id))

    with gr.Row():
        with gr.Column(scale=5, min_width=320):
            name = gr.Textbox(label=texts("own.name"), max_length=80, elem_id="own-name")
            consent = gr.Textbox(
                label=texts("own.consent"),
                info=texts("own.consent.info"),
                placeholder=texts("own.consent.example"),
                max_length=500,
                elem_id="own-consent",
            )
            licence = gr.Textbox(texts("own.licence.value"), label=texts("own.licence"), max_length=500)
            agreed = gr.Checkbox(label=texts("own.declare"), elem_id="own-agreed")
            footage = gr.File(
                label=texts("own.footage"), file_count="multiple", type="filepath", elem_id="own-footage", height=150
            )
            prepare = gr.Button(texts("own.start"), variant="primary", elem_id="own-start")
        with gr.Column(scale=6, min_width=320):
            wrong = gr.HTML(elem_id="own-error")  # Of its own: the result is shown anew by the timer.
            known = choices()
            project = gr.Dropdown(
                known, value=known[0][1] if known else None, label=texts("own.project"), elem_id="own-project"
            )
            shown = gr.HTML(project_box(texts, projects, None), elem_id="own-result")
            with gr.Row():
                train = gr.Button(texts("own.train"), elem_id="own-train")
                stop = gr.Button(texts("own.pause"), elem_id="own-pause")
            gr.HTML(f'<p class="page-note">{escape(texts("own.time"))}</p>')
    # Always on: answers may overtake each other, and one that says "not at work" would be the last.
    timer = gr.Timer(REFRESH_SECONDS)
    prepare.click(begin, [name, licence, consent, agreed, footage], [project, shown, wrong], **quiet)
    train.click(partial(act, projects.start), project, shown, **quiet)
    stop.click(partial(act, projects.pause), project, shown, **quiet)
    project.change(look, project, shown, **quiet)
    timer.tick(look, project, shown, **quiet)
    page.load(refresh, project, [project, shown], **quiet)


def _create(texts: Texts, projects: Projects, told: tuple[str, str, str], agreed: bool, footage: list[str]) -> Project:
    """Returns a new project with its footage; raises an ObamanetError for what is missing."""
    name, licence, consent = told
    if not agreed:
        raise OptionError(texts("own.undeclared"))
    if not name.strip():
        raise OptionError(texts("own.unnamed"))
    if not consent.strip():
        raise OptionError(texts("own.ungrounded"))
    if not footage:
        raise OptionError(texts("own.nofootage"))
    project, folder = projects.create(name, licence, consent)
    try:
        for number, upload in enumerate(footage, start=1):
            take_upload(upload, folder, f"video_{number}")
    except ObamanetError:
        projects.remove(project)
        raise
    return project


def project_box(texts: Texts, projects: Projects, id: str | None) -> str:
    """Returns how a person in the making is: its steps, what was not used, the remaining time, the curves."""
    if not id:
        return f'<div class="page-facts"><p>{escape(texts("own.none"))}</p></div>'
    try:
        project = projects.get(id)
        state = projects.state(project)
    except ObamanetError as error:
        return error_box(texts, str(error))
    left = projects.remaining(project) if state is ProjectState.RUNNING else ""
    time = f' <span class="page-note">{escape(texts("own.left", time=left))}</span>' if left else ""
    said = escape("\n".join(projects.said(project)))
    kind = "bad" if state is ProjectState.FAILED else "good"
    return (
        f'<div class="page-facts {kind}" data-state="{state}"><h3>{escape(project.name)}: '
        f'<span role="status">{escape(texts(f"own.state.{state}"))}</span>{time}</h3>'
        f"{_steps(texts, project, state)}{_prepared(texts, projects.dataset(project))}"
        f"{_curves(texts, projects, project)}"
        f"<details{' open' if kind == 'bad' else ''}><summary>{escape(texts('own.log'))}</summary>"
        f'<pre tabindex="0">{said}</pre></details></div>'
    )


def _steps(texts: Texts, project: Project, state: ProjectState) -> str:
    items = []
    for stage in Stage:
        now = stage is project.next and state is ProjectState.RUNNING
        kind = "done" if stage in project.done else "now" if now else ""
        current = ' aria-current="step"' if now else ""
        items.append(f'<li class="{kind}"{current}>{escape(texts(f"own.stage.{stage}"))}</li>')
    return f'<ol class="page-steps" aria-label="{escape(texts("own.stages"))}">{"".join(items)}</ol>'


def _prepared(texts: Texts, folder: Path) -> str:
    """Returns how much was prepared, and what was not used and why."""
    try:
        dataset: Dataset = load_dataset(folder)
    except ObamanetError:
        return ""  # Not prepared yet.
    clips = f"<p>{escape(texts('own.clips', clips=len(dataset.clips)))}</p>"
    if not dataset.rejects:
        return clips
    names = "".join(f"<th>{escape(texts(f'own.reject.{name}'))}</th>" for name in ("source", "frames", "reason"))
    rows = "".join(
        f"<tr><td>{escape(Path(reject.source).name)}</td><td>{escape(reject.frames)}</td><td>{escape(reject.reason)}</td>"
        for reject in dataset.rejects[:REJECTS_SHOWN]
    )
    caption = escape(texts("own.rejects"))
    return f'{clips}<table class="page-table"><caption>{caption}</caption><tr>{names}</tr>{rows}</table>'


def _curves(texts: Texts, projects: Projects, project: Project) -> str:
    alt = escape(texts("own.curves"))
    return "".join(
        # The time is in the address so that a newer picture is asked for.
        f'<img src="/making/{project.id}/{stage}.png?{path.stat().st_mtime_ns}" alt="{alt}: '
        f'{escape(texts(f"own.stage.{stage}"))}">'
        for stage, path in projects.curves(project).items()
    )
