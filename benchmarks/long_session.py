"""Sessions of many edits: what they take on the disk, how long they take to open, and each further edit in the dock.

    xvfb-run -a python benchmarks/long_session.py [--edits 1000 10000 100000] [--keep FOLDER]

Neurons of 8 x 8 pixels in 16 sections of 512 x 512, 65,536 fragments, edited as people do: merges, groups, splits,
detachings, fragments that are parted, answers of the review, notes and ticks, undo and redo, steps along the merge tree
and now and then another threshold. One session grows through all numbers of edits; at each it is copied, opened and
edited further. `ours` and `all` as in `latencies.py`, but of the processor's time, so that what else the machine does
hardly counts: medians and the slowest of the repeats, in milliseconds. In the last column is how long it took, by the
clock, until the disk had the edit. Each try counts by itself, as a person makes it; those that were refused stand in a
row of their own.
"""

import argparse
import multiprocessing
import os
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial, wraps
from pathlib import Path
from unittest import mock

import napari
import numpy as np
from latencies import Clock, paint, rest

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.merge_tree import merge_tree
from napari_emcad.core.region_graph import QUANTILES, RegionGraph
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.io.sessions.export_tables import export_log
from napari_emcad.io.sessions.facts import SessionFacts
from napari_emcad.io.sessions.new_session import create_session
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.io.sessions.snapshot import Snapshot
from napari_emcad.proofreading.log import EditLog
from napari_emcad.proofreading.rows import LogRow
from napari_emcad.proofreading.session import Session
from napari_emcad.widgets.dock import EMCADDock
from napari_emcad.widgets.proofread.modes import Mode
from napari_emcad.widgets.proofread_window import show_session

SECTIONS, SIDE, CELL = 16, 512, 8
GRID = SIDE // CELL
REPEATS = 15
LARGEST = 400
"""Fragments of a neuron that merges make, at most."""

THRESHOLDS = (0.5, 0.55)

