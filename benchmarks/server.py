"""Prints what a server keeps of its promises with many clients at once, and how long a client waits, on this machine.

python benchmarks/server.py --seconds 120      # 32 clients that speak, say, cancel, ask, read slowly and hang up
python benchmarks/server.py --latency          # one client on a server that is warm
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import soundfile

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "data" / "audio" / "hello_en.wav"

CLIENT_SECONDS = 60.0
"""Seconds that a client waits for one answer."""

DRAIN_SECONDS = 180.0
"""Seconds that clients wait for their last jobs when nothing new is asked for any more."""

MAX_OFF = 0.1
"""Seconds by which a video may differ from its sound: a frame, and what AAC adds."""


@dataclass
class Counted:
    """What the clients have met; ``done`` counts finished jobs by client, ``unfinished`` those that none waited for."""

    codes: Counter[str] = field(default_factory=Counter)
    done: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    unfinished: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Client:
    """One client, which knows what it has asked for."""

    def __init__(self, place: str, number: int, samples: np.ndarray, rate: int, counted: Counted) -> None:
        self.place, self.number, self.counted = place, number, counted
        self.samples, self.rate = samples, rate
        self.chosen = random.Random(number)

    def ask(
        self, method: str, path: str, body: bytes | None = None, kind: str = "application/json"
    ) -> tuple[int, bytes]:
        """Returns status and body of an answer, and counts it."""
        connection = http.client.HTTPConnection(self.place, timeout=CLIENT_SECONDS)
        try:
            connection.request(method, path, body, {"Content-Type": kind, "X-Client": str(self.number)})
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        with self.counted.lock:
            self.counted.codes[str(answer.status)] += 1
        return answer.status, content

    def run(self, until: float) -> None:
        """Asks for one thing after the other."""
        while time.monotonic() < until:
            try:
                self.chosen.choices([self.speak, self.say, self.cancel, self.hang_up], [5, 3, 2, 1])[0](until)
            except OSError as error:
                with self.counted.lock:
                    self.counted.codes[f"no answer: {type(error).__name__}"] += 1

    def speak(self, until: float) -> None:
        """Has a sound of a length of its own said, and looks whether the video is as long."""
        length = 0.5 + 0.03 * self.number
        job = self.submitted("/api/speak", *form(self.cut(length)))
        self.check(job, until, length)

    def say(self, until: float) -> None:
        """Has a text of its own said; its times are to hold its words."""
        text = f"This is number {self.number}."
        body = json.dumps({"text": text, "timelines": ["json"]}).encode()
        self.check(self.submitted("/api/say", body, "application/json"), until, text)

    def cancel(self, until: float) -> None:
        """Asks for something and cancels it a moment later."""
        job = self.submitted("/api/speak", *form(self.cut(3.0)))
        if job is not None:
            time.sleep(self.chosen.uniform(0, 1))
            self.ask("DELETE", f"/api/jobs/{job['id']}")

    def hang_up(self, until: float) -> None:
        """Asks for a stream and goes when it has begun."""
        body, kind = form(self.cut(3.0))
        connection = http.client.HTTPConnection(self.place, timeout=CLIENT_SECONDS)
        connection.request("POST", "/api/speak/stream", body, {"Content-Type": kind, "X-Client": str(self.number)})
        try:
            connection.sock.settimeout(self.chosen.uniform(0.1, 5))
            answer = connection.getresponse()
            with self.counted.lock:
                self.counted.codes[str(answer.status)] += 1
            answer.read(1000)
        except TimeoutError:
            pass
        finally:
            connection.close()

    def cut(self, seconds: float) -> bytes:
        """Returns a stretch of the sample as a wav."""
        length = round(seconds * self.rate)
        first = self.chosen.randrange(max(1, len(self.samples) - length))
        held = io.BytesIO()
        soundfile.write(held, self.samples[first : first + length], self.rate, format="WAV", subtype="PCM_16")
        return held.getvalue()

    def submitted(self, path: str, body: bytes, kind: str) -> dict[str, Any] | None:
        """Returns a job; None where it was turned away, after a pause."""
        status, content = self.ask("POST", path, body, kind)
        if status == 202:
            job: dict[str, Any] = json.loads(content)
            return job
        if status not in {429, 503}:
            with self.counted.lock:
                self.counted.wrong.append(f"{path}: {status} {content[:200]!r}")
        time.sleep(self.chosen.uniform(0.5, 2))
        return None

    def check(self, job: dict[str, Any] | None, until: float, wanted: float | str) -> None:
        """Waits for a job and compares what came with what was asked for."""
        while job is not None and job["state"] in {"queued", "running"}:
            if time.monotonic() > until + DRAIN_SECONDS:
                with self.counted.lock:
                    self.counted.unfinished += 1
                return
            time.sleep(0.3)
            status, content = self.ask("GET", f"/api/jobs/{job['id']}")
            if status != 200:
                self.note(f"a job was lost: {status} {content[:200]!r}")
                return
            job = json.loads(content)
        if job is None:
            return
        if job["state"] != "done":
            self.note(f"{job['state']}: {job['error']}")
            return
        contents = {file["name"].rpartition(".")[2]: self.ask("GET", file["url"])[1] for file in job["files"]}
        if isinstance(wanted, str):
            if wanted not in contents["json"].decode():
                self.note(f"another's text: {wanted!r} is missing")
                return
        elif abs(seconds_of(contents["mp4"]) - wanted) > MAX_OFF:
            self.note(f"another's sound: {seconds_of(contents['mp4']):.2f} s, wanted {wanted:.2f} s")
            return
        with self.counted.lock:
            self.counted.done[self.number] += 1

    def note(self, text: str) -> None:
        """Keeps what went wrong."""
        with self.counted.lock:
            self.counted.wrong.append(text)


def form(sound: bytes) -> tuple[bytes, str]:
    """Returns a form with a sound, and its content type."""
    head = '--edge\r\nContent-Disposition: form-data; name="sound"; filename="speech.wav"\r\n\r\n'
    return head.encode() + sound + b"\r\n--edge--\r\n", "multipart/form-data; boundary=edge"


def seconds_of(video: bytes) -> float:
    """Returns the length of a video's pictures."""
    import av

    with av.open(io.BytesIO(video)) as opened:
        stream = opened.streams.video[0]
        assert stream.average_rate is not None
        return float(stream.frames / stream.average_rate)


