"""The page: each tab's main road in a real browser, errors, a reload in the middle, a download that still verifies."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import string
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from conftest import ROOT
from made import babble, write_sound

from obamanet.about import default_person_folder
from obamanet.errors import DatasetError, OptionError, VideoError
from obamanet.provenance import verify_video
from obamanet.web import page_own
from obamanet.web.own_projects import PROJECT_FILE, Projects, ProjectState, Stage, in_minutes
from obamanet.web.page_live import MAX_SIDE, decode_picture, encode_picture
from obamanet.web.page_texts import LANGUAGES, TEXTS, Texts, choose_language
from obamanet.web.page_theme import ACCENT, CARD, DANGER, FIELD, FIELD_LINE, INK, ON_ACCENT, PAPER, QUIET, SOFT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, Route

LONG = 300_000.0
"""Milliseconds that the browser waits at most; the machine may be loaded."""

SHORT = 2000.0
"""Milliseconds after which what should have come is asked for again."""

MOUSE = "<img src=x onerror=alert(1)>"
"""A text that would show itself as markup."""

FLAGS = ("--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
"""Of Chromium: a camera and a microphone that are made, and allowed."""

HELD_CAMERA = """() => {
    const devices = navigator.mediaDevices, ask = devices.getUserMedia.bind(devices);
    devices.getUserMedia = async (wanted) => {
        await new Promise((allow) => { window.allow = allow; });
        return window.given = await ask(wanted);
    };
}"""
"""Has the camera be given only when window.allow() is called."""

PALE = """() => {
    const shares = (colour) => colour.match(/[0-9.]+/g).map(Number);
    const light = ([red, green, blue]) => [red, green, blue].map((part) => part / 255)
        .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
        .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
    const ground = (place) => {
        const colour = shares(getComputedStyle(place).backgroundColor);
        return (colour[3] ?? 1) > 0.9 || !place.parentElement ? light(colour) : ground(place.parentElement);
    };
    const is_pale = (place) => {
        const both = [light(shares(getComputedStyle(place).color)), ground(place)];
        return (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05) < 4.5;
    };
    const has_text = (place) => [...place.childNodes].some((one) => one.nodeType === 3 && one.textContent.trim());
    return [...document.querySelectorAll("main *")].filter((place) => place.checkVisibility() && has_text(place))
        .filter(is_pale).map((place) => place.outerHTML.slice(0, 120));
}"""
"""Returns the texts that are shown with less contrast than WCAG 2.2 asks for."""

VIDEOS_SHOWN = """() => {
    const place = document.querySelector("#speak-result");
    window.shown = [];
    new MutationObserver(() => {
        const video = place.querySelector("video");
        if (video && window.shown.at(-1) !== video.src) window.shown.push(video.src);
    }).observe(place, {childList: true, subtree: true});
}"""
"""Keeps the addresses of the videos that come in the place of the tab Speak, in their order."""

COMMANDS = """
import json, shutil, signal, sys, time
from pathlib import Path

signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
verb, *rest = sys.argv[1:]
Path("asked.txt").open("a").write(json.dumps(sys.argv[1:]) + "\\n")
match verb:
    case "prepare":
        dataset = Path(rest[rest.index("--out") + 1])
        shutil.copytree(DATASET, dataset)
        about = json.loads((dataset / "dataset.json").read_text())
        about["rejects"] = [{"source": "/x/<b>me<b>.mp4", "reason": "no face", "first": 3, "last": 9}]
        (dataset / "dataset.json").write_text(json.dumps(about))
    case "train":
        run = Path(rest[1]) / rest[0]
        run.mkdir(exist_ok=True)
        shutil.copy(PICTURE, run / "curves.png")
        print("the 90 steps left take about 2 h 5 min on this machine", flush=True)
        if rest[0] == "keypoints" and not (run / "began").exists():
            (run / "began").touch()
            time.sleep(600)
    case "assemble":
        shutil.copytree(PERSON, rest[rest.index("--out") + 1])
"""
"""Stands for the command line: what it writes is made, its first training lasts until it is interrupted."""


SERVER = """
import sys
from pathlib import Path

def main():
    from obamanet.about import default_person_folder
    from obamanet.web.page_options import PageOptions
    from obamanet.web.serve import ServerOptions, serve

    folder = Path(sys.argv[1])
    page = PageOptions(folder / "making", program=(sys.executable, sys.argv[2]))
    options = ServerOptions({"default": default_person_folder()}, folder / "queue", port=0, page=page)
    serve(options, lambda address: print(address, flush=True))

