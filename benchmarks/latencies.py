"""Scroll, threshold and edits in the dock, in a real napari window, on a million fragments.

    xvfb-run -a python benchmarks/latencies.py [--sections 61 [--keep FOLDER] | --session A.emcad] [--picture OUT.png]

Sections of 1024 x 1024 in cells of 8 x 8 pixels, 16,384 fragments each, as a saved session that is opened in the dock.
`all` is the time until the call returns, what napari does to slice and refresh its layers included; `ours` is that
without napari's share, but with the lookup of our labels in it; `painted` adds Qt's drawing of the window (by software,
where there is no GPU). Medians, in milliseconds. "threshold, volume" is napari's own way: a label volume is written
anew. With --session one that is there already is opened, and edited: its log gets longer. What is found in a thread,
while the window goes on, stands below, once each, and the longest that the window had to wait for a turn meanwhile.
"""

import argparse
import itertools
import resource
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial, wraps
from pathlib import Path

import napari
import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels, Layer, Points
from qtpy.QtWidgets import QApplication

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.live_cut import LiveCut
from napari_emcad.core.merge_tree import MergeTree
from napari_emcad.core.progress import drive
from napari_emcad.core.region_graph import QUANTILES, RegionGraph
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.core.surfaces import neuron_surface
from napari_emcad.io.sessions.facts import SessionFacts
from napari_emcad.io.sessions.new_session import create_session
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.proofreading.review.queue import ReviewQueue
from napari_emcad.widgets.dock import EMCADDock
from napari_emcad.widgets.kit.affinities_view import ComposedAffinities
from napari_emcad.widgets.kit.labels_view import LabelView
from napari_emcad.widgets.proofread_window import show_session
from napari_emcad.workers.segmentation import Cut

SIDE, CELL = 1024, 8
GRID = SIDE // CELL
REPEATS = 9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sections", type=int, default=61)
    parser.add_argument("--session", type=Path)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--keep", type=Path, help="folder in which the session that is made stays")
    options = parser.parse_args()
    clock = Clock()
    viewer = napari.Viewer()
    viewer.window._qt_window.resize(1600, 1200)
    dock = EMCADDock(viewer)
    viewer.window.add_dock_widget(dock, name="EM CAD")
    with tempfile.TemporaryDirectory() as folder:
        if options.keep:
            options.keep.mkdir(parents=True, exist_ok=True)
        session = options.session or _session(options.keep or Path(folder), _base(options.sections))
        start = time.perf_counter()
        show_session(dock, open_session(session))
        paint()
        base = dock.desk.sessions.current.session.state.base
        print(f"{len(base.sizes) - 1:,} fragments, {' x '.join(map(str, base.fragments.shape))} voxels; ms")
        print(f"opened in {time.perf_counter() - start:.1f} s")
        rest(dock)
        print(f"{'':<22}{'ours':>10}{'all':>10}{'painted':>10}")
        for name, act, *before in _acts(viewer, dock, writes=options.session is None):
            columns = zip(*(clock.time(act, before) for _ in range(REPEATS)), strict=True)
            print(f"{name:<22}" + "".join(f"{statistics.median(c):>10.1f}" for c in columns), flush=True)
        print(f"{'in a thread':<22}{'takes':>10}{'held up':>10}")
        for name, find in _in_a_thread(dock):
            print(f"{name:<22}" + "".join(f"{figure:>10.1f}" for figure in _beside(find)), flush=True)
        print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB, mapped files included")
        if options.picture:
            viewer.screenshot(options.picture, canvas_only=False)
        viewer.close()