@contextmanager
def started(folder: Path, *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Yields the place of a server of its own, and its process; the server ends after the block."""
    command = [sys.executable, "-m", "obamanet", "web", "--port", "0", "--quiet", "--folder", str(folder), *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield urlsplit(process.stdout.readline().strip()).netloc, process
        finally:
            process.terminate()


def memory(process: int) -> tuple[float, float]:
    """Returns the resident memory, MB, of a process and of all its children (Linux)."""
    page = os.sysconf("SC_PAGE_SIZE") / 1e6

    def own(number: int) -> float:
        try:
            return int(Path(f"/proc/{number}/statm").read_text().split()[1]) * page
        except (FileNotFoundError, ProcessLookupError):
            return 0.0

    children = Path(f"/proc/{process}/task").glob("*/children")
    return own(process), sum(own(int(child)) for file in children for child in file.read_text().split())


def read_slowly(place: str, sound: bytes, until: float) -> int:
    """Reads a streamed video a kilobyte a second; returns how much came by then."""
    connection = http.client.HTTPConnection(place, timeout=CLIENT_SECONDS)
    body, kind = form(sound)
    connection.request("POST", "/api/speak/stream", body, {"Content-Type": kind, "X-Client": "slow"})
    answer, taken = connection.getresponse(), 0
    while time.monotonic() < until and (piece := answer.read(1000)):
        taken += len(piece)
        time.sleep(1)
    connection.close()
    return taken


def measure_crowd(clients: int, seconds: float, options: list[str]) -> None:
    """Prints what a crowd of clients has met."""
    samples, rate = soundfile.read(SAMPLE, dtype="float32")
    counted = Counted()
    with tempfile.TemporaryDirectory() as name, started(Path(name), *options) as (place, process):
        crowd = [Client(place, number, samples, rate, counted) for number in range(clients)]
        for _ in range(2):
            crowd[0].speak(time.monotonic() + CLIENT_SECONDS)
        counted.done.clear()
        before = memory(process.pid)
        until = time.monotonic() + seconds
        threads = [threading.Thread(target=client.run, args=(until,)) for client in crowd]
        slow = threading.Thread(target=read_slowly, args=(place, crowd[0].cut(3.0), until))
        for thread in (*threads, slow):
            thread.start()
        middle = before
        while time.monotonic() < until:
            time.sleep(1)
            if time.monotonic() > until - seconds / 2 and middle == before:
                middle = memory(process.pid)
        for thread in (*threads, slow):
            thread.join()
        after = memory(process.pid)
    done = [counted.done[number] for number in range(clients)]
    print(f"| server, {clients} clients for {seconds:.0f} s | measured |\n|---|---|")
    print(f"| answers by code | {', '.join(f'{code}: {count}' for code, count in sorted(counted.codes.items()))} |")
    print(f"| videos made and right | {sum(done)} |")
    print(f"| lost, mixed up or failed | {len(counted.wrong)} |")
    print(f"| not made {DRAIN_SECONDS:.0f} s after the last request | {counted.unfinished} |")
    print(f"| videos per client, least and most | {min(done)} and {max(done)} |")
    for what, index in (("server", 0), ("workers", 1)):
        told = ", ".join(f"{one[index]:.0f}" for one in (before, middle, after))
        print(f"| memory of the {what} at the beginning, the middle and the end, MB | {told} |")
    for line in counted.wrong[:20]:
        print(f"wrong: {line}", file=sys.stderr)


def measure_latency(options: list[str]) -> None:
    """Prints how long one client waits for 10 s of speech."""
    samples, rate = soundfile.read(SAMPLE, dtype="float32")
    ten = np.resize(samples, 10 * rate)
    finished, begun, streamed = [], [], []
    with tempfile.TemporaryDirectory() as name, started(Path(name), *options) as (place, _):
        client = Client(place, 0, ten, rate, Counted())
        body, kind = form(client.cut(10.0))
        for _ in range(5):
            start = time.perf_counter()
            _, content = client.ask("POST", "/api/speak", body, kind)
            job = json.loads(content)
            client.ask("GET", f"/api/jobs/{job['id']}/events")
            job = json.loads(client.ask("GET", f"/api/jobs/{job['id']}")[1])
            client.ask("GET", job["files"][0]["url"])
            finished.append(time.perf_counter() - start)
            start = time.perf_counter()
            connection = http.client.HTTPConnection(place, timeout=CLIENT_SECONDS)
            connection.request("POST", "/api/speak/stream", body, {"Content-Type": kind})
            answer, taken = connection.getresponse(), b""
            while b"mdat" not in taken:
                taken += answer.read1(1 << 16)
            begun.append(time.perf_counter() - start)
            answer.read()
            streamed.append(time.perf_counter() - start)
    # The first ones are of a server that still warms up.
    print("| 10 s of speech on a warm server | median of 4 |\n|---|---|")
    for what, values in (
        ("from the request to the whole signed video", finished),
        ("from the request to the first streamed pictures", begun),
        ("from the request to the end of the stream", streamed),
    ):
        print(f"| {what} | {np.median(values[1:]):.2f} s |")


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--workers", type=int, default=None)
    parser.add_argument("--latency", action="store_true")
    options = parser.parse_args()
    workers = ["--workers", str(options.workers)] if options.workers else []
    if options.latency:
        measure_latency(workers)
    else:
        measure_crowd(options.clients, options.seconds, workers)


if __name__ == "__main__":
    main()