if __name__ == "__main__":
    main()
"""
"""Runs the server with the page; the arguments are a folder, and what stands for the command line."""


@dataclass(frozen=True)
class Site:
    """A running server with the page, and its folder of persons in the making."""

    url: str
    port: int
    making: Path


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a program in the place of the command line."""
    import cv2
    from made import MadeClip, write_dataset

    folder = tmp_path_factory.mktemp("commands")
    landmarks = np.random.default_rng(1).uniform(10, 50, (30, 68, 2)).astype(np.float32)
    (folder / "dataset").mkdir()
    dataset = write_dataset(folder / "dataset", [MadeClip("me", landmarks)])
    picture = folder / "curves.png"
    picture.write_bytes(cv2.imencode(".png", np.full((90, 160, 3), 200, np.uint8))[1].tobytes())
    program = folder / "commands.py"
    person = str(default_person_folder())
    known = f"DATASET, PICTURE, PERSON = {str(dataset)!r}, {str(picture)!r}, {person!r}\n"
    program.write_text(known + COMMANDS)
    return program


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, commands: Path) -> Iterator[Site]:
    """Return a server of the default person on a free port, in a process of its own for what Gradio leaves open."""
    if find_spec("gradio") is None:
        pytest.skip("gradio is not installed")
    folder = tmp_path_factory.mktemp("site")
    program = folder / "server.py"
    program.write_text(SERVER)
    told = folder / "told.txt"
    with told.open("w") as said:
        command = [sys.executable, str(program), str(folder), str(commands)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True, env=environment)
    try:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        assert address, told.read_text()
        yield Site(address.rstrip("/"), urlsplit(address).port or 0, folder / "making")
    finally:
        server.terminate()
        server.communicate()
    # What Gradio refuses in the place of an upload, it tells in its own way.
    refused = ("InvalidPathError: ", "ValueError: files are uploaded")
    lines = told.read_text().splitlines()
    assert sum("Traceback" in line for line in lines) == sum(any(one in line for one in refused) for line in lines), (
        lines
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return Chromium."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("there is no chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS), timeout=LONG)
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, site: Site, language: str = "en", **options: Any) -> Iterator[Page]:
    """Yield the page, which asks no other host for anything, is refused nothing and reports no error of a script."""
    wrong: list[str] = []
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, "accept_downloads": True, **options})
    page = context.new_page()
    page.set_default_timeout(LONG)
    page.on("request", lambda asked: wrong.append(asked.url) if not is_own(asked.url, site) else None)
    page.on("response", lambda told: wrong.append(f"{told.status} {told.url}") if told.status >= 400 else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(f"{site.url}/?lang={language}", wait_until="commit")
    page.locator("#speak-go").wait_for()
    try:
        yield page
    finally:
        context.close()
    assert not wrong


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    """Return the English page, opened anew, so that no test begins where another one left off."""
    with opened(browser, site) as page:
        yield page


def is_own(url: str, site: Site) -> bool:
    return url.startswith((site.url, "data:", "blob:"))


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).last.click()


def upload(page: Page, place: str, file: Path, shown: str) -> None:
    """Put a file into the component ``place``, and wait until that shows it there, as ``shown`` selects."""
    page.locator(f"{place} input[type=file]").first.set_input_files(file)
    page.locator(f"{place} {shown}").first.wait_for()


def come(awaited: Locator, place: Locator) -> Locator:
    """Wait for what comes in a ``place``, and return it; an error that comes there instead is told at once."""
    alert = place.get_by_role("alert")
    awaited.or_(alert).first.wait_for()
    assert not alert.count(), alert.first.inner_text()
    return awaited


def result(page: Page, tab: str) -> Locator:
    return page.locator(f"#{tab}-result")


def player(page: Page) -> Locator:
    """Return the button that plays the sound which was chosen."""
    return page.locator("#speak-sound").get_by_role("button", name=re.compile("play|reprod", re.IGNORECASE)).first


def plays(place: Locator) -> None:
    """Wait until the video that comes in a place plays."""
    video = come(place.locator("video"), place)
    video.evaluate(
        "video => new Promise(done => { const look = () => video.currentTime > 0.05 ? done() : setTimeout(look, 50);"
        "video.muted = true; video.play(); look(); })"
    )


