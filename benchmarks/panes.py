"""Scroll and click in each of the four panes, in a real napari window.

    xvfb-run -a python benchmarks/panes.py [--sections 96 956] [--session A.emcad] [--picture OUT.png]

Sessions of neurons of 32 x 32 pixels and 4 sections in sections of 1024 x 1024, on a stack that is one TIFF: 10^8 and
10^9 voxels. `ours` is the processor's time of the window's thread without napari's share, but with all that panes read
and look up in it; `all` has napari's slicing in it as well. Medians and the slowest, in milliseconds; "far" is a plane
of which nothing has been read. `whole after` is the time by the clock until a far plane is there as fine as the canvas
shows it. Memory is that of the process, beyond the main canvas alone. Sections are multiples of 4.
"""

import argparse
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import napari
import numpy as np
import psutil
import tifffile
from latencies import Clock, paint, random_graph, rest
from napari.utils.interactions import mouse_press_callbacks, mouse_release_callbacks

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.merge_tree import MergeTree
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.io.sessions.facts import SessionFacts
from napari_emcad.io.sessions.new_session import create_session
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.widgets.dock import EMCADDock
from napari_emcad.widgets.panes.plane_array import PlaneArray
from napari_emcad.widgets.proofread.modes import Mode
from napari_emcad.widgets.proofread_window import show_session

SIDE, CELL, LENGTH = 1024, 32, 4
REPEATS = 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sections", type=int, nargs="+", default=[96, 956])
    parser.add_argument("--session", type=Path)
    parser.add_argument("--picture", type=Path)
    parser.add_argument(
        "--folder", type=Path, help="where sessions are made, which stay there; default: a temporary one"
    )
    options = parser.parse_args()
    clock = Clock(time.thread_time)
    PlaneArray.__getitem__ = clock._as_lookup(PlaneArray.__getitem__)
    if options.session:
        _measure(options.session, clock, options.picture)
        return
    with tempfile.TemporaryDirectory() as temporary:
        for sections in options.sections:
            folder = (options.folder or Path(temporary)) / str(sections)
            _measure(session_of(folder, sections), clock, options.picture)


def session_of(folder: Path, sections: int) -> Path:
    """The session of so many sections in a folder, which is made unless it is there."""
    made = folder / "a.emcad"
    if made.exists():
        return made
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (8, SIDE, SIDE), np.uint8)
    with tifffile.TiffWriter(folder / "stack.tif") as file:
        for z in range(sections):
            file.write(noise[z % len(noise)], photometric="minisblack", contiguous=True)
    facts = SessionFacts(source=str(folder / "stack.tif"), voxel_size_nm=VoxelSize(30, 6, 6), threshold=0.5)
    affinities = np.broadcast_to(np.uint8(200), (3, sections, SIDE, SIDE))
    create_session(made, _base(sections), affinities, facts).close()
    return made


