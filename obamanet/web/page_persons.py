"""The person chooser of the page: a name, and the card of who bears it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache, partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from obamanet.errors import ObamanetError
from obamanet.person import load_person
from obamanet.web.page_parts import Tab, error_box
from obamanet.web.page_texts import Texts

if TYPE_CHECKING:
    import gradio

KEPT_DRAWINGS: Final = 8
"""Persons whose mouth poses' drawings are kept."""

FRAME_RATES: Final = ("24", "25", "29.97", "30", "50", "60")
"""Frames per second to choose from."""

MOUTH_SPAN: Final = 1.8
"""Width of the widest mouth in the strip's drawing, which is 2 units wide."""


def person_chooser(tab: Tab, page: gradio.Blocks, elem_id: str) -> tuple[gradio.Dropdown, gradio.HTML]:
    """Adds a chooser of persons.

    A page that is loaded again shows who is there then.

    Returns:
        The chooser, and the card of who is chosen, which the caller renders at its place.
    """
    import gradio as gr

    def choices() -> list[tuple[str, str]]:
        return [(info.title, info.name) for info in tab.service.persons.all()]

    def refresh(chosen: str | None) -> tuple[gradio.Dropdown, str]:
        known = choices()
        return choose_again(known, chosen), card_of(tab, kept_or_first(known, chosen))

    known = choices()
    first = known[0][1] if known else None
    name = gr.Dropdown(known, value=first, label=tab.texts("person"), elem_id=elem_id)
    card = gr.HTML(card_of(tab, first), render=False, elem_id=f"{elem_id}-card")
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "queue": False}
    name.change(partial(card_of, tab), name, card, **quiet)
    page.load(refresh, name, [name, card], **quiet)
    return name, card


def kept_or_first(known: Sequence[tuple[str, str]], chosen: str | None) -> str | None:
    """Returns ``chosen`` where it is among the values of ``known``, else the first of them; None for none."""
    values = [value for _, value in known]
    return chosen if chosen in values else next(iter(values), None)


def choose_again(known: Sequence[tuple[str, str]], chosen: str | None) -> gradio.Dropdown:
    """Returns a change of a chooser to other choices.

    What was chosen stays where it is among them: it is not told again, since the user may have chosen anew meanwhile.
    """
    import gradio as gr

    value = kept_or_first(known, chosen)
    return gr.Dropdown(list(known)) if value == chosen else gr.Dropdown(list(known), value=value)


def card_of(tab: Tab, name: str | None) -> str:
    """Returns the card of the person ``name``: its licence, attribution, consent and size."""
    texts = tab.texts
    try:
        info = tab.service.persons.about(name or "")
    except ObamanetError as error:
        return error_box(texts, str(error))
    rows = {
        texts("person.licence"): info.licence,
        texts("person.attribution"): info.attribution,
        texts("person.consent"): info.consent,
        texts("person.size"): texts("person.size.value", size=info.size, fps=f"{float(Fraction(info.fps)):g}"),
    }
    shown = "".join(f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>" for label, value in rows.items())
    silent = "" if info.speaks else f"<p>{escape(texts('person.silent'))}</p>"
    heading = escape(texts("person.card", person=info.title))
    return (
        f'<details class="page-card" data-person="{info.name}" open><summary>{heading}</summary>'
        f"<dl>{shown}</dl>{silent}</details>"
    )


@lru_cache(KEPT_DRAWINGS)
def pose_drawings(folder: Path, changed: int) -> str:
    """Returns the outlines of a person's mouth poses by name, as JSON for the strip; "" for a person without.

    Args:
        folder: of the person.
        changed: time of its card, so that a changed person is drawn anew.

    Raises:
        PersonError: the person cannot be loaded.
    """
    person = load_person(folder)
    if person.poses is None:
        return ""
    from obamanet.keypoints.mouth_poses import pose_names

    pca = person.mouth.pca
    points = pca.decode(person.poses.centres)
    points = points - points.mean(axis=(0, 1))
    scale = MOUTH_SPAN / float(np.ptp(points[..., 0]))
    names = pose_names(person.poses, pca)
    drawn = np.round(scale * points, 3)
    return json.dumps({name: mouth.tolist() for name, mouth in zip(names, drawn, strict=True)})


def frame_rate_chooser(texts: Texts, own: str) -> gradio.Dropdown:
    """Adds a chooser of frame rates; "" for the one that the text ``own`` names."""
    import gradio as gr

    rates = [(texts(own), ""), *((rate, rate) for rate in FRAME_RATES)]
    return gr.Dropdown(rates, value="", label=texts("fps"))


def articulation_slider(texts: Texts) -> gradio.Slider:
    """Adds a slider for how far the mouth moves."""
    import gradio as gr

    return gr.Slider(0, 2, 1, step=0.05, label=texts("articulation"), info=texts("articulation.info"))
