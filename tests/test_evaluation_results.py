"""Results, report and command line, on scores that are made up: nothing is tracked here."""

from __future__ import annotations

import csv
import json
import shutil
from fractions import Fraction
from multiprocessing import active_children
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest
from made import foreign_files, recorded_frames, write_video

from obamanet.cli import evaluate as command
from obamanet.cli.app import obamanet_app
from obamanet.cli.boundary import call
from obamanet.errors import EvaluationError
from obamanet.evaluation import evaluate as pipeline
from obamanet.evaluation.catalogue import BY_KEY, METRICS
from obamanet.evaluation.evaluate import Subject, evaluate, render_split
from obamanet.evaluation.judges.judge_folders import Judges, find_judges
from obamanet.evaluation.judges.lpips import Lpips, Supplied
from obamanet.evaluation.measure import ClipScores, MouthSeries, Score
from obamanet.evaluation.pairing import Pair
from obamanet.evaluation.protocol import load_protocol
from obamanet.evaluation.report import choose_clips
from obamanet.evaluation.results import Evaluation, Failure, compare, read_results, shown, summarise
from obamanet.evaluation.tracks import CACHE_VARIABLE
from obamanet.person import Person
from obamanet.types import CropBox
from obamanet.video.reader import probe_video


def made_clip(pair: Pair, correlation: float, lmd: float = 2.0) -> ClipScores:
    times = np.arange(10) / 25
    real = 0.1 + 0.05 * np.sin(9 * times)
    scores = (
        Score("opening_correlation", correlation, 1.0),
        Score("lmd_px", lmd, 0.0),
        Score("psnr_full", float("inf"), float("inf")),
        Score("av_offset", 40.0, -4.0),
        Score("lpips", None, None, "not installed: torch"),
    )
    series = MouthSeries(times, correlation * real, real)
    return ClipScores(pair, scores, series, ("frozen, perhaps",), (CropBox(8, 0, 48), CropBox(10, 4, 40)))


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> list[Pair]:
    """Return four pairs of tiny videos; the last one fails."""
    folder = tmp_path_factory.mktemp("pairs")
    ramp = np.indices((48, 64)).sum(axis=0)
    frames = [np.stack([ramp + 3 * i] * 3, axis=-1).astype(np.uint8) for i in range(10)]
    video = write_video(folder / "video.mp4", frames, fps=Fraction(25))
    names = ("one", "two", "three", "lost")
    return [Pair(name, video if name != "lost" else folder / "lost.mp4", video) for name in names]


def made_up(pair: Pair, supplied: Supplied) -> ClipScores | Failure:
    """Return made-up scores of a pair; takes the place of measuring it."""
    correlations = {"one": 0.9, "two": 0.2, "three": 0.7}
    if pair.name not in correlations:
        return Failure(pair, f"no such video file: {pair.generated}")
    return made_clip(pair, correlations[pair.name])


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of ``evaluation``."""
    return tmp_path_factory.mktemp("evaluation") / "out"


@pytest.fixture(scope="module")
def evaluation(pairs: list[Pair], out: Path) -> Evaluation:
    """Return what the pairs are with made-up scores, all of which is in ``out`` too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "measure_one", made_up)
        return evaluate(pairs, out, Subject("<made> & done", "grid_s1", "test", "me"), workers=1)


