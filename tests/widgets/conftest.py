from dataclasses import replace
from functools import cache
from unittest import mock
from uuid import uuid4

import numpy as np
import pytest
from by_hand import HandLoop
from drawings import lively_sdasn, neuropil
from graphs import segmentation
from napari.components import ViewerModel
from napari.utils._proxies import PublicOnlyProxy

from napari_emcad.core.geometry import Box
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.checkpoint import save_model
from napari_emcad.pipeline import SegmentParameters
from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.desk.model import read_card_of
from napari_emcad.widgets.desk.result import Result
from napari_emcad.widgets.dock import EMCADDock
from napari_emcad.widgets.kit.remembered import Remembered
from napari_emcad.workers.segmentation import cut_neurons

SHAPE = (3, 48, 64)
SCALE = (40, 5, 6)
NM = ("nm",) * 3
PATIENCE = 120_000


@pytest.fixture(autouse=True)
def own_runs(tmp_path_factory, monkeypatch):
    """Where runs without a session lie: a new place for every test."""
    folder = tmp_path_factory.getbasetemp() / "runs" / uuid4().hex
    folder.mkdir(parents=True)
    monkeypatch.setattr("napari_emcad.widgets.finetune.runs.own_folder", lambda: folder)
    return folder


@pytest.fixture(scope="session")
def sdasn(tmp_path_factory):
    """A foreground network with drawn weights."""
    path = tmp_path_factory.mktemp("sdasn") / "fibres.pt"
    save_model(lively_sdasn(), path, ModelCard(title="fibres", threshold=0.4, black=100, white=600))
    return path


@pytest.fixture
def stack() -> np.ndarray:
    """Drawn tissue, (z, y, x) uint8 of unequal sizes; noise would be no tissue."""
    return neuropil(SHAPE, seed=0)


@pytest.fixture
def wait(qtbot):
    """Wait until a function says yes."""
    return lambda ready: qtbot.waitUntil(ready, timeout=PATIENCE)


card_once = cache(read_card_of)
"""As long as nobody changes the model of the session."""


class Window:
    """A viewer with its dock, and a hand that presses and waits."""

    def __init__(self, viewer, model, wait):
        self.viewer, self.wait = viewer, wait
        self.dock = EMCADDock(PublicOnlyProxy(viewer))  # as napari hands it to plugins
        self.desk = self.dock.desk
        viewer.window.add_dock_widget(self.dock, name="EM CAD")
        self.desk.model.open_file(model)
        self.wait(lambda: self.desk.model.card is not None)

    @property
    def message(self) -> str:
        return self.desk.message.text

    @property
    def result(self):
        return self.desk.results.current

    def open(self, data, name="stack", **place):
        return self.viewer.add_image(data, name=name, **({"scale": SCALE, "units": NM} | place))

    def idle(self) -> None:
        self.wait(lambda: not self.desk.jobs.running)

    def run(self) -> None:
        self.desk.runs.run()
        self.idle()

    def settle(self) -> None:
        self.wait(lambda: self.desk.results.is_settled)


@pytest.fixture
def new_window(make_napari_viewer, model, wait):
    """Another viewer with its dock; docks are released before viewers are checked for leaks."""
    windows = []

    def make() -> Window:
        windows.append(Window(make_napari_viewer(), model, wait))
        return windows[-1]

    yield make
    for window in windows:
        window.dock.release()


@pytest.fixture
def window(new_window) -> Window:
    return new_window()


@pytest.fixture
def loop() -> HandLoop:
    """An event loop that the test drives by hand."""
    return HandLoop()


@pytest.fixture
def new_desk(loop, model):
    """A desk without a window, over a viewer's model; its devices and its model's card are known."""
    desks = []

    def make() -> Desk:
        desks.append(Desk(ViewerModel(), loop, Remembered(None)))
        with mock.patch("napari_emcad.widgets.desk.model.read_card_of", card_once):
            desks[-1].model.open_file(model)
            desks[-1].prepare()
            loop.work()
        return desks[-1]

    yield make
    for desk in desks:
        desk.close()


@pytest.fixture
def desk(new_desk) -> Desk:
    return new_desk()


@pytest.fixture
def open_stack(desk, loop):
    """Open an image in the desk's viewer."""

    def open_(data, name="stack", **place):
        layer = desk.viewer.add_image(data, name=name, **({"scale": SCALE, "units": NM} | place))
        loop.work()
        return layer

    return open_


@pytest.fixture
def drawn():
    """Six fragments in columns of 10 x 40 pixels; column 7 and the rim are background."""
    from proofreading_hands import EDGES, WIDTH

    fragments = np.zeros((3, 48, 64), np.uint32)
    for fragment in range(1, 7):
        fragments[:, 4:44, (fragment - 1) * WIDTH : fragment * WIDTH] = fragment
    sizes = np.bincount(fragments.ravel())[1:].tolist()
    return replace(segmentation(EDGES, sizes), fragments=fragments)


def show_drawn(desk, source, drawn, shape) -> Result:
    """Make the drawn neurons the current result of a desk."""
    from proofreading_hands import CUT

    affinities = np.full((3, *shape), 255, np.uint8)
    parameters = SegmentParameters(threshold=CUT.threshold, min_size=CUT.min_size)
    result = Result(source, Box.whole(shape), parameters, affinities, card=desk.model.card)
    desk.threshold.put(CUT.threshold)
    desk.results.show_segmentation(result, drawn, cut_neurons(drawn, CUT))
    return result


@pytest.fixture
def beside(tmp_path, monkeypatch):
    """The folder of the next session that is begun."""
    folder = tmp_path / "stack.emcad"
    monkeypatch.setattr("napari_emcad.widgets.desk.sessions.session_folder", lambda _: folder)
    return folder


@pytest.fixture
def proofreading(window, stack, drawn, beside):
    """A window whose current result is the drawn one, with a session begun."""
    source = window.open(stack, translate=(400, 50, 60))
    show_drawn(window.desk, source, drawn, stack.shape)
    window.dock.sections["proofread"].open()
    window.dock.proofread.start_button.click()
    window.idle()
    assert window.desk.sessions.current is not None, window.message
    return window


@pytest.fixture
def drawn_result(desk, loop, open_stack, stack, drawn) -> Result:
    """The drawn neurons as the current result of a desk without a window."""
    source = open_stack(stack, translate=(400, 50, 60))
    result = show_drawn(desk, source, drawn, stack.shape)
    loop.settle()
    return result


@pytest.fixture
def session(desk, loop, drawn_result, beside):
    """A session on the drawn neurons, without a window."""
    desk.sessions.start()
    loop.work()
    assert desk.sessions.current is not None, desk.message.text
    return desk.sessions.current
