"""Times of recorded words: each format read as it stands, known times out of hand-written files, and clear refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from obamanet.errors import DatasetError
from obamanet.training.data.dataset import Clip, Piece
from obamanet.training.data.word_times import TimedWord, read_word_times, text_of
from obamanet.types import CropBox
from text2face.mouth.pose_examples import recorded_words
from text2face.voice.espeak import speak_timed

GRID = "0 25000 sil\r\n25000 37500 bin\r\n37500 50000 a\r\n50000 60000 sp\r\n"

LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 1.5
tiers? <exists>
size = 3
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 1.5
        intervals: size = 4
        intervals [1]:
            xmin = 0
            xmax = 0.31
            text = ""
        intervals [2]:
            xmin = 0.31
            xmax = 0.5
            text = "a"
        intervals [3]:
            xmin = 0.5
            xmax = 1.25
            text = "said ""ship"" now"
        intervals [4]:
            xmin = 1.25
            xmax = 1.5
            text = "<eps>"
    item [2]:
        class = "TextTier"
        name = "clicks"
        xmin = 0
        xmax = 1.5
        points: size = 1
        points [1]:
            number = 0.7
            mark = "words"
    item [3]:
        class = "IntervalTier"
        name = "phones"
        xmin = 0
        xmax = 1.5
        intervals: size = 2
        intervals [1]:
            xmin = 0
            xmax = 0.4
            text = "AH0"
        intervals [2]:
            xmin = 0.4
            xmax = 1.5
            text = "spn"
"""

SHORT = """File type = "ooTextFile"
Object class = "TextGrid"

0
1.5
<exists>
2
"IntervalTier"
"Ana - words"
0
1.5
3
0
0.31
"" ! a pause: "nothing"
0.31
0.5
"el"
0.5
1.25
"niño"
"IntervalTier"
"Ana - phones"
0
1.5
1
0
1.5
"e"
"""

CTM = """;; made by hand
clip 1 0.31 0.19 the 0.98
other A 0.00 0.40 wrong
clip 1 0.50 0.75 ship
clip 1 1.25 0.25 <eps>
"""


def times(words: tuple[TimedWord, ...]) -> list[tuple[str, float, float]]:
    return [(word.word, pytest.approx(word.start), pytest.approx(word.end)) for word in words]


class TestFormats:
    def test_grids_delay_is_grids_alone(self, tmp_path: Path) -> None:
        (tmp_path / "clip.align").write_text(GRID)
        words = read_word_times(tmp_path, "clip")
        assert times(words) == [("bin", 0.96, 1.46), ("a", 1.46, 1.96)]
        assert text_of(words) == "bin ay", "a single letter of GRID is a letter's name"

    def test_a_long_textgrid_is_read_as_it_stands(self, tmp_path: Path) -> None:
        (tmp_path / "clip.TextGrid").write_text(LONG)
        words = read_word_times(tmp_path, "clip")
        assert times(words) == [("a", 0.31, 0.5), ('said "ship" now', 0.5, 1.25)]
        assert text_of(words).startswith("a said"), "an article is no letter"

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
    def test_a_short_textgrid_is_read_in_praats_encodings(self, tmp_path: Path, encoding: str) -> None:
        (tmp_path / "clip.textgrid").write_text(SHORT, encoding)
        assert times(read_word_times(tmp_path, "clip")) == [("el", 0.31, 0.5), ("niño", 0.5, 1.25)]

    def test_rows_of_a_ctm_have_start_and_duration(self, tmp_path: Path) -> None:
        expected = [("the", 0.31, 0.5), ("ship", 0.5, 1.25)]
        (tmp_path / "clip.ctm").write_text(CTM)
        assert times(read_word_times(tmp_path, "clip")) == expected
        (tmp_path / "all.ctm").write_text(CTM)
        assert times(read_word_times(tmp_path / "all.ctm", "clip")) == expected
        assert times(read_word_times(tmp_path / "all.ctm", "other")) == [("wrong", 0.0, 0.4)]

    def test_the_content_tells_the_format(self, tmp_path: Path) -> None:
        (tmp_path / "clip.align").write_text(SHORT, "utf-8")
        assert times(read_word_times(tmp_path, "clip"))[0] == ("el", 0.31, 0.5)

    def test_word_times_of_the_corpus_are_read(self, grid_s1: Path) -> None:
        words = read_word_times(grid_s1 / "align", "bbaf2n")
        assert [row.word for row in words] == ["bin", "blue", "at", "f", "two", "now"]
        assert words[0].start == pytest.approx(23750 / 25000 - 0.04)


