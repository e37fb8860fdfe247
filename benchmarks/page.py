"""Prints how long the page takes from pressing Speak to the playing video, and the latency of its live camera.

python benchmarks/page.py                       # a sound of 10 s, five times, on a warm page
python benchmarks/page.py --live 20             # the camera too, for 20 s; Chromium's own test picture has no face
python benchmarks/page.py --camera face.y4m --live 20
python benchmarks/page.py --screenshot docs/page.png

Needs Playwright for Python and a Chromium that is installed.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from speak import make_sound

if TYPE_CHECKING:
    from playwright.sync_api import Page

PRESS = """async () => {
    const place = document.querySelector("#speak-result");
    const old = place.querySelector("video");
    const began = performance.now();
    document.querySelector("#speak-go").click();
    while (true) {
        const video = place.querySelector("video");
        if (video && video !== old && video.currentTime > 0) return (performance.now() - began) / 1000;
        if (place.querySelector("[role=alert]")) throw new Error(place.textContent);
        await new Promise(requestAnimationFrame);
    }
}"""
"""Presses Speak and returns the seconds until another video than the one that is there has begun to play."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Yields the address of a server on a free port."""
    command = [sys.executable, "-m", "obamanet", "web", "--port", "0", "--folder", str(folder), "--quiet"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


@contextmanager
def opened(address: str, camera: Path | None) -> Iterator[Page]:
    """Yields the English page in Chromium, with a camera that is made or shows the file ``camera`` (Y4M, MJPEG)."""
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    if camera is not None:
        flags.append(f"--use-file-for-fake-video-capture={camera.absolute()}")
    flags.append("--autoplay-policy=no-user-gesture-required")
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        if chromium is None:
            sys.exit("there is no chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{address}?lang=en")
        page.locator("#speak-go").wait_for()
        yield page
        browser.close()


def time_speaking(page: Page, seconds: int, runs: int) -> list[float]:
    """Returns the seconds from pressing to playing of each of ``runs``, after one that is not counted."""
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "speech.wav"
        make_sound(sound, seconds)
        page.locator("#speak-sound input[type=file]").set_input_files(sound)
        page.locator("#speak-sound").get_by_role("button", name="Play").first.wait_for()
    return [page.evaluate(PRESS) for _ in range(runs + 1)][1:]


def time_live(page: Page, seconds: float) -> str:
    """Returns what the page says of the camera's latency after ``seconds``."""
    page.get_by_role("tab", name="Reenact", exact=True).last.click()
    page.get_by_role("button", name="Start the camera").click()
    state = page.locator("#live .state[data-ms]")
    state.wait_for()
    page.wait_for_timeout(1000 * seconds)
    return f"median {state.get_attribute('data-ms')} ms from camera to picture; the page says: {state.inner_text()}"


def take_screenshot(page: Page, path: Path) -> None:
    """Writes a picture of the tab Say with a text that was said."""
    page.get_by_role("tab", name="Say", exact=True).last.click()
    page.locator("#say-go").click()
    video = page.locator("#say-result video")
    video.wait_for()
    page.locator("#say-result .words span").first.wait_for()
    # A moment with an open mouth and a syllable that is said.
    video.evaluate("video => new Promise(done => { video.pause(); video.onseeked = done; video.currentTime = 0.5; })")
    page.locator(".page-intro summary").click()
    page.wait_for_timeout(500)
    page.screenshot(path=path)


def main() -> None:
    """Measures what the options ask for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=10, help="length of the sound")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--live", type=float, default=0.0, help="seconds of the camera")
    parser.add_argument("--camera", type=Path, help="what the camera shows")
    parser.add_argument("--screenshot", type=Path, help="only write a picture of the page")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        served(Path(folder) / "server") as address,
        opened(address, options.camera) as page,
    ):
        if options.screenshot:
            take_screenshot(page, options.screenshot)
            return
        waits = time_speaking(page, options.seconds, options.runs)
        print("| from pressing Speak to the playing video | seconds |\n|---|---|")
        print(f"| {options.seconds} s of sound, median of {len(waits)} | {median(waits):.2f} |")
        print(f"| the same, slowest | {max(waits):.2f} |")
        if options.live:
            print(f"\nlive: {time_live(page, options.live)}")


if __name__ == "__main__":
    main()
