"""Keys and the line over the canvas, borrowed from a viewer and given back as they were."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.key_bindings import KeymapHandler

from napari_emcad.proofreading.review.questions import ANSWERS
from napari_emcad.widgets.proofread.key_binder import KeyBinder
from napari_emcad.widgets.proofread.keys import ANSWER_WORDS, KEYS
from napari_emcad.widgets.proofread.modes import Banner, Mode


@pytest.fixture
def viewer():
    viewer = ViewerModel()
    viewer.add_labels(np.zeros((4, 5), np.uint8), name="one")
    viewer.add_labels(np.zeros((4, 5), np.uint8), name="other")
    return viewer


def press(viewer, key: str) -> None:
    handler = KeymapHandler()
    handler.keymap_providers = [viewer.layers.selection.active, viewer]
    handler.press_key(key)


def test_a_contested_key_is_heard_whatever_layer_is_active(viewer):
    heard = []
    keys = KeyBinder(viewer)
    keys.bind("undo", lambda: heard.append("undo"))
    keys.bind("split", lambda: heard.append("split"))
    for layer in viewer.layers:
        viewer.layers.selection.active = layer
        press(viewer, "Control-Z")
        press(viewer, "D")
        assert [bool(one.keymap) for one in viewer.layers] == [one is layer for one in viewer.layers]
    assert heard == ["undo", "split"] * 2 and keys.bound == {"undo", "split"}
    keys.release("undo", "split", "merge")
    assert not viewer.keymap and not any(layer.keymap for layer in viewer.layers) and keys.bound == set()


def test_keys_that_others_had_bound_come_back(viewer):
    heard = []
    layer = viewer.layers.selection.active
    viewer.bind_key("D", lambda _viewer: heard.append("theirs"))
    layer.bind_key("Control-Z", lambda _layer: heard.append("the layer's"))
    keys = KeyBinder(viewer)
    for name in ("split", "undo"):
        keys.bind(name, lambda name=name: heard.append(name))
        keys.bind(name, lambda name=name: heard.append(f"{name} again"))  # another action, bound once
    press(viewer, "D")
    press(viewer, "Control-Z")
    keys.close()
    press(viewer, "D")
    press(viewer, "Control-Z")
    assert heard == ["split again", "undo again", "theirs", "the layer's"]
    viewer.layers.selection.active = viewer.layers["one"]
    assert not viewer.layers["one"].keymap, "closed, it follows no layer"


def test_the_text_over_the_canvas_comes_back(viewer):
    overlay = viewer.canvas.overlays.text
    overlay.text, overlay.visible, overlay.font_size = "theirs", True, 22
    before = {name: getattr(overlay, name) for name in ("text", "visible", "position", "font_size", "box")}
    banner = Banner(viewer)
    banner.show("MERGE\nclick")
    banner.show("SPLIT\nclick")
    assert overlay.text == " SPLIT \n click " and overlay.visible
    banner.hide()
    banner.hide()
    assert {name: getattr(overlay, name) for name in before} == before


def test_every_mode_and_every_answer_has_its_key():
    assert {mode.value for mode in Mode} <= set(KEYS) and set(ANSWER_WORDS) == set(ANSWERS) <= set(KEYS)
    presses = [key.press for key in KEYS.values()]
    assert len(set(presses)) == len(presses)
    for mode in Mode:
        assert mode.look.word and (mode is Mode.SELECT or "Esc leaves" in mode.look.banner)
    assert KEYS["redo"].label in ("Ctrl+Shift+Z", "Cmd+Shift+Z") and KEYS["leave"].label == "Esc"
