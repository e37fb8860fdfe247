"""The tab Speak: a sound moves the face."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from obamanet.batch.kinds import SpeakJob
from obamanet.errors import OptionError
from obamanet.files import atomic_path
from obamanet.web.page_parts import JobPlace, Tab, submit, take_upload, video_box
from obamanet.web.page_persons import articulation_slider, frame_rate_chooser, person_chooser
from obamanet.web.page_texts import Texts

if TYPE_CHECKING:
    import gradio


def speak_tab(tab: Tab, page: gradio.Blocks, examples: Path) -> None:
    """Adds the tab's components.

    Args:
        tab: what it is made with.
        page: that it is in.
        examples: folder for a sound to begin with, which is made when it is first asked for.
    """
    import gradio as gr

    texts = tab.texts

    def start(request: gradio.Request, sound: str | None, person: str, articulation: float, fps: str) -> str:
        if not sound:
            raise OptionError(texts("speak.none"))
        service = tab.service
        folder, rate = service.persons.folder(person), service.limits.rate(fps)

        def make(inputs: Path) -> SpeakJob:
            return SpeakJob(service.uploads.sound(take_upload(sound, inputs), inputs), folder, rate, articulation)

        return submit(service, make, Path(sound).stem, request)

    tab.about("speak.about")
    with gr.Row():
        with gr.Column(scale=5, min_width=320):
            sound = gr.Audio(
                sources=["upload", "microphone"],
                type="filepath",
                label=texts("speak.sound"),
                elem_id="speak-sound",
                editable=False,
                buttons=[],
            )
            take_example = gr.Button(texts("speak.example"), size="sm", elem_id="speak-example")
            person, card = person_chooser(tab, page, "speak-person")
            with gr.Accordion(texts("settings"), open=False):
                articulation = articulation_slider(texts)
                fps = frame_rate_chooser(texts, "fps.own")
            press = gr.Button(texts("speak.go"), variant="primary", elem_id="speak-go")
            card.render()
        with gr.Column(scale=6, min_width=320):
            place = JobPlace(tab, page, "speak", partial(video_box, tab))
    take_example.click(partial(example_sound, texts, examples), None, sound, api_visibility="private", queue=False)
    place.begin_on(press.click, start, [sound, person, articulation, fps])


def example_sound(texts: Texts, folder: Path) -> str:
    """Returns the path of a sound of the page's language in ``folder``, which it is made in where it is not there."""
    import soundfile

    from text2face.voice.voices import choose_voice

    path = folder / f"obamanet_{texts.language}.wav"
    if not path.is_file():
        clip = choose_voice("espeak", texts.language).say(texts("say.example")).clip
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as part:
            soundfile.write(part, clip.samples, clip.rate, format="WAV")
    return str(path)
