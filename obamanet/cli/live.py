"""A live session on the command line: a camera or sound in, a window, a recording, streams out."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from obamanet.cli.boundary import console, result
from obamanet.cli.declare import command
from obamanet.cli.options import SOUND_HELP, EngineName, Key, KeyCert, PersonFolder, Quiet, fps_option, signing_key
from obamanet.engine.formats import Engine
from obamanet.errors import OptionError

if TYPE_CHECKING:
    from obamanet.inference.speaker import Speaker
    from obamanet.pipelines.live_drivers import Driver
    from obamanet.pipelines.live_sinks import LiveOptions
    from obamanet.video.live_source import LiveSource


@dataclass(frozen=True)
class LiveRequest:
    """What moves the face, and where the pictures go."""

    source: Annotated[
        str | None,
        typer.Option(
            "--source",
            metavar="SOURCE",
            help="The face that moves it: a camera's number, a video file, or a URL (rtsp://, http://, ...).",
            show_default="0, the first camera",
        ),
    ] = None
    sound: Annotated[
        Path | None, typer.Option("--sf", metavar="SOUND", help=f"Sound moves it, as it is played. {SOUND_HELP}")
    ] = None
    mic: Annotated[bool, typer.Option("--mic", help="What is said into the microphone moves it.")] = False
    show: Annotated[int, typer.Option("--show", min=0, max=1, help="1 for a window, where there is a display.")] = 0
    record: Annotated[
        Path | None,
        typer.Option("--record", metavar="MP4", help="Record it, signed; whole however it ends.", show_default="none"),
    ] = None
    stream: Annotated[
        list[str] | None,
        typer.Option(
            "--stream",
            metavar="ADDRESS",
            help="Let other programs read it: http://localhost:PORT (MJPEG), or by ffmpeg udp://..., rtsp://..., "
            "/dev/videoN (v4l2loopback); may be given several times.",
            show_default="none",
        ),
    ] = None
    figures: Annotated[
        bool, typer.Option("--figures", help="Frame rate and latency on the streams too, not in the window alone.")
    ] = False
    person: PersonFolder = None
    fps: Annotated[str | None, fps_option("the source's")] = None
    key_cert: KeyCert = None
    key: Key = None
    engine: EngineName = Engine.ONNXRUNTIME

    def __post_init__(self) -> None:
        """Refuses more than one mover, names of other kinds of files, and half of a key."""
        if sum((self.source is not None, self.sound is not None, self.mic)) > 1:
            raise OptionError("--source, --sf and --mic exclude each other: one of them moves the face")
        if self.record is not None and self.record.suffix.lower() != ".mp4":
            raise OptionError(f"the recording is an mp4 file: got {self.record}, allowed is a name that ends in .mp4")
        signing_key(self.key_cert, self.key)

    def options(self) -> LiveOptions:
        """Returns where the pictures go; raises OptionError."""
        from obamanet.pipelines.live_sinks import LiveOptions
        from obamanet.timing import parse_rate

        rate = parse_rate(self.fps) if self.fps is not None else None
        key = signing_key(self.key_cert, self.key)
        return LiveOptions(self.record, bool(self.show), tuple(self.stream or ()), self.figures, rate, key)

    def load_speaker(self) -> Speaker:
        """Returns the person, after checking that the recording replaces nothing; raises an ObamanetError."""
        from obamanet.cli.outputs import check_outputs
        from obamanet.cli.persons import find_person
        from obamanet.inference.speaker import Speaker
        from obamanet.person import load_person

        folder = find_person(self.person)
        file = Path(self.source) if self.source is not None and Path(self.source).exists() else None
        check_outputs((self.record,), (file, self.sound, folder, self.key_cert, self.key))
        return Speaker(load_person(folder), self.engine)

    def open(self, speaker: Speaker) -> tuple[LiveSource, Driver]:
        """Returns what gives the moments, and what moves the face at each; raises an ObamanetError."""
        from obamanet.audio.microphone import Microphone
        from obamanet.pipelines.live_drivers import video_driver
        from obamanet.pipelines.live_sound import SoundDriver, SpokenFile, SpokenLive
        from obamanet.video.live_source import open_source

        if self.sound is not None:
            spoken = SpokenFile(self.sound, speaker.person)
            return spoken, SoundDriver(speaker, spoken)
        if self.mic:
            heard = SpokenLive(Microphone(), speaker.person)
            return heard, SoundDriver(speaker, heard)
        return open_source(self.source or "0"), video_driver(speaker.person)


@command(
    "--source 0 --show 1",
    "--source rtsp://camera.local/stream --record out.mp4",
    "--sf speech.wav --stream http://localhost:8000",
    "--mic --stream /dev/video10",
)
def live_verb(*, request: LiveRequest, quiet: Quiet = False) -> None:
    """Move a person's face live by the one in front of a camera, or by sound.

    q in the window, Ctrl-C or the source's end ends it; the recording is whole then, and its path is printed. A second
    Ctrl-C gives the recording up. The camera's own picture is never shown or stored. Every picture is labelled as
    synthetic, the recording is signed too. Appear as nobody who has not agreed.
    """
    options, speaker, progress = request.options(), request.load_speaker(), console(quiet)

    from obamanet.pipelines.live import live
    from obamanet.pipelines.live_drivers import VideoDriver

    source, driver = request.open(speaker)
    with _ctrl_c_stops() as stop:
        report = live(source, driver, speaker, options, stop, progress)
    progress.note(f"live: {report}")
    if isinstance(driver, VideoDriver) and not driver.has_seen:
        progress.note("no face was seen in the pictures: the person rested")
    if options.record is not None:
        result(options.record)


@contextmanager
def _ctrl_c_stops() -> Iterator[threading.Event]:
    """Yields what the first Ctrl-C inside the block sets; a second one interrupts as ever."""
    stop, before = threading.Event(), signal.getsignal(signal.SIGINT)

    def end(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)

    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, end)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