def offered(page: Page, chooser: str) -> list[str]:
    """Return what a chooser offers when it is opened; none where it closed at once, since news from the server came."""
    from playwright.sync_api import TimeoutError as TooLate

    field = page.locator(f"{chooser} input")
    field.click()
    try:
        page.get_by_role("option").first.wait_for(timeout=SHORT)
        return page.get_by_role("option").all_inner_texts()
    except TooLate:
        return []
    finally:
        field.blur()


def download(page: Page, link: Locator, path: Path) -> Path:
    with page.expect_download() as begun:
        link.click()
    begun.value.save_as(path)
    return path


@pytest.fixture(scope="module")
def spoken(browser: Browser, site: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a video that was made by the tab Speak and downloaded."""
    folder = tmp_path_factory.mktemp("spoken")
    with opened(browser, site) as page:
        open_tab(page, "Speak")
        page.locator("#speak-go").click()
        result(page, "speak").get_by_role("alert").filter(has_text="There is no sound yet").wait_for()
        sound = write_sound(folder / "babble.wav", babble(1.6))
        page.locator("#speak-sound input[type=file]").first.set_input_files(sound)
        player(page).wait_for()
        assert not page.evaluate(PALE)
        page.locator("#speak-go").click()
        result(page, "speak").get_by_role("alert").wait_for(state="detached")
        come(result(page, "speak").locator("progress"), result(page, "speak"))
        # In the middle: the job goes on, and the page that is loaded again shows it.
        page.reload(wait_until="commit")
        plays(result(page, "speak"))
        return download(page, result(page, "speak").get_by_role("link", name="Video (mp4)"), folder / "talk.mp4")


def test_what_a_button_told_stays_when_the_opening_of_the_page_is_answered_late(page: Page, site: Site) -> None:
    asked = re.compile("/gradio_api/queue/join")
    held: list[Route] = []
    late = True
    page.route(asked, lambda route: held.append(route) if late else route.continue_())
    with page.expect_request(asked):
        page.goto(f"{site.url}/en/", wait_until="commit")
    open_tab(page, "Speak")
    seen = 0
    while len(held) > seen:
        seen = len(held)
        page.wait_for_timeout(SHORT)
    late = False
    page.locator("#speak-go").click()
    told = result(page, "speak").get_by_role("alert").filter(has_text="There is no sound yet")
    told.wait_for()
    assert held
    for route in held:
        with page.expect_response(asked):
            route.continue_()
    page.wait_for_timeout(SHORT)
    assert told.is_visible()


def test_a_new_job_takes_the_place_of_the_one_that_a_reloaded_page_went_on_to_show(page: Page, tmp_path: Path) -> None:
    open_tab(page, "Speak")
    for name, seconds in (("first", 12.0), ("second", 0.5)):
        sound = write_sound(tmp_path / f"{name}.wav", babble(seconds))
        page.locator("#speak-sound input[type=file]").first.set_input_files(sound)
        player(page).wait_for()
        page.locator("#speak-go").click()
        come(result(page, "speak").locator("progress"), result(page, "speak"))
        if name == "first":
            page.reload(wait_until="commit")
            come(result(page, "speak").locator("progress"), result(page, "speak"))
            page.evaluate(VIDEOS_SHOWN)
    plays(result(page, "speak"))
    page.wait_for_timeout(SHORT)
    assert len(page.evaluate("window.shown")) == 1


def test_a_sound_is_spoken_and_the_download_verifies(page: Page, spoken: Path, tmp_path: Path) -> None:
    report = verify_video(spoken)
    assert report.found and report.intact
    open_tab(page, "Verify")
    upload(page, "#verify-file", spoken, "table")
    come(result(page, "verify").get_by_text("Unchanged since it was signed"), result(page, "verify"))
    assert "GRID talker s1" in result(page, "verify").inner_text()
    assert not page.evaluate(PALE)
    changed = tmp_path / "changed.mp4"
    content = bytearray(spoken.read_bytes())
    content[len(content) // 2] ^= 1
    changed.write_bytes(content)
    page.locator("#verify-file").get_by_role("button", name=re.compile("clear|remove", re.IGNORECASE)).first.click()
    upload(page, "#verify-file", changed, "table")
    come(result(page, "verify").get_by_text("Changed since it was signed"), result(page, "verify"))


def test_a_text_is_said_with_its_syllables_below(page: Page, tmp_path: Path) -> None:
    open_tab(page, "Say")
    page.get_by_label("Text", exact=True).fill("")
    page.locator("#say-go").click()
    result(page, "say").get_by_role("alert").filter(has_text="There is no text yet").wait_for()
    page.get_by_label("Text", exact=True).fill(f"Papa mama. {MOUSE}")
    page.locator("#say-go").click()
    shown = result(page, "say")
    shown.get_by_role("alert").wait_for(state="detached")
    plays(shown)
    shown.locator(".words span[aria-current]").first.wait_for()
    assert "ma" in shown.locator(".words").inner_text()
    assert shown.locator(".now .outer").get_attribute("d")
    assert not page.locator("img[src=x]").count()
    subtitles = download(page, shown.get_by_role("link", name="Subtitles (vtt)"), tmp_path / "said.vtt")
    assert subtitles.read_text("utf-8").startswith("WEBVTT")
    assert {link.get_attribute("href").rpartition(".")[2] for link in shown.get_by_role("link").all()} == {
        *("mp4", "vtt", "json", "tsv")
    }


def test_a_driver_moves_the_person_from_a_file_and_live(page: Page, spoken: Path) -> None:
    open_tab(page, "Reenact")
    upload(page, "#reenact-driver", spoken, "video")
    page.locator("#reenact-go").click()
    plays(result(page, "reenact"))
    page.get_by_role("button", name="Start the camera").click()
    state = page.locator("#live .state[data-ms]")
    state.wait_for()
    assert int(state.get_attribute("data-ms") or 0) > 0
    # The fake camera shows no face, so the person rests; it is painted all the same.
    painted = "view => [...view.getContext('2d').getImageData(0, 0, view.width, view.height).data]"
    assert np.ptp(page.locator("#live canvas").evaluate(painted)) > 100
    page.get_by_role("button", name="Stop").click()
    page.locator("#live .state", has_text="stopped").wait_for()
    # Stopped while the browser still asks for the camera: it does not stay on.
    page.evaluate(HELD_CAMERA)
    page.get_by_role("button", name="Start the camera").click()
    page.wait_for_function("!!window.allow")
    page.get_by_role("button", name="Stop").click()
    page.evaluate("window.allow()")
    page.wait_for_function("window.given?.getTracks().every((track) => track.readyState === 'ended')")


def test_faces_are_shown_only_with_consent(page: Page, spoken: Path) -> None:
    open_tab(page, "Face swap")
    page.locator("#swap-faces").click()
    result(page, "swap").get_by_role("alert").filter(has_text="Both persons must have agreed").wait_for()
    page.get_by_label("I declare that both persons").check()
    upload(page, "#swap-video", spoken, "video")
    page.locator("#swap-faces").click()
    result(page, "swap").get_by_role("alert").wait_for(state="detached")
    come(result(page, "swap").get_by_text("faces of the person"), result(page, "swap"))
    frame = page.frame_locator("#swap-result iframe")
    frame.locator("img").first.wait_for()


def test_two_videos_are_compared_in_a_report(page: Page, spoken: Path) -> None:
    open_tab(page, "Compare")
    for place in ("generated", "reference"):
        upload(page, f"#evaluate-{place}", spoken, "video")
    page.locator("#evaluate-go").click()
    frame = come(page.locator("#evaluate-result iframe"), result(page, "evaluate"))
    assert frame.get_attribute("sandbox") == "allow-same-origin"
    page.frame_locator("#evaluate-result iframe").locator("table").first.wait_for()


def test_a_person_is_made_paused_and_gone_on_with(page: Page, site: Site, spoken: Path) -> None:
    open_tab(page, "Own person")
    page.get_by_label("Name of the person").fill(f"Ada {MOUSE}")
    page.locator("#own-start").click()
    shown = result(page, "own")
    page.locator("#own-error").get_by_role("alert").filter(has_text="tick the declaration").wait_for()
    page.get_by_label("I declare that the person in the footage").check()
    page.locator("#own-consent").locator("input, textarea").fill("It is me.")
    upload(page, "#own-footage", spoken, "table")
    page.locator("#own-start").click()
    page.locator("#own-error").get_by_role("alert").wait_for(state="detached")
    shown.locator("[data-state=ready]").wait_for()
    shown.get_by_role("cell", name="no face").wait_for()
    assert "<b>me<b>.mp4" in shown.inner_text()
    page.locator("#own-train").click()
    shown.get_by_text("Remaining: 2 h 5 min").wait_for()
    page.reload(wait_until="commit")
    open_tab(page, "Own person")
    shown.locator("[data-state=running]").wait_for()
    # Asked again and again, since the place may be shown anew at any moment.
    page.wait_for_function("document.querySelector('#own-result img')?.naturalWidth === 160")
    page.locator("#own-pause").click()
    shown.locator("[data-state=paused]").wait_for()
    page.locator("#own-train").click()
    shown.locator("[data-state=done]").wait_for()
    (asked,) = site.making.glob("*/asked.txt")
    verbs = [line.split('"')[1] for line in asked.read_text().splitlines()]
    assert verbs == ["prepare", "train", "train", "train", "assemble"]
    assert f'"--name=Ada {MOUSE}"' in asked.read_text()
    page.reload(wait_until="commit")
    wait_until(lambda: len(offered(page, "#speak-person")) == 2)


@pytest.fixture
def phone(browser: Browser, site: Site) -> Iterator[Page]:
    """Return the Spanish page on a small screen in the dark."""
    with opened(browser, site, "es", viewport={"width": 390, "height": 844}, color_scheme="dark") as page:
        yield page


def test_on_a_phone_in_the_dark_all_fits_and_has_a_name(phone: Page) -> None:
    assert phone.evaluate("document.documentElement.lang") == "es"
    assert phone.evaluate("document.body.classList.contains('dark')")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    assert (phone.locator("#speak-go").bounding_box() or {})["width"] > 340, "margins take the room"
    # Gradio's own words too, whatever the browser's language is.
    assert "Haga clic" in phone.locator("#speak-sound").inner_text()
    unnamed = phone.evaluate(
        "() => [...document.querySelectorAll('button, input, textarea, a, select, video, canvas, img')]"
        ".filter(one => one.checkVisibility() && !(one.textContent.trim() || one.ariaLabel || one.title || one.alt"
        " || one.labels?.length || one.getAttribute('aria-labelledby') || one.querySelector?.('[aria-label], title')))"
        ".map(one => one.outerHTML.slice(0, 120))"
    )
    assert not unnamed


def test_the_keyboard_alone_says_the_example(phone: Page) -> None:
    phone.locator("#speak-example").focus()
    phone.keyboard.press("Enter")
    player(phone).wait_for()
    phone.locator("#speak-go").focus()
    phone.keyboard.press("Space")
    result(phone, "speak").locator("progress").wait_for()
    phone.locator("#speak-cancel").focus()
    phone.keyboard.press("Enter")
    result(phone, "speak").get_by_text("Cancelado.").wait_for()


def ask(
    site: Site, path: str, method: str = "GET", body: bytes | None = None, **headers: str
) -> tuple[int, str, bytes]:
    """Return status, address to go on to, and body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=LONG / 1000)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.getheader("location", ""), answer.read()
    finally:
        connection.close()


