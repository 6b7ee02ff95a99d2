"""The scripted sessions of the documentation, with real mouse events."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

DOCS = Path(__file__).parents[2] / "docs"

pytestmark = [pytest.mark.window, pytest.mark.slow]


@pytest.fixture
def docs(tmp_path, monkeypatch, make_napari_viewer):
    """Options of a tour, whose pictures are saved in a moment and not as small as can be."""
    monkeypatch.syspath_prepend(str(DOCS))
    monkeypatch.setattr("napari.Viewer", lambda show: make_napari_viewer(show=show))
    monkeypatch.setattr("screenshots.LARGEST", 10**9)
    save = Image.Image.save
    monkeypatch.setattr(Image.Image, "save", lambda picture, path, **_: save(picture, path, compress_level=1))
    yield SimpleNamespace(data=None, model=None, images=tmp_path / "images", theme="dark")
    for module in ("bridged_tour", "tour", "screenshots", "window"):
        sys.modules.pop(module, None)


def test_click_merge_split_grow_review_lock_close_reopen(docs, tmp_path, monkeypatch):
    monkeypatch.setattr("screenshots.PART", (6, 256, 256))
    import tour

    tour.tour(docs, tmp_path)
    pictures = {path.stem: Image.open(path).size for path in (tmp_path / "images").glob("*.png")}
    modes = {"select", "merge", "split", "grow", "review"}
    assert set(pictures) == modes | {"click", "surfaces", "reopened"}


def test_across_a_section_that_is_left_out(docs, tmp_path, monkeypatch):
    import bridged_tour

    monkeypatch.setattr(bridged_tour, "PART", (12, 256, 256))
    bridged_tour.tour(docs, tmp_path)
    assert {path.stem for path in (tmp_path / "images").glob("*.png")} == {"bridged_review", "bridged_3d"}