def test_one_failure_is_one_row(evaluation: Evaluation, out: Path) -> None:
    assert [clip.pair.name for clip in evaluation.clips] == ["one", "two", "three"]
    assert [failure.pair.name for failure in evaluation.failures] == ["lost"]
    with (out / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["one", "two", "three", "lost"]
    assert float(rows[1]["opening_correlation"]) == 0.2
    assert (rows[0]["psnr_full"], rows[0]["lpips"], rows[0]["notes"]) == ("inf", "", "frozen, perhaps")
    assert rows[3]["failure"].startswith("no such video file") and rows[3]["lmd_px"] == ""


def test_a_worker_that_is_killed_is_one_line_that_names_its_clip(pairs: list[Pair], tmp_path: Path) -> None:
    ended = Event()

    def kill_all() -> None:
        while not ended.wait(0.01):
            for child in active_children():
                child.kill()

    killer = Thread(target=kill_all)
    killer.start()
    try:
        evaluation = evaluate(pairs[:2], tmp_path / "out", Subject("made"), workers=2)
    finally:
        ended.set()
        killer.join()
    reasons = {failure.pair.name: failure.reason for failure in evaluation.failures}
    assert reasons.keys() == {"one", "two"}
    assert all(reason.startswith("the process that measured it was killed") for reason in reasons.values())


def test_results_are_strict_json_and_can_be_read_back(evaluation: Evaluation, out: Path) -> None:
    def refuse(word: str) -> None:
        raise ValueError(word)

    content = json.loads((out / "results.json").read_text(), parse_constant=refuse)
    assert [row["metric"] for row in content["summary"]] == [metric.key for metric in METRICS]
    setting = content["setting"]
    assert (setting["protocol"], setting["split"], setting["person"]) == ("grid_s1", "test", "me")
    assert {"crop", "detector", "versions", "commit", "device"} <= setting.keys()
    row = next(row for row in content["summary"] if row["metric"] == "opening_correlation")
    assert row["generated"]["value"] == pytest.approx(0.6)
    assert row["generated"]["low"] == pytest.approx(0.2) and row["generated"]["high"] == pytest.approx(0.9)
    assert row["real"]["value"] == 1.0
    stored = read_results(out)
    assert stored.clips[0] == ("one", evaluation.clips[0].scores)


@pytest.mark.usefixtures("evaluation")
def test_the_report_stands_alone(out: Path) -> None:
    page = (out / "report.html").read_text()
    assert "&lt;made&gt; &amp; done" in page and "<made>" not in page
    assert "The worst clip: two" in page and "The median clip: three" in page
    assert page.count('src="data:image/png;base64,') == 3
    assert page.count('src="data:image/jpeg;base64,') == page.count('poster="data:image/jpeg;base64,') == 2
    assert page.count('src="data:video/mp4;base64,') == 2
    assert "http://" not in page and "https://" not in page
    assert "not available: not installed: torch" in page
    assert "no such video file" in page
    assert "nan" not in page.split("<h2>Distributions")[0].lower()
    assert (out / "worst.mp4").is_file() and (out / "median.mp4").is_file()
    assert foreign_files(out) == []


def test_nothing_is_summarised_as_not_a_number() -> None:
    for summary in summarise([]):
        assert summary.generated is None and summary.reason
    assert [shown(value) for value in (None, float("inf"), float("-inf"), float("nan"))] == ["-", "inf", "-inf", "nan"]
    assert [shown(value) for value in (0.0, 0.12345, 1234.5, -2.5, 99.96)] == [
        "0",
        "0.123",
        "1234",
        "-2.50",
        "100.0",
    ]


def test_worst_and_median_are_two_clips() -> None:
    pair = Pair("a", Path("a"), Path("b"))
    clips = [made_clip(pair, value) for value in (0.9, 0.1, 0.5)]
    assert [(show.label, show.clip.scores[0].generated) for show in choose_clips(clips)] == [
        ("worst", 0.1),
        ("median", 0.5),
    ]
    assert [one.label for one in choose_clips(clips[:1])] == ["only"]
    assert choose_clips([]) == ()


def store(folder: Path, values: dict[str, float], lmd: float) -> Path:
    """Write the results of a system whose clips have these opening correlations."""
    folder.mkdir()
    scores = {
        name: [
            {"key": "opening_correlation", "generated": value, "real": 1.0, "reason": ""},
            {"key": "lmd_px", "generated": lmd, "real": 0.0, "reason": ""},
            {"key": "psnr_full", "generated": "inf", "real": "inf", "reason": ""},
        ]
        for name, value in values.items()
    }
    clips = [{"name": name, "scores": rows} for name, rows in scores.items()]
    (folder / "results.json").write_text(json.dumps({"schema": 1, "clips": clips}))
    return folder


def test_two_systems_are_compared_clip_by_clip(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    names = [f"clip{i}" for i in range(20)]
    base = random.uniform(0.3, 0.9, 20)
    a = store(tmp_path / "a", dict(zip(names, base, strict=True)) | {"only a": 0.0}, lmd=2.0)
    b = store(tmp_path / "b", dict(zip(names, base + 0.05 + random.normal(0, 0.01, 20), strict=True)), lmd=2.0)
    by_key = {item.metric.key: item for item in compare(read_results(a), read_results(b))}
    assert by_key.keys() == {"opening_correlation", "lmd_px"}
    better = by_key["opening_correlation"]
    assert better.b_better is True and better.test.clips == 20
    assert better.test.difference.value == pytest.approx(0.05, abs=0.01) and better.test.p < 0.001
    assert by_key["lmd_px"].b_better is None and by_key["lmd_px"].test.p == 1.0
    swapped = {item.metric.key: item for item in compare(read_results(b), read_results(a))}
    assert swapped["opening_correlation"].b_better is False


def test_results_that_are_none_are_refused(tmp_path: Path) -> None:
    a = store(tmp_path / "a", {"x": 0.5, "y": 0.5}, 1.0)
    b = store(tmp_path / "b", {"x": 0.5, "z": 0.5}, 1.0)
    with pytest.raises(EvaluationError, match="share 1 clips, needed are 2"):
        compare(read_results(a), read_results(b))
    (b / "results.json").write_text("{}")
    with pytest.raises(EvaluationError, match="not the results of an evaluation"):
        read_results(b)


def test_the_command_prints_its_report_and_fails_at_the_end(
    pairs: list[Pair], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "measure_one", made_up)
    listed = tmp_path / "pairs.csv"
    rows = [f"{pair.generated},{pair.reference},{pair.name}" for pair in pairs]
    listed.write_text("\n".join(["generated,reference,name", *rows]))
    out = tmp_path / "out"
    code = call(obamanet_app(), ["evaluate", str(listed), "--out", str(out), "--workers", "1", "-q"], "obamanet")
    said = capsys.readouterr()
    assert code == 1
    assert said.out == f"{out / 'report.html'}\n"
    assert "opening correlation" in said.err and "not available" in said.err
    assert "1 of 4 clips could not be measured, the first is lost: no such video file" in said.err


def test_the_command_compares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = store(tmp_path / "a", {"x": 0.5, "y": 0.6}, 1.0)
    b = store(tmp_path / "b", {"x": 0.7, "y": 0.8}, 1.0)
    code = call(obamanet_app(), ["evaluate", "--compare", str(a), str(b), "-o", str(tmp_path / "c")], "obamanet")
    said = capsys.readouterr()
    assert (code, said.out) == (0, f"{tmp_path / 'c' / 'comparison.json'}\n")
    content = json.loads((tmp_path / "c" / "comparison.json").read_text())
    row = next(row for row in content["metrics"] if row["metric"] == "opening_correlation")
    assert row["better"] == "b"
    assert row["difference"]["value"] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "one of three is needed"),
        (("a.mp4", "b.mp4", "--person", "me"), "one of three is needed"),
        (("a.mp4",), "the reference is missing"),
        (("--person", "me"), "--person needs --data"),
        (("none.mp4", "none.mpg"), "no such file or folder: none.mp4"),
        ((__file__, __file__, "--syncnet", "none.model"), "the weights cannot be read: none.model: No such file"),
        ((__file__, __file__, "--syncnet", __file__), "not a PyTorch file of weights"),
        ((__file__, __file__, "--judges", "none"), "no judge in this folder: none; needed is syncnet.json or"),
    ],
)
def test_a_wrong_command_is_one_line(
    arguments: tuple[str, ...], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = call(obamanet_app(), ["evaluate", *arguments, "--out", str(tmp_path)], "obamanet")
    said = capsys.readouterr()
    assert code in (1, 2) and said.out == ""
    (line,) = said.err.splitlines()
    assert message in line


def test_judges_are_found_in_a_run_and_in_a_dataset(tiny_judges: Path, tmp_path: Path) -> None:
    folder = tiny_judges
    assert find_judges(folder) == Judges(folder / "syncnet", folder / "lipreader")
    assert find_judges(folder / "syncnet") == Judges(folder / "syncnet", None)
    (pair,) = [Pair("one", tmp_path / "lost.mp4", tmp_path / "lost.mp4")]
    setting = evaluate([pair], tmp_path / "out", Subject("x"), supplied=Supplied(judges=find_judges(folder))).setting
    assert dict(setting.versions)["lip reader"].endswith(f", {folder / 'lipreader'}")


def test_a_judge_of_another_kind_is_one_line(
    tiny_judges: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(tiny_judges, tmp_path / "mine"))
    for end in ("json", "weights.h5", "onnx"):
        (folder / "syncnet" / f"syncnet.{end}").replace(folder / "lipreader" / f"lipreader.{end}")
    arguments = [__file__, __file__, "--judges", str(folder), "--out", str(tmp_path / "out")]
    assert call(obamanet_app(), ["evaluate", *arguments], "obamanet") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "not a lip reader: " in line and str(folder / "lipreader" / "lipreader.json") in line
    assert not (tmp_path / "out").exists()


def test_every_metric_says_how_it_is_measured() -> None:
    assert len(BY_KEY) == len(METRICS)
    assert all(metric.about and metric.title for metric in METRICS)
    assert command.REPORT == "report.html"


def test_a_split_is_said_by_the_person_and_missing_recordings_are_rows(
    tiny_person: Person, grid_s1: Path, tmp_path: Path
) -> None:
    listed = tmp_path / "two.json"
    content = {"schema": 1, "name": "two", "title": "two", "source": "GRID", "licence": "CC BY 4.0"}
    listed.write_text(json.dumps(content | {"splits": {"val": ["bwig3a", "nobody"]}}))
    pairs, failures = render_split(load_protocol(str(listed)), "val", grid_s1, tiny_person.folder, tmp_path)
    (pair,), (failure,) = pairs, failures
    assert (pair.name, pair.reference) == ("bwig3a", grid_s1 / "video" / "bwig3a.mpg")
    # Of a whole face nothing is pasted: the video is the renderer's own square.
    assert pair.generated == pair.square == tmp_path / "generated" / "bwig3a.mp4"
    info = probe_video(pair.generated)
    assert (info.frame_count, info.has_sound) == (75, True)
    assert failure.pair.name == "nobody" and "nobody.mp4" in failure.reason


def test_the_square_of_an_in_painting_person_is_kept_beside(
    tiny_inpaint_person: Person, grid_s1: Path, tmp_path: Path
) -> None:
    listed = tmp_path / "one.json"
    content = {"schema": 1, "name": "one", "title": "one", "source": "GRID", "licence": "CC BY 4.0"}
    listed.write_text(json.dumps(content | {"splits": {"val": ["bwig3a"]}}))
    (pair,), _ = render_split(load_protocol(str(listed)), "val", grid_s1, tiny_inpaint_person.folder, tmp_path)
    assert pair.square == tmp_path / "squares" / "bwig3a.mp4"
    pasted, square = probe_video(pair.generated), probe_video(pair.square)
    assert (pasted.width, pasted.height) == (120, 96)
    assert (square.width, square.height, square.frame_count) == (64, 64, pasted.frame_count)


def test_a_clip_without_a_face_is_a_row_and_the_others_are_kept(
    grid_s1: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    recording = grid_s1 / "video" / "bwig3a.mpg"
    real = write_video(tmp_path / "real.mp4", recorded_frames(recording, 12), recording)
    noise = np.random.default_rng(1).integers(0, 255, (12, 144, 180, 3), dtype=np.uint8)
    faceless = write_video(tmp_path / "faceless.mp4", noise)
    listed = tmp_path / "pairs.csv"
    listed.write_text(f"generated,reference,name\n{faceless},{real},empty\n{real},{real},same\n")
    out = tmp_path / "out"
    code = call(obamanet_app(), ["evaluate", str(listed), "-o", str(out), "--workers", "1", "-q"], "obamanet")
    said = capsys.readouterr()
    assert code == 1 and "1 of 2 clips could not be measured, the first is empty: no face" in said.err
    content = json.loads((out / "results.json").read_text())
    (failure,), (clip,) = content["failures"], content["clips"]
    assert failure["name"] == "empty" and failure["reason"].startswith("no face in any of 12 frames")
    scores = {score["key"]: score for score in clip["scores"]}
    assert clip["name"] == "same"
    assert scores["lmd_px"]["generated"] == 0.0 and scores["psnr_face"]["generated"] == "inf"
    assert scores["lse_c"]["reason"].startswith("give --syncnet FILE")
    page = (out / "report.html").read_text()
    assert "no face in any of 12 frames" in page and "give --syncnet FILE" in page


def test_lpips_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EvaluationError, match="not installed: torch, torchvision, lpips"):
        Lpips()