def test_the_page_begins_in_the_browsers_language(site: Site) -> None:
    assert ask(site, "/", Accept_Language="es-MX,en;q=0.5")[:2] == (303, "/es/")
    assert ask(site, "/", Accept_Language="fr")[:2] == (303, "/en/")
    assert ask(site, "/?lang=es", Accept_Language="en")[:2] == (303, "/es/")


@pytest.mark.parametrize(
    "path",
    [
        *("/media/x/talk.mp4", "/media/../../etc/passwd", "/media/x/..%2f..%2fetc%2fpasswd"),
        *("/making/../keypoints.png", "/making/0123456789abcdef/keypoints.png", "/making/0123456789abcdef/secret.png"),
    ],
)
def test_no_file_can_be_named_from_outside(site: Site, path: str) -> None:
    assert ask(site, path)[0] == 404


def test_nobody_can_name_a_file_or_an_address_in_the_place_of_an_upload(site: Site) -> None:
    """As a program could that speaks Gradio's own protocol."""
    config = json.loads(ask(site, "/en/config")[2])
    ids = {part["props"].get("elem_id"): part["id"] for part in config["components"]}
    press = next(one for one in config["dependencies"] if [ids["speak-go"], "click"] in one["targets"])
    for number, named in enumerate(("/etc/passwd", str(site.making), "http://example.com/speech.wav")):
        file = {"path": named, "meta": {"_type": "gradio.FileData"}}
        order = {"data": [None, file, "default", 1, "", None], "fn_index": press["id"], "session_hash": f"s{number}"}
        kind = {"Content_Type": "application/json"}
        assert ask(site, "/en/gradio_api/queue/join", "POST", json.dumps(order).encode(), **kind)[0] == 200
        told = ask(site, f"/en/gradio_api/queue/data?session_hash=s{number}")[2].decode()
        assert '"success":false' in told, (named, told)
        assert ("not named by an address" in told) == named.startswith("http")


