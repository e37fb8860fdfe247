"""What a command may write over: nothing that it reads or also writes, and nothing that another program made."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from obamanet.errors import OptionError, OutputError
from obamanet.files import ensure_output_path, open_arrays

HEAD = 4096
"""Bytes of a text file that tell whether this program wrote it."""


def check_outputs(outputs: Iterable[Path | None], inputs: Iterable[Path | None] = ()) -> None:
    """Make sure that files can be written without the loss of another one; before any work, and nothing is made yet.

    Args:
        outputs: files to write; None for one that is not wanted.
        inputs: files that are read, and folders whose files are; None, or a missing one, is passed over.

    Raises:
        OptionError: an output is an input or another output, also under another name (links).
        OutputError: an output cannot be written, or there is a file that this program did not make.
    """
    read = list(_files(path for path in inputs if path is not None))
    written: list[Path] = []
    for path in filter(None, outputs):
        place = ensure_output_path(path)
        for other in written:
            if place == other or _same(place, other):
                raise OptionError(f"two outputs would be one file: {path}; name another one")
        for source in read:
            if _same(place, source):
                raise OptionError(f"output would replace what it is made from, {source}: {path}; name another one")
        written.append(place)
    for place in written:
        if place.exists() and place.stat().st_size and not is_ours(place):
            raise OutputError(f"there is a file that this program did not make: {place}; move it, or name another one")


def is_ours(path: Path) -> bool:
    """Say whether the content of ``path`` is that of an output of this program, by what its kind of file tells."""
    recognise = _KINDS.get(path.suffix.lower())
    try:
        return recognise is not None and recognise(path)
    except (OSError, ValueError, RuntimeError, AttributeError, EOFError, BadZipFile):
        # Not a file of its kind.
        return False


def _files(paths: Iterable[Path]) -> Iterable[Path]:
    for path in paths:
        if path.is_dir():
            yield from (inside for inside in path.iterdir() if inside.is_file())
        else:
            yield path


def _same(one: Path, other: Path) -> bool:
    """Say whether both are one file, perhaps under two names."""
    return one.exists() and other.exists() and one.samefile(other)


def _head(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(HEAD).decode("utf-8", "replace")


def _is_our_video(path: Path) -> bool:
    from obamanet.provenance import comment_of

    return "obamanet/" in (comment_of(path) or "")


def _is_our_json(path: Path) -> bool:
    """JSON of this program begins with its schema, but for that of an exported network."""
    head = _head(path)
    return re.match(r'\{\s*"schema": \d+,', head) is not None or '"channel_order": ' in head


def _is_our_tsv(path: Path) -> bool:
    return _head(path).startswith("start\tend\tphoneme\t")


def _is_our_vtt(path: Path) -> bool:
    return _head(path).startswith("WEBVTT obamanet/")


def _is_our_sound(path: Path) -> bool:
    import soundfile

    with soundfile.SoundFile(path) as file:
        return str(file.software).startswith("obamanet/")


def _is_our_npz(path: Path) -> bool:
    with open_arrays(path) as arrays:
        return set(arrays) == {"keypoints", "fps"}


def _is_our_network(path: Path) -> bool:
    with ZipFile(path) as archive:
        return b'"obamanet' in archive.read("config.json")


def _is_our_onnx(path: Path) -> bool:
    """Exported networks lie beside what the export says of them."""
    return is_ours(path.with_suffix(".json"))


def _are_our_weights(path: Path) -> bool:
    """Weights tell nothing of their maker; those of an export lie beside what it says of them."""
    return is_ours(path.with_name(path.name.removesuffix(".weights.h5") + ".json"))


def _is_our_html(path: Path) -> bool:
    return "<title>Lip-sync evaluation</title>" in _head(path)


def _is_our_picture(path: Path) -> bool:
    from PIL import ExifTags, Image

    with Image.open(path) as image:
        exif = image.getexif().get(ExifTags.Base.ImageDescription, "")
        about = str(image.info.get("Description") or image.info.get("comment") or exif)
        return "obamanet/" in about or about.startswith("Mouth poses of ")


_KINDS: dict[str, Callable[[Path], bool]] = {
    ".gif": _is_our_picture,
    ".h5": _are_our_weights,
    ".html": _is_our_html,
    ".jpeg": _is_our_picture,
    ".jpg": _is_our_picture,
    ".json": _is_our_json,
    ".keras": _is_our_network,
    ".mp4": _is_our_video,
    ".npz": _is_our_npz,
    ".onnx": _is_our_onnx,
    ".png": _is_our_picture,
    ".tflite": _is_our_onnx,
    ".tsv": _is_our_tsv,
    ".vtt": _is_our_vtt,
    ".wav": _is_our_sound,
    ".webp": _is_our_picture,
}
