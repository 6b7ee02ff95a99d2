from dataclasses import replace

import numpy as np
import pytest
from graphs import segmentation
from napari.utils._proxies import PublicOnlyProxy

from napari_emcad.core.geometry import Box
from napari_emcad.pipeline import SegmentParameters
from napari_emcad.widgets.desk.results import Result
from napari_emcad.widgets.dock import EMCADDock
from napari_emcad.workers.segmentation import cut_neurons

SHAPE = (3, 48, 64)
SCALE = (40, 5, 6)
NM = ("nm",) * 3
PATIENCE = 120_000


@pytest.fixture(autouse=True)
def own_runs(tmp_path_factory, monkeypatch):
    """Where runs without a session lie: a new place for every test."""
    folder = tmp_path_factory.mktemp("runs")
    monkeypatch.setattr("napari_emcad.widgets.finetune.runs.own_folder", lambda: folder)
    return folder


@pytest.fixture
def stack() -> np.ndarray:
    """Grey noise, (z, y, x) uint8 of unequal sizes."""
    return np.random.default_rng(0).integers(0, 255, SHAPE, np.uint8)


@pytest.fixture
def wait(qtbot):
    """Wait until a function says yes."""
    return lambda ready: qtbot.waitUntil(ready, timeout=PATIENCE)


class Desk:
    """A viewer with its dock, and a hand that presses and waits."""

    def __init__(self, viewer, model, wait):
        self.viewer, self.wait = viewer, wait
        self.dock = EMCADDock(PublicOnlyProxy(viewer))  # as napari hands it to plugins
        viewer.window.add_dock_widget(self.dock, name="EM CAD")
        self.dock.segment.model.open_file(model)
        self.wait(lambda: self.dock.segment.model.card is not None)

    @property
    def message(self) -> str:
        return self.dock.message.text

    @property
    def result(self):
        return self.dock.segment.results.current

    def open(self, data, name="stack", **place):
        return self.viewer.add_image(data, name=name, **({"scale": SCALE, "units": NM} | place))

    def idle(self) -> None:
        self.wait(lambda: not self.dock.jobs.running)

    def run(self) -> None:
        self.dock.segment.run()
        self.idle()

    def settle(self) -> None:
        self.wait(lambda: self.dock.segment.results.is_settled)


@pytest.fixture
def new_desk(make_napari_viewer, model, wait):
    """Another viewer with its dock; docks are released before viewers are checked for leaks."""
    desks = []

    def make() -> Desk:
        desks.append(Desk(make_napari_viewer(), model, wait))
        return desks[-1]

    yield make
    for desk in desks:
        desk.dock.release()


@pytest.fixture
def desk(new_desk) -> Desk:
    return new_desk()


@pytest.fixture
def drawn():
    """Six fragments in columns of 10 x 40 pixels; column 7 and the rim are background."""
    from proofreading_hands import EDGES, WIDTH

    fragments = np.zeros((3, 48, 64), np.uint32)
    for fragment in range(1, 7):
        fragments[:, 4:44, (fragment - 1) * WIDTH : fragment * WIDTH] = fragment
    sizes = np.bincount(fragments.ravel())[1:].tolist()
    return replace(segmentation(EDGES, sizes), fragments=fragments)


@pytest.fixture
def proofreading(desk, stack, drawn, tmp_path, monkeypatch):
    """A desk whose current result is the drawn one, with a session begun."""
    from proofreading_hands import CUT

    monkeypatch.setattr("napari_emcad.widgets.proofread.panel.session_folder", lambda _: tmp_path / "stack.emcad")
    source = desk.open(stack, translate=(400, 50, 60))
    affinities = np.full((3, *stack.shape), 255, np.uint8)
    parameters = SegmentParameters(threshold=CUT.threshold, min_size=CUT.min_size)
    result = Result(source, Box.whole(stack.shape), parameters, affinities, card=desk.dock.segment.model.card)
    desk.dock.segment.threshold.put(CUT.threshold)
    desk.dock.segment.results.show_segmentation(result, drawn, cut_neurons(drawn, CUT))
    desk.dock._proofread_section.open()
    desk.dock.proofread.start_button.click()
    desk.idle()
    assert desk.dock.proofread.proofreading is not None, desk.message
    return desk