def test_the_live_camera_takes_pictures_alone(site: Site) -> None:
    picture = encode_picture(np.zeros((64, 64, 3), np.uint8))
    kind = {"Content_Type": "image/jpeg"}
    path = "/live/one?person=default&time=0"
    assert ask(site, path, "POST", picture, Content_Type="text/plain")[0] == 415
    assert ask(site, path, "POST", b"no picture", **kind)[0] == 422
    assert ask(site, path, "POST", bytes(2_000_000), **kind)[0] == 413
    assert ask(site, "/live/one?person=nobody&time=0", "POST", picture, **kind)[0] == 422
    assert ask(site, "/live/one?person=default&time=x", "POST", picture, **kind)[0] == 422


def test_a_token_is_asked_for_by_a_form(tmp_path: Path) -> None:
    """The form's cookie opens the page; no script reads it, and no other site sends it."""
    pytest.importorskip("fastapi")
    from types import SimpleNamespace

    from fastapi import FastAPI
    from starlette.testclient import TestClient

    from obamanet.web.guard import COOKIE, Access, Guard
    from obamanet.web.limits import Limits
    from obamanet.web.page_mount import add_routes

    access, app = Access("127.0.0.1", "a token of the test"), FastAPI()
    service: Any = SimpleNamespace(access=access, queue=None)
    add_routes(app, service, Projects(tmp_path, (), lambda name, folder: None))
    app.add_middleware(Guard, access=access, limits=Limits())
    client = TestClient(app, "http://127.0.0.1", follow_redirects=False)
    asked = client.get("/", headers={"Accept": "text/html"})
    assert (asked.status_code, asked.headers["location"]) == (303, "/login")
    assert "<label" in client.get("/login").text
    assert client.post("/login", data={"token": "wrong"}).status_code == 401
    entered = client.post("/login?lang=es", data={"token": "a token of the test"})
    assert (entered.status_code, entered.headers["location"]) == (303, "/es/")
    cookie = entered.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=") and "HttpOnly" in cookie and "SameSite=strict" in cookie
    assert client.get("/").headers["location"] == "/en/"


