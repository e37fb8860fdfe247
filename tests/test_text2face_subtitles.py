"""Subtitles of the wild are read: hours, several lines, karaoke, overlaps; what is wrong is named by its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from obamanet.errors import DatasetError
from text2face.subtitles import Cue, parse_subtitles, read_subtitles

SRT = """1
00:00:01,000 --> 00:00:02,500
Hello there,
<i>my friend.</i>

2
01:02:03,5 --> 01:02:04,25  X1:40 X2:600
- {\\an8}Yes &amp; no.

3
00:59:59,999 --> 01:00:00,100
ANNA: ¿Qué <font color="#ff0000">tal</font>? [door closes]
"""


def written(folder: Path, content: str, encoding: str = "utf-8") -> Path:
    path = folder / "talk.srt"
    path.write_bytes(content.encode(encoding))
    return path


def test_hours_lines_and_markup(tmp_path: Path) -> None:
    cues = read_subtitles(written(tmp_path, SRT))
    assert [(cue.start, cue.end, cue.text, cue.line) for cue in cues] == [
        (1.0, 2.5, "Hello there, my friend.", 2),
        (3599.999, 3600.1, "¿Qué tal?", 11),
        (3723.5, 3724.25, "Yes & no.", 7),
    ]


@pytest.mark.parametrize("digits", [7, 400, 5000])
def test_times_of_endless_digits_are_refused(tmp_path: Path, digits: int) -> None:
    path = written(tmp_path, f"1\n{'9' * digits}:00:00,000 --> {'9' * digits}:00:01,000\nHello.\n")
    with pytest.raises(DatasetError, match="line 2: times cannot be read") as caught:
        read_subtitles(path)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("digits", [10, 400, 5000])
def test_karaoke_times_of_endless_digits_are_left_out(tmp_path: Path, digits: int) -> None:
    marks = f"{{\\k{'9' * digits}}}Good <{'9' * digits}:00:00.000>day"
    [cue] = read_subtitles(written(tmp_path, f"1\n00:00:01,000 --> 00:00:02,000\n{marks}\n"))
    assert (cue.text, cue.marks) == ("Good day", ())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_any_usual_encoding_and_line_end(tmp_path: Path, encoding: str, ends: str) -> None:
    cues = read_subtitles(written(tmp_path, SRT.replace("\n", ends), encoding))
    assert [cue.text for cue in cues] == ["Hello there, my friend.", "¿Qué tal?", "Yes & no."]


def test_webvtt_with_notes_names_styles_and_karaoke() -> None:
    content = (
        "WEBVTT - a talk\nKind: captions\n\nSTYLE\n::cue { color: red }\n\nNOTE nothing\nof use\n\nfirst\n"
        "00:01.000 --> 00:02.000 align:start\n<v Ann><00:00:01.200>one <00:00:01.500><c.loud>two</c></v>\n\n"
        "100:00:00.000 --> 100:00:01.000\nthree &lt; four\n"
    )
    assert [(cue.start, cue.text) for cue in parse_subtitles(content, "talk.vtt")] == [
        (1.0, "one two"),
        (360_000.0, "three < four"),
    ]


def test_rolled_up_captions_are_said_once(tmp_path: Path) -> None:
    content = (
        "1\n00:00:01,000 --> 00:00:03,000\nwe are going home\n\n"
        "2\n00:00:02,000 --> 00:00:04,000\nare going home now or never\n\n"
        "3\n00:00:04,000 --> 00:00:05,000\nnow or never\n\n"
        "4\n00:00:09,000 --> 00:00:10,000\nnow or never\n"
    )
    cues = read_subtitles(written(tmp_path, content))
    assert [cue.text for cue in cues] == ["we are going home", "now or never", "now or never"]
    assert [cue.start for cue in cues] == [1.0, 2.0, 9.0]


def test_overlapping_cues_that_differ_are_both_kept(tmp_path: Path) -> None:
    content = "1\n00:00:02,000 --> 00:00:05,000\nsecond\n\n2\n00:00:01,000 --> 00:00:03,000\nfirst\n"
    assert [cue.text for cue in read_subtitles(written(tmp_path, content))] == ["first", "second"]


def test_missing_and_surplus_empty_lines() -> None:
    content = "1\n00:00:01,000 --> 00:00:02,000\none\n2\n00:00:03,000 --> 00:00:04,000\ntwo\n\nstill two\n\n3\n"
    assert [cue.text for cue in parse_subtitles(content, "x.srt")] == ["one", "two still two"]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("1\n00:00:01,000 -> 00:00:02,000\none\n", 1),
        ("1\n00:00:01,000 --> 00:00:02,000\none\n\n2\n00:00:xx,000 --> 00:00:04,000\ntwo\n", 6),
        ("1\n00:00:05,000 --> 00:00:02,000\none\n", 2),
        ("1\n00:61:00,000 --> 00:62:00,000\none\n", 2),
        ("just some text\n", 1),
    ],
    ids=["arrow", "letters for digits", "backward", "61 minutes", "no subtitles"],
)
def test_malformed_lines_are_named(tmp_path: Path, content: str, line: int) -> None:
    with pytest.raises(DatasetError, match=rf"line {line}:.*talk\.srt$") as error:
        read_subtitles(written(tmp_path, content))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", ["", "WEBVTT\n", "1\n00:00:01,000 --> 00:00:02,000\n[music]\n"])
def test_files_without_words_are_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(DatasetError, match="no cue with words"):
        read_subtitles(written(tmp_path, content))


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no such subtitle file"):
        read_subtitles(tmp_path / "none.srt")
    with pytest.raises(DatasetError, match="got a directory"):
        read_subtitles(tmp_path)
    (tmp_path / "a.srt").write_bytes(bytes(range(256)))
    with pytest.raises(DatasetError, match="binary data"):
        read_subtitles(tmp_path / "a.srt")


def marked(cue: Cue) -> list[tuple[float, str]]:
    return [(mark.time, cue.text[mark.place :].split(" ")[0]) for mark in cue.marks]


def test_karaoke_times_of_words(tmp_path: Path) -> None:
    rolled_up = (
        "WEBVTT\n\n00:00:00.320 --> 00:00:02.350\n \nhello<00:00:00.719><c> my</c><00:00:01.5><c> friends</c>\n\n"
        "00:00:02.360 --> 00:00:05.000\nhello my friends\nand<00:00:02.879><c> welcome</c><00:00:04.100>\n"
    )
    first, second = read_subtitles(written(tmp_path, rolled_up))
    assert (first.text, marked(first)) == ("hello my friends", [(0.719, "my"), (1.5, "friends")])
    # What the second repeats goes, and its marks count from what is left; the last says where it ends.
    assert (second.text, marked(second)) == ("and welcome", [(2.879, "welcome"), (4.1, "")])


def test_karaoke_of_lasting_syllables() -> None:
    content = "1\n00:00:06,000 --> 00:00:08,000\n{\\k20}One {\\kf30}[laughs] two {\\k10}th{\\k20}ree\n"
    (cue,) = parse_subtitles(content, "a.srt")
    assert cue.text == "One two three"
    # Times inside a word do not begin one.
    assert marked(cue) == [(6.0, "One"), (6.2, "two"), (6.5, "three")]


def test_karaoke_times_that_make_no_sense_are_left_out() -> None:
    content = (
        "1\n00:00:10,000 --> 00:00:12,000\n<00:00:01.000>a <00:00:11.000>b <00:00:10.500>c <00:00:11.500>d \ue000 "
        "<00:00:11.900>\n\n<00:00:11.950>e\n"
    )
    (cue,) = parse_subtitles(content, "a.srt")
    assert cue.text == "a b c d e"
    assert marked(cue) == [(11.0, "b"), (11.5, "d"), (11.9, ""), (11.95, "e")]
