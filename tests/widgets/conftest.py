import numpy as np
import pytest
from napari.utils._proxies import PublicOnlyProxy

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.widgets.dock import EMCADDock

SHAPE = (3, 48, 64)
SCALE = (40, 5, 6)
NM = ("nm",) * 3
PATIENCE = 120_000


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """A student with drawn weights: its neurons are noise, but its runs are like any other."""
    from drawings import lively_student

    from napari_emcad.networks.card import ModelCard
    from napari_emcad.networks.checkpoint import save_student

    path = tmp_path_factory.mktemp("models") / "tiny.pt"
    card = ModelCard(title="tiny", threshold=0.45, voxel_size=VoxelSize(40, 6, 6))
    save_student(lively_student(), path, card)
    return path


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
