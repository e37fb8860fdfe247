"""Batches on a Ray cluster: the files of a local run, also when a node is lost on the way."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from made import babble, write_sound
from test_batch import assert_same_videos, listed, start, wait_for_done

from obamanet.batch.batch_manifest import MANIFEST_FILE
from obamanet.batch.ray_workers import check_ray
from obamanet.batch.run_batch import BatchOptions, run_batch
from obamanet.errors import EngineError
from obamanet.person import Person

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed: obamanet[ray]")

STORE_BYTES = 80 << 20
"""Of a node's object store: the least that Ray takes."""


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a cluster of two nodes of one core each, both on this machine."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "object_store_memory": STORE_BYTES, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args=head)
    try:
        made.add_node(num_cpus=1, object_store_memory=STORE_BYTES)
        yield made
    finally:
        made.shutdown()


@needs_ray
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_a_lost_node_changes_nothing_in_the_files(tmp_path: Path, tiny_person: Person, cluster: Any) -> None:
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    for seed in range(10):
        write_sound(sounds / f"{seed}.wav", babble(0.6, seed))
    quiet, out = tmp_path / "quiet", tmp_path / "out"
    assert run_batch(listed(sounds, tiny_person), quiet, BatchOptions(workers=1)).made == 10
    process = start(sounds, "--out", out, "--person", tiny_person.folder, "--ray", cluster.address)
    wait_for_done(process, out, 3)
    assert process.poll() is None
    [lost] = cluster.worker_nodes
    cluster.remove_node(lost, allow_graceful=False)
    told, errors = process.communicate(timeout=300)
    assert (process.returncode, told) == (0, f"{out / MANIFEST_FILE}\n"), errors
    assert_same_videos(out, quiet, 10)
    assert sorted(path.name for path in out.iterdir()) == sorted(path.name for path in quiet.iterdir())


@needs_ray
@pytest.mark.filterwarnings("ignore")
def test_an_address_without_a_cluster_is_told_in_one_line(tmp_path: Path, tiny_person: Person) -> None:
    write_sound(tmp_path / "a.wav", babble(0.6))
    process = start(tmp_path, "--out", tmp_path / "out", "--person", tiny_person.folder, "--ray", "nowhere")
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "no Ray cluster answers at nowhere" in errors and errors.count("\n") == 1


def test_the_extra_is_named_where_ray_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("obamanet.batch.ray_workers.find_spec", lambda name: None)
    with pytest.raises(EngineError, match=r"obamanet\[ray\]"):
        check_ray()
