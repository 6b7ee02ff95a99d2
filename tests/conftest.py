import gc
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import fsspec
import pytest

from napari_emcad.desktop import has_screen, install_command, virtual_screen

os.environ["NAPARI_CONFIG"] = ""  # neither read nor write the settings of whoever runs the tests

WINDOW_FIXTURES = {"make_napari_viewer", "make_napari_viewer_proxy", "qapp", "qtbot"}


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """A virtual screen for the whole session where there is none."""
    if has_screen() or shutil.which("Xvfb"):
        screen = ExitStack()
        screen.enter_context(virtual_screen())
        session.config.add_cleanup(screen.close)


def pytest_collectstart() -> None:
    """Look for no garbage while modules are imported; a process that only gives out tests collects none of them."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Let no collection of garbage look through a million objects of modules and tests, which stay to the end."""
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests with a window, skip them where nothing can show one, and begin with files that take long.

    A file that takes long and comes last leaves all cores but one idle.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
    no_screen = pytest.mark.skip(reason=f"no screen and no Xvfb; run '{install_command(['xvfb'])}'")
    for item in items:
        if WINDOW_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("window")
        if item.get_closest_marker("window") and not has_screen():
            item.add_marker(no_screen)


@pytest.fixture(autouse=True)
def own_models(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where models are kept: a new place for every test, never the folder of whoever runs them."""
    folder = tmp_path_factory.getbasetemp() / "own models" / uuid4().hex
    monkeypatch.setenv("NAPARI_EMCAD_MODELS", str(folder))
    return folder


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where exported models are kept, by all processes of the tests: not the folder of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        base = tmp_path_factory.getbasetemp()
        folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache"
        folder.mkdir(exist_ok=True)
        patch.setenv("NAPARI_EMCAD_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session", autouse=True)
def auto_is_torch() -> Iterator[None]:
    """What "auto" means on a CPU is measured: it may differ from run to run, and within one.

    For the whole session, since what a module's fixtures predict is compared with what its tests do.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("napari_emcad.inference.choice.openvino_gains", lambda: False)
        yield


@pytest.fixture(scope="session")
def forked_workers() -> Iterator[None]:
    """Dask's workers are forks of a program that has imported Dask, so that none takes seconds to start."""
    import dask

    with dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        yield


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[str]:
    """A URL in fsspec's memory that no other test has."""
    yield f"memory://{tmp_path.name}"
    fsspec.filesystem("memory").store.clear()


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Many small steps: what threads would cost to start is more than they gain."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student with drawn weights: its neurons are noise, but its runs are like any other."""
    from drawings import lively_student

    from napari_emcad.core.geometry import VoxelSize
    from napari_emcad.networks.card import ModelCard
    from napari_emcad.networks.checkpoint import save_model

    path = tmp_path_factory.mktemp("models") / "tiny.pt"
    card = ModelCard(title="tiny", threshold=0.45, voxel_size=VoxelSize(40, 6, 6))
    save_model(lively_student(), path, card)
    return path


@pytest.fixture(scope="session")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A teacher with random weights, as a published file: nothing beside it says what it is."""
    import torch

    from napari_emcad.networks.residual_unet import ResidualUNet, ResidualUNetConfig

    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("teachers") / "deep.ckpt"
    torch.save({"model_weights": ResidualUNet(ResidualUNetConfig((3, 4), outputs=5)).state_dict()}, path)
    return path


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of published data and weights beside the checkout, or where NAPARI_EMCAD_SHARED says."""
    beside = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("NAPARI_EMCAD_SHARED") or beside)
    if not folder.is_dir():
        pytest.skip(f"published data: {folder} is missing; set NAPARI_EMCAD_SHARED to where it lies")
    return folder
