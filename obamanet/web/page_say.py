"""The tab Say: a text becomes a voice, and the voice's syllables move the face."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from obamanet.batch.kinds import SayJob
from obamanet.errors import ObamanetError, OptionError
from obamanet.person import CARD
from obamanet.web.job_queue import JobView
from obamanet.web.page_parts import JobPlace, Tab, submit, video_box
from obamanet.web.page_persons import (
    articulation_slider,
    frame_rate_chooser,
    person_chooser,
    pose_drawings,
)
from text2face.voice.espeak import FASTEST, SLOWEST, languages
from text2face.voice.voices import voices

if TYPE_CHECKING:
    import gradio

FIRST_LANGUAGES: Final = {
    "en-gb": "English (UK)",
    "en-us": "English (US)",
    "es": "Español (España)",
    "es-419": "Español (Latinoamérica)",
}
"""Languages at the head of the list, with their own names; the others are shown by their tags."""

VOICE_NAMES: Final = {"espeak": "eSpeak NG", "flite": "Flite", "pico": "SVOX Pico"}
"""What voices are called."""

NAMED: Final = 30
"""First characters of a text, which name its video."""

REMEMBERED: Final = 1000
"""Jobs of which is known who speaks, for the drawings of the mouth."""


def say_tab(tab: Tab, page: gradio.Blocks) -> None:
    """Adds the tab's components to ``page``."""
    import gradio as gr

    texts = tab.texts
    tongues = [(name, tag) for tag, name in FIRST_LANGUAGES.items()]
    tongues += [(tag, tag) for tag in sorted(set(languages()) - set(FIRST_LANGUAGES))]
    # Piper's voices are files, which nobody may name from outside.
    ready = [voice.name for voice in voices() if voice.state == "ready" and ":" not in voice.name]
    called = [(VOICE_NAMES.get(each, each), each) for each in ready]
    speakers: dict[str, str] = {}

    def start(
        request: gradio.Request,
        text: str,
        language: str,
        voice: str,
        person: str,
        rate: float,
        articulation: float,
        fps: str,
    ) -> str:
        if not text.strip():
            raise OptionError(texts("say.none"))
        most = tab.service.limits.text_characters
        if len(text) > most:
            raise OptionError(f"the text is too long: got {len(text)} characters, allowed are {most}")
        if voice not in ready:
            raise OptionError(f"no such voice: got {voice[:NAMED]!r}, allowed are {', '.join(ready)}")
        work = SayJob(
            person=tab.service.persons.folder(person),
            text=text,
            language=language,
            voice=voice,
            rate=rate,
            timelines=("json", "tsv", "vtt"),
            fps=tab.service.limits.rate(fps),
            articulation=articulation,
        )
        id = submit(tab.service, lambda inputs: work, text[:NAMED], request)
        speakers[id] = person
        if len(speakers) > REMEMBERED:
            del speakers[next(iter(speakers))]
        return id

    def show(view: JobView) -> str:
        poses = ""
        with suppress(ObamanetError, OSError):  # Of a person who is gone there are no drawings.
            folder = tab.service.persons.folder(speakers.get(view.id, ""))
            poses = pose_drawings(folder, (folder / CARD).stat().st_mtime_ns)
        return video_box(tab, view, poses)

    tab.about("say.about")
    with gr.Row():
        with gr.Column(scale=5, min_width=320):
            most = tab.service.limits.text_characters
            text = gr.Textbox(
                texts("say.example"), label=texts("say.text"), lines=4, max_length=most, elem_id="say-text"
            )
            with gr.Row():
                usual = "es" if texts.language == "es" else "en-gb"
                language = gr.Dropdown(tongues, value=usual, label=texts("say.language"), min_width=210)
                voice = gr.Dropdown(called, value=ready[0], label=texts("say.voice"), min_width=140)
            person, card = person_chooser(tab, page, "say-person")
            with gr.Accordion(texts("settings"), open=False):
                rate = gr.Slider(SLOWEST, FASTEST, 1, step=0.05, label=texts("say.rate"), info=texts("say.rate.info"))
                articulation = articulation_slider(texts)
                fps = frame_rate_chooser(texts, "fps.own")
            press = gr.Button(texts("say.go"), variant="primary", elem_id="say-go")
            card.render()
        with gr.Column(scale=6, min_width=320):
            place = JobPlace(tab, page, "say", show)
    place.begin_on(press.click, start, [text, language, voice, person, rate, articulation, fps])
