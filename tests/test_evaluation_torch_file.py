"""Checkpoints are read without PyTorch: both formats, and nothing in them is ever run."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from torch_files import (
    named,
    number,
    ordered_dict,
    pickled,
    state_dict,
    tensor,
    text,
    tuple_of,
    write_legacy,
    write_zip,
)

from obamanet.errors import EvaluationError
from obamanet.evaluation.judges.torch_file import read_tensors

VALUES = {
    "a.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "a.bias": np.array([-1.5, 2.0], dtype=np.float64),
    "half": np.array([0.5], dtype=np.float16),
    "a.num_batches_tracked": np.array(7, dtype=np.int64),
}
ONE = {"x": VALUES["a.weight"]}


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("module", ["torch", "torch.cuda"])
def test_both_formats_give_the_tensors(tmp_path: Path, legacy: bool, module: str) -> None:
    write = write_legacy if legacy else write_zip
    found = read_tensors(write(tmp_path / "some.model", state_dict(VALUES, module, legacy), VALUES))
    assert found.keys() == VALUES.keys()
    for name, value in VALUES.items():
        np.testing.assert_array_equal(found[name], value, strict=True)


def test_a_tensor_may_be_a_part_of_its_memory(tmp_path: Path) -> None:
    value = VALUES["a.weight"]
    turned = tensor("0", value, offset=12, shape=(4, 3), strides=(1, 4))
    found = read_tensors(write_zip(tmp_path / "m", pickled(ordered_dict(text("x") + turned)), ONE))
    np.testing.assert_array_equal(found["x"], value[1].T)


def calls(module: str, name: str, *arguments: bytes) -> bytes:
    return pickled(named(module, name) + tuple_of(*arguments) + b"R")


@pytest.mark.parametrize(
    ("index", "reason"),
    [
        (calls("os", "system", text("touch ran")), r"it wants to call os\.system, which is never done"),
        (calls("builtins", "eval", text("open('ran', 'w')")), r"it wants to call builtins\.eval"),
        (calls("torch._utils", "_rebuild_tensor_v2", text("x")), "it wants to call"),
        (b"cos\nsystem\n(S'touch ran'\ntR.", "instruction STRING"),
        (b"(S'touch ran'\nios\nsystem\n.", "instruction STRING"),
        (pickled(b"(" + text("touch ran") + b"ios\nsystem\n"), "instruction INST"),
        (pickled(b"(" + named("os", "system") + text("touch ran") + b"o"), "instruction OBJ"),
        (pickled(named("os", "system") + tuple_of(text("touch ran")) + b"\x81"), "instruction NEWOBJ"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x09touch ran\x85R.", "instruction STACK_GLOBAL"),
        (pickled(b"\x82\x01"), "instruction EXT1"),
        (pickled(named("os", "environ") + b"}" + text("a") + text("b") + b"sb"), r"attributes of os\.environ"),
        (pickled(named("sys", "path") + text("/tmp") + b"a"), r"appends to sys\.path"),
        (pickled(ordered_dict(text("x") + named("os", "system"))), r"it holds os\.system under 'x'"),
        (pickled(ordered_dict(text("x") + text("y"))), "it holds a str under 'x', needed is a tensor"),
        (pickled(tuple_of(text("module"), named("evil", "Net"), text("0"), text("cpu"), number(1)) + b"Q"), "evil.Net"),
        (pickled(number(1)), "it holds a int, needed is a dict of tensors"),
        (pickled(ordered_dict(text("x") + tensor("0", VALUES["a.weight"], offset=1))), "reaches beyond its storage"),
        (
            pickled(ordered_dict(text("x") + tensor("0", VALUES["a.weight"], shape=(2**33, 2**33), strides=(0, 0)))),
            "does not fit its storage",
        ),
        (
            pickled(ordered_dict(text("x") + tensor("0", VALUES["a.weight"], shape=(2,), strides=(-1,)))),
            "does not fit its storage",
        ),
        (pickled(ordered_dict(text("x") + tensor("0", np.zeros(5, np.float32)))), "24 of 5 values"),
        (pickled(b"R"), "damaged or of another kind"),
        (pickled(b"h\x07"), "damaged or of another kind"),
        (b"\x80\x02X\xff\xff\xff\xff.", "damaged or of another kind"),
    ],
)
def test_what_is_no_tensor_is_refused_and_never_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, index: bytes, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EvaluationError, match=reason) as raised:
        read_tensors(write_zip(tmp_path / "bad.model", index, ONE))
    assert str(raised.value).startswith(f"not a PyTorch file of weights: {tmp_path / 'bad.model'}: ")
    assert len(str(raised.value).splitlines()) == 1
    assert not (tmp_path / "ran").exists()


def test_the_old_format_is_refused_as_strictly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EvaluationError, match=r"it wants to call os\.system"):
        read_tensors(write_legacy(tmp_path / "bad.model", calls("os", "system", text("touch ran")), ONE))
    assert not (tmp_path / "ran").exists()


def test_a_damaged_or_other_file_is_refused(tmp_path: Path) -> None:
    whole = write_legacy(tmp_path / "whole", state_dict(VALUES, legacy=True), VALUES).read_bytes()
    for end in (0, 5, 40, 200, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut").write_bytes(whole[:end])
        with pytest.raises(EvaluationError, match="not a PyTorch file of weights"):
            read_tensors(tmp_path / "cut")
    (tmp_path / "other").write_bytes(pickled(number(5)) + b"more")
    with pytest.raises(EvaluationError, match="does not begin as such a file does"):
        read_tensors(tmp_path / "other")
    with pytest.raises(EvaluationError, match="compressed"):
        read_tensors(write_zip(tmp_path / "packed", state_dict(VALUES), VALUES, stored=False))
    swapped = bytearray(whole)
    swapped[-8 - 8 : -8] = struct.pack("<q", 9)
    (tmp_path / "other").write_bytes(swapped)
    with pytest.raises(EvaluationError, match="storage 3 has 9 values, announced are 1"):
        read_tensors(tmp_path / "other")
    with pytest.raises(EvaluationError, match="cannot be read"):
        read_tensors(tmp_path / "none")