def test_every_text_is_there_in_both_languages() -> None:
    for name, texts in TEXTS.items():
        assert len(texts) == len(LANGUAGES) and all(texts), name
        fields = [{field for _, field, _, _ in string.Formatter().parse(text) if field} for text in texts]
        assert fields[0] == fields[1], name
    assert Texts("es")("own.left", time="8 min") == "Quedan: 8 min"


def test_every_text_is_used() -> None:
    files = [path for path in (ROOT / "obamanet" / "web").glob("page*.py") if path.name != "page_texts.py"]
    code = "".join(path.read_text("utf-8") for path in files).replace("'", '"')
    # Names that are put together begin so.
    begun = tuple(re.findall(r'texts\(f"([a-z.]+){', code))
    assert begun
    assert not [name for name in TEXTS if f'"{name}"' not in code and not name.startswith(begun)]


@pytest.mark.parametrize(
    ("asked", "accepted", "chosen"),
    [
        (None, "", "en"),
        (None, "es", "es"),
        (None, "fr;q=0.9, es;q=0.5, en;q=0.4", "es"),
        (None, "es;q=0, en;q=x", "en"),
        (None, ";;;,,q=", "en"),
        ("es", "en", "es"),
        ("<b>", "es-419", "es"),
    ],
)
def test_the_language_is_chosen(asked: str | None, accepted: str, chosen: str) -> None:
    assert choose_language(asked, accepted) == chosen


