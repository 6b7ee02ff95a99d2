"""Ends of neurons: gone to one after the other, and marked as seen."""

import numpy as np
import pytest

from napari_emcad.proofreading.ends import Spot
from napari_emcad.widgets.proofread import ends as ends_module


@pytest.fixture
def ends(editing, monkeypatch):
    """Three places on three columns, whatever the neurons are."""
    spots = tuple(Spot("end", n, n, (1, 24, 16 * n - 8), 900.0, 100 - n) for n in (1, 2, 3))
    found = ends_module.Spots(spots, ends_module.Quality(50_000.0, 0.5, 3, 0))
    monkeypatch.setattr(ends_module, "find_spots", lambda pieces: found)
    return editing.editor.ends


def fragment_of(ends) -> int:
    return ends.spot.fragment


def test_one_after_the_other_and_back(editing, ends):
    editing.press("E")
    editing.loop.settle()
    assert fragment_of(ends) == 1
    editing.press("E")
    assert fragment_of(ends) == 2
    editing.press("Shift-E")
    editing.press("Shift-E")
    assert fragment_of(ends) == 3
    assert "3 places to look at" in ends.words and "6.0 ends on 100 µm" in ends.quality


def marked(editing) -> list[list[float]]:
    """The places that have a ring."""
    layers = [layer for layer in editing.viewer.layers if layer.name == "end" and layer.visible]
    return [place for layer in layers for place in layer.data.tolist()]


def test_the_place_gone_to_has_a_ring_until_it_is_seen(editing, ends):
    before = editing.viewer.layers.extent.world.copy()
    assert not marked(editing)
    editing.press("E")
    editing.loop.settle()
    assert marked(editing) == [[1, 24, 8]]
    editing.press("E")
    assert marked(editing) == [[1, 24, 24]]
    np.testing.assert_array_equal(editing.viewer.layers.extent.world, before)
    assert editing.viewer.layers.selection.active is editing.at.layer
    for _ in range(3):
        editing.press("X")
    assert not marked(editing), "none is left to look at"
    editing.editor.close()
    assert "end" not in [layer.name for layer in editing.viewer.layers]


def test_a_place_that_was_seen_is_kept_and_comes_back_when_that_is_undone(editing, ends):
    editing.press("E")
    editing.loop.settle()
    editing.press("X")
    assert editing.rows == ["decide"] and editing.session.log.rows[0].input["answer"] == "seen"
    assert fragment_of(ends) == 2 and [spot.fragment for spot in ends.places] == [2, 3]
    editing.press("Control-Z")
    assert [spot.fragment for spot in ends.places] == [1, 2, 3]


def test_nothing_is_seen_before_a_place_was_gone_to(editing, ends):
    editing.press("X")
    assert editing.said("no place was gone to")
