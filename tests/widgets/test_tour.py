"""The scripted sessions of the documentation, with real mouse events."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

DOCS = Path(__file__).parents[2] / "docs"

pytestmark = [pytest.mark.window, pytest.mark.slow]


def test_click_merge_split_grow_review_lock_close_reopen(tmp_path, monkeypatch, make_napari_viewer):
    monkeypatch.syspath_prepend(str(DOCS))
    monkeypatch.setattr("napari.Viewer", lambda show: make_napari_viewer(show=show))
    import tour

    options = SimpleNamespace(data=None, model=None, images=tmp_path / "images", theme="dark")
    tour.tour(options, tmp_path)
    pictures = {path.stem: Image.open(path).size for path in (tmp_path / "images").glob("*.png")}
    modes = {"select", "merge", "split", "grow", "review"}
    assert set(pictures) == modes | {"click", "surfaces", "reopened"}
    for module in ("tour", "screenshots", "window"):
        sys.modules.pop(module, None)


def test_across_a_section_that_is_left_out(tmp_path, monkeypatch, make_napari_viewer):
    monkeypatch.syspath_prepend(str(DOCS))
    monkeypatch.setattr("napari.Viewer", lambda show: make_napari_viewer(show=show))
    import bridged_tour

    options = SimpleNamespace(data=None, model=None, images=tmp_path / "images", theme="dark")
    bridged_tour.tour(options, tmp_path)
    assert {path.stem for path in (tmp_path / "images").glob("*.png")} == {"bridged_review", "bridged_3d"}
    for module in ("bridged_tour", "tour", "screenshots", "window"):
        sys.modules.pop(module, None)