MIX = {
    "merge": 30,
    "group": 3,
    "split": 12,
    "detach": 6,
    "part": 2,
    "decide": 20,
    "note": 5,
    "tick": 4,
    "lock": 3,
    "unlock": 1,
    "undo": 8,
    "redo": 5,
    "walk": 0.5,
    "threshold": 0.01,
}
"""Kinds of edits, in percent."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edits", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--keep", type=Path, help="folder in which the sessions stay, and are used again")
    parser.add_argument("--no-window", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = options.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        for edits in options.edits:
            session = folder / f"{edits}.emcad"
            if not session.exists():
                _grow(folder, session, edits)
            copy = Path(name) / f"copy{edits}.emcad"
            shutil.copytree(session, copy)
            print(f"\n{edits:,} edits")
            _show_files(copy, edits)
            _show_opening(copy)
            _show_export(copy, Path(name))
            if not options.no_window:
                _show_window(copy)


# ---- the session ---------------------------------------------------------------------------------------------------


class Hands:
    """Edits a session at random, a kind as often as people do."""

    def __init__(self, session: Session, seed: int):
        self.session, self._rng = session, np.random.default_rng(seed)
        self._state = session.state
        self._notes: list[int] = [row.seq for row in session.to_do]
        self._depth = 0

    def edit(self, kind: str | None = None) -> LogRow | None:
        """Make an edit; None if it was refused."""
        if kind is None:
            weights = np.array([*MIX.values()])
            kind = [*MIX][self._rng.choice(len(weights), p=weights / weights.sum())]
        with suppress(UserError):
            return self.attempt(kind)
        return None

    def attempt(self, kind: str) -> LogRow | None:
        """Make an edit of a kind, or let the refusal through; None if there is nothing to do it to."""
        return getattr(self, f"_{kind}")()

    def edge(self, is_inside: bool) -> tuple[int, int]:
        """Two fragments that touch, in one neuron or in two."""
        edges, table = self._state.edges, self._state.table
        while True:
            at = self._rng.integers(edges.row_count)
            u, v = int(edges.u[at]), int(edges.v[at])
            if not (table[u] and table[v]) or (table[u] == table[v]) != is_inside:
                continue
            if is_inside or sum(len(self._state.members(int(table[f]))) for f in (u, v)) < LARGEST:
                return u, v

    def voxel(self, fragment: int) -> list[int]:
        """A voxel of a fragment; a corner of its cell."""
        z, y, x = np.unravel_index((fragment - 1) % (SECTIONS * GRID**2), (SECTIONS, GRID, GRID))
        return [int(z), int(y) * CELL + 3, int(x) * CELL + 4]

    def _merge(self) -> LogRow:
        ends = self.edge(is_inside=False)
        return self.session.merge(*ends, confirmed=True, voxels=[*map(self.voxel, ends)])

    def _group(self) -> LogRow:
        a, b = self.edge(is_inside=False)
        ends = [a, b, self.edge(is_inside=False)[0]]
        return self.session.merge_all(ends[0], ends[1:], voxels=[*map(self.voxel, ends)])

    def _split(self) -> LogRow:
        a, b = self.edge(is_inside=True)
        near, far = self.voxel(a), self.voxel(b)
        return self.session.split(self.session.propose([a], [b])[0], near=[near], far=[far], voxels=[near, far])

    def _detach(self) -> LogRow:
        fragment = self.edge(is_inside=True)[0]
        return self.session.detach(fragment, voxels=[self.voxel(fragment)])

    def _part(self) -> LogRow:
        z, y, x = self.voxel(int(self._rng.integers(1, SECTIONS * GRID**2)))
        return self.session.split_fragment([(z, y, x - 3)], [(z, y, x + 3)])

    def _decide(self) -> LogRow:
        a, b = self.edge(is_inside=False)
        features = [round(value, 4) for value in self._rng.random(10).tolist()]
        voxels = [self.voxel(a), self.voxel(b)]
        return self.session.decide(a, b, "apart", question="join?", features=features, voxels=voxels)

    def _note(self) -> LogRow:
        row = self.session.note(tuple(self.voxel(self.edge(is_inside=True)[0])), "look again")
        self._notes.append(row.seq)
        return row

    def _tick(self) -> LogRow | None:
        return self.session.tick(self._notes.pop(0)) if self._notes else None

    def _lock(self) -> LogRow:
        fragment = self.edge(is_inside=True)[0]
        return self.session.lock(int(self._state.table[fragment]), voxels=[self.voxel(fragment)])

    def _unlock(self) -> LogRow | None:
        return self.session.unlock(min(self._state.locked)) if self._state.locked else None

    def _undo(self) -> LogRow:
        return self.session.undo()

    def _redo(self) -> LogRow:
        return self.session.redo()

    def _walk(self) -> LogRow:
        segment = int(self._state.table[self.edge(is_inside=True)[0]])
        return self.session.walk(segment, upwards=bool(self._rng.integers(2)))

    def _threshold(self) -> LogRow | None:
        low, high = THRESHOLDS
        return self.session.set_threshold(high if self._state.threshold == low else low)


def _grow(folder: Path, session: Path, edits: int) -> None:
    """Make a session of so many edits, from the longest there is."""
    shorter = [(int(path.stem), path) for path in folder.glob("[0-9]*.emcad") if int(path.stem) < edits]
    if shorter:
        shutil.copytree(max(shorter)[1], session)
    else:
        create_session(session, _base(), np.full((3, SECTIONS, SIDE, SIDE), 200, np.uint8), _facts(session)).close()
    start = time.perf_counter()
    with open_session(session) as opened, mock.patch.object(os, "fsync"):
        opened.session.log._database.execute("PRAGMA synchronous=OFF")
        hands, before = Hands(opened.session, edits), len(opened.session.log.rows)
        while len(opened.session.log.rows) < edits:
            hands.edit()
    took = time.perf_counter() - start
    print(f"{edits - before:,} edits made in {took:.0f} s, {1000 * took / (edits - before):.2f} ms each", flush=True)


def _facts(session: Path) -> SessionFacts:
    return SessionFacts(
        source=str(session.parent / "gone.tif"),
        box=((0, 0, 0), (SECTIONS, SIDE, SIDE)),
        voxel_size_nm=VoxelSize(30, 6, 6),
        model="none",
        parameters={"min_size": 0, "threshold": THRESHOLDS[0]},
        threshold=THRESHOLDS[0],
    )


def _base() -> Segmentation:
    """Columns of cells, cut here and there; so the fragments of a neuron have ids that lie far apart."""
    rng = np.random.default_rng(0)
    grid = np.arange(1, SECTIONS * GRID**2 + 1, dtype=np.uint32).reshape(SECTIONS, GRID, GRID)
    pairs = [(np.delete(grid, -1, axis), np.delete(grid, 0, axis)) for axis in range(3)]
    u, v = (np.concatenate([p[side].ravel() for p in pairs]) for side in (0, 1))
    along = pairs[0][0].size
    mean = rng.uniform(0.05, 0.3, len(u)).astype(np.float32)
    mean[:along] = rng.choice([0.9, 0.2], along, p=[0.85, 0.15]) + rng.uniform(0, 0.05, along)
    order = np.lexsort((v, u))
    u, v, mean = u[order], v[order], mean[order]
    contact = np.stack(np.unravel_index(u - 1, grid.shape), axis=1) * (1, CELL, CELL)
    area = np.full(len(u), CELL, np.int64)
    graph = RegionGraph(u, v, mean, np.repeat(mean[:, None], len(QUANTILES), 1), area, contact.astype(np.int32))
    sizes = np.full(grid.size + 1, CELL**2, np.int64)
    sizes[0] = 0
    return Segmentation(grid.repeat(CELL, 1).repeat(CELL, 2), graph, merge_tree(graph, sizes), sizes)


# ---- what it takes -------------------------------------------------------------------------------------------------


def _show_files(session: Path, edits: int) -> None:
    sizes = {path.name: path.stat().st_size for path in sorted(session.glob("edits.*"))}
    print("bytes an edit: " + ", ".join(f"{name} {size / edits:.0f}" for name, size in sizes.items()))


def _show_opening(session: Path) -> None:
    parts = {
        "log": lambda: EditLog(session / "edits.db", read_only=True),
        "all, with the edits made again": lambda: open_session(session).close(),
    }
    seconds = {name: min(_seconds(act) for _ in range(3)) for name, act in parts.items()}
    print(
        "opening, s of the processor: " + ", ".join(f"{name} {value:.2f}" for name, value in seconds.items()),
        flush=True,
    )


def _seconds(act: Callable[[], object]) -> float:
    start = time.process_time()
    act()
    return time.process_time() - start


def _show_export(session: Path, folder: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        seconds, size, memory = pool.apply(_export, (session, folder / "log.csv"))
    print(f"log export: {seconds:.2f} s, {size / 1e6:.1f} MB, {memory / 1e3:.0f} MB of memory more", flush=True)


def _export(session: Path, path: Path) -> tuple[float, int, float]:
    """Seconds, bytes, and the kilobytes by which the memory in use grew at most."""
    with open_session(session, to_read=True) as opened:
        snapshot = Snapshot.of(opened)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        seconds = _seconds(lambda: export_log(path, snapshot))
        return seconds, path.stat().st_size, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before


# ---- in the dock ---------------------------------------------------------------------------------------------------


def _show_window(session: Path) -> None:
    clock = Clock(time.thread_time)
    viewer = napari.Viewer()
    dock = EMCADDock(viewer)
    viewer.window.add_dock_widget(dock, name="EM CAD")
    start = time.perf_counter()
    show_session(dock, open_session(session))
    paint()
    print(f"opened in the dock in {time.perf_counter() - start:.2f} s")
    rest(dock)
    kept = _time_the_disk()
    print(f"{'':<24}{'ours':>8}{'worst':>8}{'all':>8}{'disk':>8}")
    for name, act, before in _acts(dock):
        made, refused = [], []
        while len(made) < REPEATS:
            before()
            kept.clear()
            outcome: list[object] = []
            ours, everything, _ = clock.time(lambda: outcome.append(act()), ())  # noqa: B023
            (refused if outcome == [False] else made).append((ours, everything, 1e3 * sum(kept)))
        _show_times(name, made)
        if refused:
            _show_times(f"{name}, refused", refused)
    viewer.close()


def _show_times(name: str, times: list[tuple[float, float, float]]) -> None:
    ours, everything, disk = zip(*times, strict=True)
    figures = [statistics.median(ours), max(ours), statistics.median(everything), statistics.median(disk)]
    print(f"{name:<24}" + "".join(f"{figure:>8.1f}" for figure in figures), flush=True)


def _time_the_disk() -> list[float]:
    """Seconds that rows took to be written, from now on."""
    kept: list[float] = []
    add_all = EditLog.add_all

    @wraps(add_all)
    def timed(*args: object) -> None:
        start = time.perf_counter()
        try:
            add_all(*args)
        finally:
            kept.append(time.perf_counter() - start)

    EditLog.add_all = timed
    return kept


def _acts(dock: EMCADDock) -> Iterator[tuple[str, Callable[[], object], Callable[[], object]]]:
    editor, session = dock.proofread.editor, dock.proofread.editor.at.session
    hands, nothing = Hands(session, 7), lambda: None

    def edit(kind: str) -> bool:
        return editor.attempts.edit(partial(hands.attempt, kind))

    for kind in ("merge", "split", "detach", "group", "part", "decide", "note", "lock", "walk"):
        yield kind, partial(edit, kind), nothing
    yield "tick", lambda: editor.attempts.edit(lambda: session.tick(session.to_do[0].seq)), partial(edit, "note")
    yield "undo", editor.edits.undo, nothing
    yield "redo", editor.edits.redo, nothing
    early = iter(session.in_force[:: max(1, len(session.in_force) // (REPEATS + 2))])
    yield "undo one of long ago", lambda: editor.edits.undo_one(session.log.rows[next(early) - 1]), nothing
    yield "history", lambda: dock.proofread.body.history.put(session), nothing
    editor.enter(Mode.REVIEW)
    rest(dock)
    for kind in ("merge", "decide", "part"):
        yield f"{kind}, in the review", partial(edit, kind), nothing
    yield "undo, in the review", editor.edits.undo, nothing


if __name__ == "__main__":
    main()
