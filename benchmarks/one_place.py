"""What is read of a large session, and how long it takes, for what people do at one place of it.

    python benchmarks/one_place.py A.emcad

The session, of more than 2 GB of fragments, and the stack it was made of stay as they are: edits are made in copies.
Seconds of wall clock and megabytes of fragments decoded; in the last line all of them, which is what each of these
would take if it looked through the volume.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np

from napari_emcad.core.fragment_boxes import find_fragment_boxes
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.progress import drive
from napari_emcad.core.surfaces import Surface, whole_surface
from napari_emcad.finetuning import crops as training_data
from napari_emcad.finetuning.crops import CropPlaces, read_session_crops
from napari_emcad.io.labels.chunked import ChunkedLabels
from napari_emcad.io.sessions.copy import copy_session
from napari_emcad.io.sessions.open_session import OpenSession, find_boxes, open_session
from napari_emcad.io.sessions.replay import replay_session
from napari_emcad.proofreading.neurons import neuron_table
from napari_emcad.proofreading.review.queue import ReviewQueue


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("session", type=Path)
    given = parser.parse_args().session
    with tempfile.TemporaryDirectory(dir=given.parent) as name:
        folder, new = Path(name) / "one.emcad", Path(name) / "two.emcad"
        copy_session(given, folder)
        with open_session(folder) as opened:
            tall = _tallest(opened)
            opened.session.lock(tall)
        _show(
            "first question of the review",
            folder,
            lambda opened: ReviewQueue(opened.session, boxes=_boxes(opened)).next(),
        )
        _show("table of neurons", folder, lambda opened: neuron_table(opened.session.state, drive(find_boxes(opened))))
        _crops(folder)
        _show("its mesh, voxel by voxel", folder, lambda opened: _mesh(opened, tall))
        copy_session(given, new)
        _edits_again(folder, new)
        _show("all fragments", folder, lambda opened: drive(find_fragment_boxes(opened.session.state.base.fragments)))


def _tallest(opened: OpenSession) -> int:
    neurons = neuron_table(opened.session.state, drive(find_boxes(opened)))
    return int(neurons.ids[np.argmax(neurons.stop[:, 0] - neurons.start[:, 0])])


def _mesh(opened: OpenSession, neuron: int) -> Surface:
    state = opened.session.state
    return whole_surface(state.base.fragments, state.members(neuron), drive(find_boxes(opened)), VoxelSize(30, 6, 6))


def _boxes(opened: OpenSession) -> Callable:
    boxes = drive(find_boxes(opened))
    return lambda: boxes


def _show(what: str, folder: Path, do: Callable[[OpenSession], object]) -> None:
    with open_session(folder, to_read=True) as opened:
        start = time.perf_counter()
        do(opened)
        _print(what, time.perf_counter() - start, opened)


def _crops(folder: Path) -> None:
    kept = []

    def open_and_keep(*given, **also) -> OpenSession:
        kept.append(open_session(*given, **also))
        return kept[-1]

    with mock.patch.object(training_data, "open_session", open_and_keep):
        start = time.perf_counter()
        found = sum(map(len, read_session_crops(folder, None, CropPlaces())))
        _print(f"crops around a done neuron ({found})", time.perf_counter() - start, *kept)


def _edits_again(folder: Path, new: Path) -> None:
    with open_session(folder) as opened:
        session, fragments = opened.session, opened.session.state.base.fragments
        edges = session.state.edges
        row = int(np.flatnonzero(edges.base.area == np.max(edges.base.area[: 10**6]))[0])
        z, y, x = edges.contact[row].tolist()
        fragment, other = int(edges.u[row]), int(edges.v[row])
        if session.state.table[fragment] == session.state.table[other]:
            session.detach(fragment, voxels=[[z, y, x]])
        session.merge(fragment, other, confirmed=True, voxels=[[z, y, x], _inside(fragments, other, (z, y, x))])
    with open_session(folder, to_read=True) as old, open_session(new) as again:
        start = time.perf_counter()
        drive(replay_session(old, again))
        _print(f"{len(old.session.in_force)} edits made again", time.perf_counter() - start, old, again)


def _inside(fragments: ChunkedLabels, fragment: int, near: tuple[int, int, int]) -> list[int]:
    z, y, x = near
    start = np.maximum([z - 1, y - 1, x - 1], 0)
    box = fragments[tuple(slice(a, b + 2) for a, b in zip(start, near, strict=True))]
    return (np.argwhere(box == fragment)[0] + start).tolist()


def _print(what: str, seconds: float, *opened: OpenSession) -> None:
    megabytes = sum(_bytes_read(one.session.state.base.fragments) for one in opened) / 1e6
    print(f"{what:<34}{seconds:>8.1f} s{megabytes:>10,.0f} MB", flush=True)


def _bytes_read(fragments: ChunkedLabels) -> int:
    chunks = fragments._decoded.cache_info().misses
    return chunks * int(np.prod(fragments._chunks)) * fragments.dtype.itemsize


if __name__ == "__main__":
    main()
