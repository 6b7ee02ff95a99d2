"""Public paths that have moved still work, and say where they went."""

import importlib

import pytest

from napari_emcad.moved import MOVED


@pytest.mark.parametrize(("old", "new"), MOVED.items())
def test_old_paths_work_and_warn(old, new):
    (old_home, old_name), (new_home, new_name) = (path.rsplit(".", 1) for path in (old, new))
    with pytest.warns(DeprecationWarning, match=f"{old} is {new} now"):
        found = getattr(importlib.import_module(old_home), old_name)
    assert found is getattr(importlib.import_module(new_home), new_name)


def test_from_an_old_path_by_import():
    with pytest.warns(DeprecationWarning):
        from napari_emcad.io.labels import write_labels
    with pytest.warns(DeprecationWarning):
        from napari_emcad.finetune import fine_tune
    assert write_labels.__module__ == "napari_emcad.io.labels.tiff"
    assert fine_tune.__module__ == "napari_emcad.finetuning.run"


@pytest.mark.parametrize("path", ["napari_emcad.finetune.nothing", "napari_emcad.io.labels.nothing"])
def test_what_was_never_there(path):
    home, name = path.rsplit(".", 1)
    with pytest.raises(AttributeError, match="no attribute"):
        getattr(importlib.import_module(home), name)


def test_other_modules_are_not_found():
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("napari_emcad.never")
