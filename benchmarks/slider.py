"""The threshold slider on a stack of many fragments: time of one move in a real napari window.

    xvfb-run -a python benchmarks/slider.py [--sections 32]

Sections of 1024 x 1024 in cells of 8 x 8 pixels, 16,384 fragments each. One move = cut the merge tree, put the table
into the neurons layer, refresh it; `painted` adds Qt's drawing of the canvas (by software, where there is no GPU). The
first line is napari's own way: a new label volume is written and shown.
"""

import argparse
import statistics
import time

import napari
import numpy as np
from qtpy.QtWidgets import QApplication

from napari_emcad.core.merge_tree import MergeTree
from napari_emcad.widgets.labels_view import FragmentLabels

THRESHOLDS = np.linspace(0.1, 0.9, 9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sections", type=int, default=32)
    fragments = _cells(parser.parse_args().sections)
    n = int(fragments.max())
    tree = MergeTree(np.arange(1, n + 1, dtype=np.uint32), np.random.default_rng(0).random(n, np.float32))
    tree.gaps[0] = np.inf
    view = FragmentLabels(fragments, tree.cut(0.5))
    viewer = napari.Viewer()
    viewer.window._qt_window.resize(1600, 1200)
    layer = viewer.add_labels(view)
    written = viewer.add_labels(np.zeros(fragments.shape, view.dtype), visible=False)
    print(f"{n:,} fragments, {' x '.join(map(str, fragments.shape))} voxels; medians of {len(THRESHOLDS)} moves, ms")

    def rewrite(threshold: float) -> None:
        written.data[:] = tree.cut(threshold)[fragments]
        written.refresh()

    def move(threshold: float) -> None:
        view.show(tree.cut(threshold))
        layer.refresh(extent=False)

    for name, act in (("volume rewritten", rewrite), ("table", move)):
        layer.visible, written.visible = act is move, act is rewrite
        moved, painted = zip(*(_timed(act, t) for t in THRESHOLDS), strict=True)
        print(f"{name:<17} moved {statistics.median(moved):8.1f}   painted {statistics.median(painted):8.1f}")
    viewer.close()


def _cells(sections: int) -> np.ndarray:
    one = np.kron(np.arange(1, 128 * 128 + 1, dtype=np.uint32).reshape(128, 128), np.ones((8, 8), np.uint32))
    return one[None] + np.arange(sections, dtype=np.uint32)[:, None, None] * np.uint32(128 * 128)


def _timed(act, threshold: float) -> tuple[float, float]:
    QApplication.processEvents()
    start = time.perf_counter()
    act(threshold)
    moved = time.perf_counter()
    QApplication.processEvents()
    return (moved - start) * 1e3, (time.perf_counter() - start) * 1e3


if __name__ == "__main__":
    main()
