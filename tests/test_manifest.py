"""The manifest that napari reads: found, valid, and every name in it leads somewhere."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from npe2 import PluginManager, PluginManifest
from npe2.manifest.utils import import_python_name

import napari_emcad

NAME = "napari-emcad"
CHECKOUT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def manifest() -> PluginManifest:
    return PluginManifest.from_file(CHECKOUT / "napari.yaml")


def commands() -> list[str]:
    return [c.python_name for c in PluginManifest.from_file(CHECKOUT / "napari.yaml").contributions.commands]


def test_found_through_the_entry_point(manifest):
    """Fails with 'No package metadata' where the package is not installed: python -m pip install -e '.[all,test]'."""
    installed = PluginManifest.from_distribution(NAME)
    assert installed.contributions == manifest.contributions
    assert installed.package_version == version(NAME) == napari_emcad.__version__


def test_napari_discovers_it():
    plugins = PluginManager()
    plugins.discover()
    assert NAME in plugins


def test_one_file_not_two_copies():
    link = CHECKOUT / "src" / "napari_emcad" / "napari.yaml"
    if not link.is_symlink():
        pytest.skip("this checkout is without symbolic links")
    assert os.readlink(link) == os.path.join("..", "..", "napari.yaml")


@pytest.mark.parametrize("python_name", commands())
def test_every_name_leads_somewhere(python_name):
    assert callable(import_python_name(python_name))


def test_npe2_validates_it(manifest):
    manifest.validate_imports()


def test_importing_the_package_brings_in_nothing_heavy():
    """Napari imports it on the first click."""
    code = "import sys, napari_emcad; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"torch", "napari", "qtpy", "PyQt6", "PySide6", "numpy"}


@pytest.mark.parametrize("key", ["small", "medium", "large", "optical"])
def test_samples_tell_their_size(manifest, key):
    (sample,) = [s for s in manifest.contributions.sample_data if s.key == key]
    assert sample.display_name.lower().startswith(key)
    assert "voxels" in sample.display_name


def test_the_small_sample_has_the_size_it_tells(manifest):
    (sample,) = [s for s in manifest.contributions.sample_data if s.key == "small"]
    image, *_ = import_python_name("napari_emcad.sample_data:small")()
    assert " x ".join(str(n) for n in image[0].shape) in sample.display_name


def test_labels_saved_and_opened_by_way_of_napari(tmp_path):
    """The voxel size survives; three different scales, so that swapped axes show."""
    from napari.components import ViewerModel

    PluginManager.instance().discover()
    labels = np.arange(2 * 3 * 5, dtype=np.uint16).reshape(2, 3, 5)
    saved = ViewerModel().add_labels(labels, scale=(40, 5, 6), units=("nm", "nm", "nm"))
    saved.save(str(tmp_path / "labels.tif"), plugin=NAME)
    (opened,) = ViewerModel().open(str(tmp_path / "labels.tif"), plugin=NAME)
    np.testing.assert_array_equal(np.asarray(opened.data), labels)
    np.testing.assert_allclose(opened.extent.step, (40, 5, 6))


@pytest.mark.window
def test_the_dock_opens_from_the_plugins_menu(make_napari_viewer):
    dock, widget = make_napari_viewer().window.add_plugin_dock_widget(NAME, "EM CAD")
    assert dock.name.startswith("EM CAD")
    assert type(widget).__name__ == "EMCADDock"