def _base(sections: int) -> Segmentation:
    """Neurons without a rim; those of one column and the next slab are joined by the tree, or not, at random."""
    depth, across = sections // LENGTH, SIDE // CELL
    grid = np.arange(1, depth * across**2 + 1, dtype=np.uint32).reshape(depth, across, across)
    n, rng = grid.size, np.random.default_rng(0)
    tree = MergeTree(np.arange(1, n + 1, dtype=np.uint32), rng.random(n, np.float32))
    tree.gaps[0] = np.inf
    fragments = np.empty((sections, SIDE, SIDE), np.uint32)
    for z in range(sections):
        fragments[z] = grid[z // LENGTH].repeat(CELL, 0).repeat(CELL, 1)
    sizes = np.full(n + 1, CELL**2 * LENGTH, np.int64)
    sizes[0] = 0
    return Segmentation(fragments, random_graph(grid, rng, (LENGTH, CELL, CELL)), tree, sizes)


def _measure(session: Path, clock: Clock, picture: Path | None) -> None:
    viewer = napari.Viewer()
    viewer.window._qt_window.resize(1600, 1200)
    dock = EMCADDock(viewer)
    viewer.window.add_dock_widget(dock, name="EM CAD", area="right")
    show_session(dock, open_session(session))
    while dock.proofread.editor is None:
        paint()
    rest(dock)
    for affinities in dock.desk.results.current.affinity_layers:
        affinities.visible = False
    shape = dock.proofread.editor.at.session.state.base.fragments.shape
    print(f"\n{' x '.join(map(str, shape))} voxels ({np.prod(shape):.2g}); ms of the window's thread")
    before = _memory()
    start = time.perf_counter()
    dock.panes.view.toggle()
    paint()
    print(f"opened in {time.perf_counter() - start:.1f} s")
    _settle(dock)
    print(f"{'':<22}{'ours':>8}{'slowest':>8}{'all':>8}{'slowest':>8}")
    for name, act in _acts(viewer, dock):
        ours, everything, _ = zip(*(clock.time(act, [lambda: _settle(dock)]) for _ in range(REPEATS)), strict=True)
        columns = (statistics.median(ours), max(ours), statistics.median(everything), max(everything))
        print(f"{name:<22}" + "".join(f"{figure:>8.1f}" for figure in columns), flush=True)
    for name, seconds in _waits(dock):
        print(f"{name:<22}whole after {seconds:.1f} s")
    panes = dock.panes.view.panes.panes
    kept = sum(twin.planes.nbytes for pane in panes for twin in pane.layers.twins if hasattr(twin, "planes"))
    print(f"memory: {(_memory() - before) / 1e6:.0f} MB more, {kept / 1e6:.0f} MB of them planes that are kept")
    if picture:
        viewer.screenshot(picture, canvas_only=False)
    dock.release()
    viewer.close()


def _acts(viewer, dock):
    xz, yz = dock.panes.view.panes.panes
    depth, height, width = dock.proofread.editor.at.session.state.base.fragments.shape
    sections = itertools.cycle(range(1, depth - 1))
    yield "scroll xy", lambda: viewer.dims.set_current_step(0, next(sections))
    for name, pane in (("xz", xz), ("yz", yz)):
        length = (height, width)[pane.axis - 1]
        near, far = itertools.count(length // 2), itertools.cycle(range(40, length - 40, 70))
        yield f"scroll {name}", _scroll(pane, near)
        yield f"scroll {name}, far", _scroll(pane, far)
    for name, canvas in (("xy", viewer), ("xz", xz.model), ("yz", yz.model)):
        dock.proofread.editor.enter(Mode.SELECT)
        yield f"select in {name}", _click(dock, canvas)
        dock.proofread.editor.enter(Mode.MERGE)
        yield f"merge click in {name}", _click(dock, canvas)
        dock.proofread.editor.enter(Mode.SELECT)


def _scroll(pane, steps) -> Callable[[], None]:
    return lambda: pane.model.dims.set_current_step(pane.axis, next(steps))


def _click(dock, canvas) -> Callable[[], None]:
    """Click somewhere on the plane that a canvas shows."""
    layer, rng = dock.proofread.editor.at.layer, np.random.default_rng(0)

    def click() -> None:
        voxel = [int(rng.integers(n)) for n in dock.proofread.editor.at.session.state.base.fragments.shape]
        place = np.array(layer.data_to_world(voxel), float)
        cut = canvas.dims.not_displayed[0]
        place[cut] = canvas.dims.point[cut]
        event = SimpleNamespace(type="mouse_press", button=1, pos=(300, 200), position=tuple(place), modifiers=())
        event.dims_displayed, event.view_direction, event.is_dragging = list(canvas.dims.displayed), None, False
        mouse_press_callbacks(canvas, event)
        event.type = "mouse_release"
        mouse_release_callbacks(canvas, event)

    return click


def _waits(dock):
    for name, pane in zip(("xz", "yz"), dock.panes.view.panes.panes, strict=True):
        start = time.perf_counter()
        pane.model.dims.set_current_step(pane.axis, 777)
        _settle(dock)
        yield f"far plane {name}", time.perf_counter() - start


def _settle(dock) -> None:
    paint()
    while not dock.panes.view.panes.is_settled:
        paint()
        time.sleep(0.005)


def _memory() -> int:
    return psutil.Process().memory_full_info().uss


if __name__ == "__main__":
    main()