def _acts(viewer, dock, writes: bool):
    proofread, rng = dock.proofread, np.random.default_rng(0)
    sections = iter(range(1, 1000))
    yield "scroll", lambda: viewer.dims.set_current_step(0, next(sections))
    values = itertools.cycle(np.linspace(0.3, 0.7, REPEATS))

    tree, result = proofread.editor.at.session.state.base.tree, dock.desk.results.current

    def move() -> None:
        result.view.show(LiveCut(tree, next(values)))
        result.neuron_layer.refresh(extent=False)

    if writes:
        written = viewer.add_labels(np.zeros(result.view.shape, result.view.dtype))

        def rewrite() -> None:
            written.data[:] = tree.cut(next(values))[result.view.fragments]
            written.refresh()

        yield "threshold, volume", rewrite
        viewer.layers.remove(written)
    yield "threshold", move
    session = proofread.editor.at.session

    state = session.state

    def edge(is_inside: bool) -> tuple[int, int]:
        while True:
            at = rng.integers(state.edges.row_count)
            u, v = int(state.edges.u[at]), int(state.edges.v[at])
            if (state.table[u] == state.table[v]) == is_inside:
                return u, v

    chosen = []  # what a person sees and clicks

    def choose(find: Callable[[], tuple]) -> Callable[[], None]:
        return lambda: chosen.__setitem__(slice(None), find())

    def split() -> None:
        near, far = chosen
        proofread.editor.attempts.edit(lambda: session.split(session.propose([near], [far])[0]))

    apart, together = (choose(partial(edge, is_inside)) for is_inside in (False, True))
    yield "merge", lambda: proofread.editor.attempts.edit(partial(session.merge, *chosen)), apart
    yield "undo", proofread.editor.edits.undo
    yield "redo", proofread.editor.edits.redo
    yield "split", split, together
    ends = choose(lambda: _ends_of_one(session, rng))
    yield "divide a fragment", lambda: proofread.editor.attempts.edit(partial(session.split_fragment, *chosen)), ends
    yield "undo that", proofread.editor.edits.undo
    neuron = choose(lambda: (int(state.table[edge(is_inside=True)[0]]),))
    yield "grow", lambda: proofread.editor.attempts.edit(partial(session.walk, *chosen, upwards=True)), neuron
    moving, rests = dock.desk.results.cut, dock.desk.results.recut_wanted.emit
    yield "threshold, edited", lambda: moving(Cut(round(next(values), 2)))

    foreseen = []

    def foresee() -> None:
        foreseen[:] = [round(next(values), 2)]
        state.foresee(*foreseen)

    yield "threshold rests", lambda: rests(Cut(*foreseen)), foresee
    click = dock.proofread.proofreader.clicking.click
    height, width = (n // 2 for n in state.base.fragments.shape[1:])
    yield "click to segment", lambda: click((next(sections), height, width))


def _ends_of_one(session, rng) -> tuple[list, list]:
    """The two ends on x of a fragment that has two."""
    state = session.state
    while True:
        contact = state.edges.contact[rng.integers(state.edges.row_count)]
        there = np.argwhere(state.base.fragments[contact[0]] == state.base.fragments[tuple(contact)])
        near, far = (there[place] for place in (there[:, 1].argmin(), there[:, 1].argmax()))
        if near[1] < far[1] and state.table[state.base.fragments[tuple(contact)]]:
            return [(int(contact[0]), *map(int, near))], [(int(contact[0]), *map(int, far))]


def _in_a_thread(dock):
    at = dock.desk.sessions.current
    state = at.session.state
    yield "threshold, edited", lambda: state.foresee(state.threshold / 2)
    yield "list of neurons", at.rows
    yield "review", lambda: drive(ReviewQueue(at.session, boxes=lambda: at.boxes).rank())
    neuron = int(np.bincount(state.table[1:]).argmax())
    size = VoxelSize(*at.layer.scale[-3:])
    yield "3D of a neuron", lambda: neuron_surface(state.base.fragments, state.members(neuron), at.boxes, size)


def _beside(find: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds that something takes in a thread, and the longest that this thread had to wait for a turn."""
    thread = threading.Thread(target=find)
    start = before = time.perf_counter()
    thread.start()
    longest = 0.0
    while thread.is_alive():
        time.sleep(0.001)
        now = time.perf_counter()
        longest, before = max(longest, now - before), now
    return (before - start) * 1e3, longest * 1e3


class Clock:
    """Notes how much of a call napari's slicing and refreshing take, and our lookups in it. Before the window opens."""

    def __init__(self, now: Callable[[], float] = time.perf_counter):
        self._now = now
        self._naparis, self._lookups, self._depth = 0.0, 0.0, 0
        for owner, name in ((Layer, "refresh"), (ViewerModel, "_update_layers")):
            setattr(owner, name, self._as_napari(getattr(owner, name)))
        for owner in (Labels, Points):  # to give a layer other data is napari's as well
            owner.data = owner.data.setter(self._as_napari(owner.data.fset))
        for view, name in ((LabelView, "look_up"), (ComposedAffinities, "__getitem__")):
            setattr(view, name, self._as_lookup(getattr(view, name)))

    def _as_napari(self, call: Callable) -> Callable:
        @wraps(call)
        def timed(*args, **kwargs):
            start, self._depth = self._now(), self._depth + 1
            try:
                return call(*args, **kwargs)
            finally:
                self._depth -= 1
                self._naparis += (self._now() - start) * (not self._depth)

        return timed

    def _as_lookup(self, look: Callable) -> Callable:
        def timed(view, key):
            start = self._now()
            try:
                return look(view, key)
            finally:
                self._lookups += self._now() - start

        return timed

    def time(self, act: Callable[[], object], before: Iterable[Callable[[], object]]) -> tuple[float, float, float]:
        """Milliseconds: ours, all, painted; what comes before does not count."""
        for prepare in before:
            prepare()
        paint()
        self._naparis = self._lookups = 0.0
        start = self._now()
        act()
        everything = self._now() - start
        ours = everything - self._naparis + self._lookups
        paint()
        return ours * 1e3, everything * 1e3, (self._now() - start) * 1e3


def rest(dock) -> None:
    """Until the list of neurons is there, which is found in a thread."""
    while not dock.proofread.body.neurons.model.rowCount():
        paint()
        time.sleep(0.01)


def paint() -> None:
    QApplication.processEvents()


def _session(folder: Path, base: Segmentation) -> Path:
    facts = SessionFacts(
        source=str(folder / "gone.tif"),
        box=((0, 0, 0), base.fragments.shape),
        voxel_size_nm=VoxelSize(30, 6, 6),
        model="none",
        parameters={"min_size": 0, "threshold": 0.5},
        threshold=0.5,
    )
    affinities = np.full((3, *base.fragments.shape), 200, np.uint8)
    create_session(folder / "a.emcad", base, affinities, facts).close()
    return folder / "a.emcad"


def _base(sections: int) -> Segmentation:
    grid = np.arange(1, sections * GRID**2 + 1, dtype=np.uint32).reshape(sections, GRID, GRID)
    fragments = grid.repeat(CELL, 1).repeat(CELL, 2)
    n, rng = grid.size, np.random.default_rng(0)
    tree = MergeTree(np.arange(1, n + 1, dtype=np.uint32), rng.random(n, np.float32))
    tree.gaps[0] = np.inf
    sizes = np.full(n + 1, CELL**2, np.int64)
    sizes[0] = 0
    return Segmentation(fragments, random_graph(grid, rng, (1, CELL, CELL)), tree, sizes)


def random_graph(grid: np.ndarray, rng: np.random.Generator, step: tuple[int, int, int]) -> RegionGraph:
    """Each cell, of so many voxels on z, y and x, touches the next on every axis."""
    pairs = [(np.delete(grid, -1, axis), np.delete(grid, 0, axis)) for axis in range(3)]
    u, v = (np.concatenate([p[side].ravel() for p in pairs]) for side in (0, 1))
    order = np.lexsort((v, u))
    u, v, mean = u[order], v[order], rng.random(len(u), np.float32)
    contact = np.stack(np.unravel_index(u - 1, grid.shape), axis=1) * step
    area = np.full(len(u), step[2], np.int64)
    return RegionGraph(u, v, mean, np.repeat(mean[:, None], len(QUANTILES), 1), area, contact.astype(np.int32))


if __name__ == "__main__":
    main()
