"""A run by blocks before it begins: why it cannot, what it is to do, what it takes."""

from types import SimpleNamespace

import numpy as np
import pytest

from napari_emcad.core.geometry import Box
from napari_emcad.widgets.blocks.new_run import NewRun
from napari_emcad.widgets.desk.region import BOX
from napari_emcad.widgets.desk.section_use import LEAVE_OUT


@pytest.fixture
def new(desk):
    return NewRun(desk)


def test_without_a_stack(new, tmp_path):
    assert "Open a stack first" in new.why_not(tmp_path / "a.emcad")
    assert new.plan_text(None) == "Choose a stack and a model to see time and disk space."


def test_a_stack_in_memory_has_to_be_saved_first(new, open_stack, stack, tmp_path):
    open_stack(stack)
    assert "save it (File > Save Selected Layers)" in new.why_not(tmp_path / "a.emcad")


def test_a_session_needs_a_name(new, open_file, tmp_path):
    open_file()
    assert new.why_not(None) == new.why_not(tmp_path / "a") == "Name a session, a folder that ends in .emcad."
    assert "does not exist; choose another one." in new.why_not(tmp_path / "missing" / "a.emcad")
    assert not new.why_not(tmp_path / "a.emcad")


def test_the_order_is_what_is_chosen(new, desk, open_file, file, model):
    open_file()
    desk.settings.change(min_size=7)
    order = new.order()
    assert (order.source, order.dataset, order.model) == (str(file), None, model)
    assert (order.shape, order.voxel_size) == ((18, 48, 64), (40, 5, 6))
    assert order.box == Box.whole((18, 48, 64)) and order.parameters.min_size == 7


def test_sections_are_looked_at_first_unless_that_is_known(new, desk, open_file, loop, monkeypatch):
    monkeypatch.setattr("napari_emcad.widgets.desk.inspection.BY_ITSELF", 0)
    assert new.sections_text == ""
    open_file()
    assert (new.order().sections, new.sections_text) == ("auto", "They are looked at first.")
    desk.inspection.choices.interpolates = False
    assert not new.order().interpolates
    desk.inspection.choices.interpolates = True
    desk.inspection.look()
    loop.work()
    desk.inspection.choices.choose([4], LEAVE_OUT)
    order = new.order()
    assert order.sections is desk.inspection.plan and np.flatnonzero(order.sections.left_out).tolist() == [4]
    assert order.interpolates
    assert new.sections_text == "18 sections: all good (1 changed by you)."


def test_a_box_has_to_be_drawn_first(new, desk, open_file):
    open_file()
    desk.region.kind = BOX
    assert new.plan_text(None) == "Draw a box to see time and disk space."
    desk.region.draw()
    desk.region.shapes.layer.add_rectangles(np.array([[0, 8, 8], [0, 8, 56], [0, 40, 56], [0, 40, 8]]))
    desk.region.sections = (3, 5)
    assert new.plan_text(None).endswith("on the disk")
    assert new.order().box == Box((3, 8, 8), (6, 41, 57))


@pytest.mark.parametrize(("free", "words"), [(10_000, "but only 1 MB"), (2 * 10**9, ", 2.0 GB")])
def test_the_disk_is_looked_at_before(new, open_file, tmp_path, monkeypatch, free, words):
    open_file()
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    assert words in new.plan_text(tmp_path / "a.emcad") and new.plan_text(tmp_path / "a.emcad").endswith("are free")
    assert "free" not in new.plan_text(tmp_path / "missing" / "a.emcad")
    assert not new.why_not(tmp_path / "a.emcad"), "it is a person's to decide"