def luminance(colour: str) -> float:
    """Return the relative luminance of ``#rrggbb`` (WCAG 2.2)."""
    parts = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return float(np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize(
    ("text", "ground", "least"),
    [
        *((text, ground, 4.5) for text in (INK, QUIET, ACCENT, DANGER) for ground in (PAPER, CARD, FIELD)),
        (ON_ACCENT, ACCENT, 4.5),
        (INK, SOFT, 4.5),
        (ACCENT, SOFT, 4.5),
        (FIELD_LINE, CARD, 3.0),
        (FIELD_LINE, FIELD, 3.0),
    ],
)
@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
def test_colours_contrast(text: tuple[str, str], ground: tuple[str, str], least: float, mode: int) -> None:
    bright, dark = sorted((luminance(text[mode]), luminance(ground[mode])), reverse=True)
    assert (bright + 0.05) / (dark + 0.05) >= least


def wait_until(condition: Callable[[], bool]) -> None:
    done = threading.Event()
    for _ in range(int(LONG / 50)):
        if condition():
            return
        done.wait(0.05)
    raise AssertionError("it did not come about")


def test_a_server_that_starts_again_knows_the_persons_in_the_making(tmp_path: Path, commands: Path) -> None:
    made: dict[str, Path] = {}
    program = (sys.executable, str(commands))
    first = Projects(tmp_path, program, made.__setitem__)
    project, footage = first.create("Ada", "mine", "It is me.")
    (footage / "video_1.mp4").touch()
    first.start(project)
    wait_until(lambda: bool(first.remaining(project)))
    second = Projects(tmp_path, program, made.__setitem__)
    (known,) = second.all()
    assert (known.name, known.done, second.state(known)) == ("Ada", (Stage.PREPARE,), ProjectState.RUNNING)
    second.start(known)  # Without effect: it is at work.
    second.pause(known)
    wait_until(lambda: second.state(second.get(known.id)) is ProjectState.PAUSED)
    second.start(known)
    wait_until(lambda: second.state(second.get(known.id)) is ProjectState.DONE)
    wait_until(lambda: "Ada" in made)
    assert set(second.curves(known)) == {Stage.KEYPOINTS, Stage.RENDERER}
    third: dict[str, Path] = {}
    Projects(tmp_path, program, third.__setitem__)
    assert third == made


def test_a_damaged_person_in_the_making_keeps_up_no_other(tmp_path: Path) -> None:
    projects = Projects(tmp_path, (), print)
    project, _ = projects.create("Ada", "mine", "It is me.")
    damaged, _ = projects.create("Bert", "mine", "It is me.")
    (tmp_path / damaged.id / PROJECT_FILE).write_text("{")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / PROJECT_FILE).write_text("{}")
    assert Projects(tmp_path, (), print).all() == (project,)


def test_footage_that_has_expired_leaves_no_person(tmp_path: Path) -> None:
    projects = Projects(tmp_path, (), print)
    with pytest.raises(OptionError, match="expired"):
        page_own._create(Texts("en"), projects, ("Ada", "mine", "It is me."), True, [str(tmp_path / "gone.mp4")])
    assert not projects.all() and not list(tmp_path.iterdir())


def test_a_step_that_fails_is_told(tmp_path: Path) -> None:
    projects = Projects(tmp_path, (sys.executable, "-c", "print('no video is readable'); raise SystemExit(1)"), print)
    project, _ = projects.create("Ada", "mine", "It is me.")
    projects.start(project)
    wait_until(lambda: projects.state(projects.get(project.id)) is ProjectState.FAILED)
    assert projects.said(project) == ["no video is readable"]
    assert projects.get(project.id).done == ()


def test_wrong_persons_in_the_making_are_refused(tmp_path: Path) -> None:
    projects = Projects(tmp_path, (), print)
    for name, consent in (("", "mine"), ("Ada", " "), ("A" * 81, "mine"), ("Ada\nLovelace", "mine")):
        with pytest.raises(OptionError):
            projects.create(name, "mine", consent)
    for id in ("../x", "0123456789abcdef", ""):
        with pytest.raises(DatasetError):
            projects.get(id)
    assert not list(tmp_path.iterdir())


def test_times_are_said_in_minutes() -> None:
    assert [in_minutes(seconds) for seconds in (40, 480, 7500)] == ["40 s", "8 min", "2 h 5 min"]


def test_pictures_of_the_camera_are_checked_before_they_are_decoded() -> None:
    picture = np.full((40, 60, 3), (200, 100, 50), np.uint8)
    decoded = decode_picture(encode_picture(picture))
    assert np.abs(decoded.astype(int) - picture).max() < 8
    with pytest.raises(VideoError, match="too large"):
        decode_picture(encode_picture(np.zeros((8, MAX_SIDE + 8, 3), np.uint8)))
    for wrong in (b"", b"GIF89a", encode_picture(picture)[:60]):
        with pytest.raises(VideoError, match="not a JPEG"):
            decode_picture(wrong)
