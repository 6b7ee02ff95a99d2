"""Sessions that lie beside the stack are offered, without a window."""

import time

import numpy as np
import pytest
import tifffile

from napari_emcad.widgets.proofread import session_offer
from napari_emcad.widgets.proofread.session_offer import SessionOffer, day_text


@pytest.fixture
def offer(desk, tmp_path, monkeypatch) -> SessionOffer:
    monkeypatch.setattr(session_offer, "own_data", lambda: tmp_path / "own")
    return SessionOffer(desk)


@pytest.fixture
def beside(desk, loop, open_stack, stack, tmp_path, offer):
    """A session with two edits in force, beside the file of the stack that is open; it has been ended."""
    tifffile.imwrite(file := tmp_path / "em.tif", stack, photometric="minisblack")
    open_stack(stack, metadata={"source": str(file)})
    loop.settle()
    desk.runs.run()
    loop.settle()
    desk.sessions.start()
    loop.settle()
    at = desk.sessions.current
    neuron = int(at.session.state.table[1])
    for change in (at.session.lock, at.session.unlock, at.session.lock):
        at.edit(lambda change=change: change(neuron))
    at.edit(at.session.undo)
    assert offer.press_words == ""
    desk.sessions.end()
    loop.settle()
    return at.opened.folder


def test_the_session_of_a_stack_is_offered_and_opened(desk, loop, offer, beside):
    assert offer.press_words == "Go on with 2 edits of today" and str(beside) in offer.tip and offer.why_not == ""
    desk.viewer.layers.clear()
    loop.settle()
    assert offer.press_words == ""
    layer = desk.viewer.add_image(
        np.zeros((3, 48, 64), np.uint8), metadata={"source": str(beside.parent / "other.tif")}
    )
    loop.settle()
    assert offer.press_words == ""
    layer.metadata["source"] = str(beside.parent / "em.tif")
    desk.viewer.layers.clear()
    desk.viewer.add_layer(layer)
    loop.settle()
    offer.press()
    assert offer.why_not == "A job is running."
    loop.settle()
    assert desk.sessions.current.opened.folder == beside and offer.press_words == ""


def test_days_as_people_say_them():
    noon = time.mktime((2026, 3, 12, 12, 0, 0, 0, 0, -1))
    days = {0: "today", 1: "yesterday", 2: "Tuesday", 6: "Friday", 7: "5 March", 80: "22 December 2025", -3: "15 March"}
    assert {n: day_text(noon - n * 86_400, noon) for n in days} == days
    assert day_text(noon - 11 * 3600, noon + 11 * 3600) == "today"