class TestRefusals:
    @pytest.mark.parametrize(
        ("name", "content", "told"),
        [
            ("clip.align", "0 100 bin\n200 blue\n", "none of: GRID's rows"),
            ("clip.align", "0.0 1.0 bin\n", "none of: GRID's rows"),
            ("clip.align", "", "none of: GRID's rows"),
            ("clip.ctm", '{"tiers": {}}', "none of: GRID's rows"),
            ("clip.align", "0 100 sil\n", "hold no word"),
            ("clip.ctm", "a 1 0 1 x\nb 1 0 1 y\n", "rows are of 2 clips, none of them clip"),
            ("clip.ctm", "clip 1 nan 1 x\n", "no number of seconds: nan"),
            ("clip.ctm", "clip 1 0.5 0 x\n", "not in order: 'x' is said from 0.500 to 0.500 s"),
            ("clip.ctm", "clip 1 0.5 1 x\nclip 1 0.2 1 y\n", "not in order: 'y'"),
            ("clip.ctm", "clip 1 0.5 1 <unk>\n", "did not know, <unk> at 0.50 s"),
            ("clip.TextGrid", LONG.replace('"words"\n        xmin', '"tokens"\n        xmin'), "'tokens', 'phones'"),
            ("clip.TextGrid", LONG[:600], "incomplete or damaged"),
            ("clip.TextGrid", LONG.replace('"TextGrid"', '"Sound"'), "no TextGrid"),
        ],
    )
    def test_a_wrong_file_is_told(self, tmp_path: Path, name: str, content: str, told: str) -> None:
        (tmp_path / name).write_text(content)
        with pytest.raises(DatasetError) as caught:
            read_word_times(tmp_path, "clip")
        assert told in str(caught.value)
        assert name in str(caught.value)

    def test_a_missing_file_is_told_with_all_its_names(self, tmp_path: Path) -> None:
        with pytest.raises(DatasetError, match=r"clip\.align is missing, and so is clip\.TextGrid or \.ctm"):
            read_word_times(tmp_path, "clip")
        with pytest.raises(DatasetError, match="no folder"):
            read_word_times(tmp_path / "none", "clip")

    def test_two_files_of_one_clip_are_not_chosen_from(self, tmp_path: Path) -> None:
        (tmp_path / "clip.align").write_text(GRID)
        (tmp_path / "clip.TextGrid").write_text(LONG)
        with pytest.raises(DatasetError, match=r"clip\.TextGrid and clip\.align; leave one"):
            read_word_times(tmp_path, "clip")


def test_sounds_are_timed_inside_the_words_of_a_textgrid(tmp_path: Path) -> None:
    """The whole way of --align: words said by a voice, their times in a TextGrid, syllables found inside them."""
    speech = speak_timed("bonita semana", "es")
    late = 0.5
    sound = np.concatenate([np.zeros(round(late * speech.clip.rate)), speech.clip.samples])
    soundfile.write(tmp_path / "sound.wav", sound, speech.clip.rate)
    spans = [(w.text, w.phonemes[0].start + late, w.phonemes[-1].end + late) for w in speech.words]
    rows = "".join(f'{start}\n{end}\n"{text}"\n' for text, start, end in spans)
    head = '"ooTextFile"\n"TextGrid"\n0\n9\n<exists>\n1\n"IntervalTier"\n"words"\n0\n9\n2\n'
    (tmp_path / "clip.TextGrid").write_text(head + rows)
    still = np.zeros((50, 68, 2), np.float32)
    clip = Clip("clip", tmp_path, "made", still, still, np.zeros(50, np.int32), CropBox(0, 0, 64), (64, 64), "0" * 64)
    words = recorded_words(Piece(clip, 0, 50), tmp_path, "es")
    assert ["".join(s.text for s in word) for word in words] == ["bonita", "semana"]
    for word, (_, start, end) in zip(words, spans, strict=True):
        assert start - 0.02 <= word[0].start < word[-1].end <= end + 0.02
