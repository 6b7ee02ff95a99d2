"""The report on sections as it is shown, without a viewer."""

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QFileDialog

from napari_emcad.core.sections.report import SectionFinding, SectionReport, Slip, SlipKind, Verdict
from napari_emcad.widgets.desk.section_use import INVERT, LEAVE_OUT
from napari_emcad.widgets.segment.views.section_report import SectionReportView

pytestmark = pytest.mark.window

SHAPE = (12, 48, 64)
FOUND = (
    SectionFinding(2, Verdict.BLANK, "one grey, 0, on 100 % of it"),
    SectionFinding(4, Verdict.PALE, "contrast is 50 % of the neighbours'"),
    SectionFinding(7, Verdict.SLIPPED, "far", Slip(SlipKind.JUMP, (3, -24), 8.0)),
)


def report_of(*findings, bare=False, shape=SHAPE):
    masks = np.zeros((2, shape[0], 2, 5), bool)
    masks[0, :, 0] = bare
    return SectionReport(shape, findings, masks[0], masks[1], 32)


@pytest.fixture
def view(desk, qtbot) -> SectionReportView:
    view = SectionReportView(desk.inspection, desk.settings, desk.section_plan_files)
    qtbot.addWidget(view)
    view.resize(380, 600)
    return view


@pytest.fixture
def data():
    return np.random.default_rng(0).integers(0, 255, SHAPE, np.uint8)


@pytest.fixture
def shown(view, desk, open_stack, data):
    """The view of a stack with findings, unfolded."""
    open_stack(data)
    desk.inspection.choices.put_report(report_of(*FOUND))
    view.show()
    view.arrow.click()
    return view


def rows(view) -> list[str]:
    model = view.list.model()
    return [model.data(model.index(n)) for n in range(model.rowCount())]


def press(view, n) -> None:
    """Click on a row."""
    place = view.list.visualRect(view.list.model().index(n)).center()
    QTest.mouseClick(view.list.viewport(), Qt.MouseButton.LeftButton, pos=place)


def test_it_is_hidden_without_a_stack(view, open_stack, data):
    assert view.isHidden()
    open_stack(data)
    assert not view.isHidden() and view._body.isHidden()


def test_the_look_is_shown_and_stopped_and_goes_on(view, desk, loop, data):
    desk.viewer.add_image(data)
    assert view.line.text().startswith("Looking at sections") and view.look_button.text() == "Stop"
    view.look_button.click()
    loop.work()
    assert view.line.text() == "Sections have not been looked at." and view.look_button.text() == "Look at sections"
    assert "million voxels" in view.look_button.toolTip() and not view.add_button.isEnabled()
    view.look_button.click()
    loop.work()
    assert view.line.text().startswith("12 sections: ") and view.look_button.isHidden()


def test_rows_say_what_is_wrong_why_and_what_is_done(shown):
    assert shown.line.text() == "12 sections: 2 blank; 4 pale; slip of 24 px at 7."
    assert rows(shown) == [
        "2: blank\none grey, 0, on 100 % of it\nleave out",
        "4: pale\ncontrast is 50 % of the neighbours'\nuse as it is",
        "7: slipped\nfar\nshift it and all that follow by y +3, x -24 px",
    ]


def test_a_click_or_enter_goes_to_a_section(shown, desk):
    press(shown, 1)
    assert desk.inspection.section_shown == 4 and shown.list.selection == [4]
    assert shown.use._name.text() == "Section 4" and shown.use.combo.currentText() == "use as it is (proposed)"
    QTest.keyClick(shown.list, Qt.Key.Key_Down)
    QTest.keyClick(shown.list, Qt.Key.Key_Return)
    assert desk.inspection.section_shown == 7 and shown.list.selection == [7]


def test_a_person_chooses_and_takes_it_back(shown, desk):
    press(shown, 1)
    shown.use.combo.setCurrentIndex(shown.use.combo.findText("leave out"))
    shown.use.combo.activated.emit(shown.use.combo.currentIndex())
    assert desk.inspection.plan.left_out.tolist()[2:5] == [True, False, True]
    assert rows(shown)[1].endswith("leave out (chosen by you)") and shown.list.selection == [4]
    assert "(1 changed by you)" in shown.line.text() and shown.reset_button.isEnabled()
    shown.reset_button.click()
    assert rows(shown)[1].endswith("use as it is") and not shown.reset_button.isEnabled()


def test_all_is_taken_back_where_what_is_selected_was_not_changed(shown, desk):
    desk.inspection.choices.choose([2, 4], INVERT)
    press(shown, 2)
    assert shown.reset_button.text() == "Reset all"
    press(shown, 0)
    assert shown.reset_button.text() == "Reset"
    shown.reset_button.click()
    assert desk.inspection.choices.changed_sections == [4] and shown.reset_button.text() == "Reset all"
    shown.reset_button.click()
    assert desk.inspection.choices.changed_sections == []


def test_the_pixels_of_a_shift(shown, desk):
    press(shown, 0)
    assert shown.use._shift.isHidden()
    press(shown, 2)
    assert not shown.use._shift.isHidden() and (shown.use.down.value(), shown.use.right.value()) == (3, -24)
    shown.use.right.setValue(10)
    assert desk.inspection.plan.offset[-1].tolist() == [3, 10] and shown.use.right.value() == 10
    assert rows(shown)[2].endswith("by y +3, x +10 px (chosen by you)")


def test_several_sections_at_once(shown, desk):
    shown.list.select([2, 7])
    assert shown.use._name.text() == "Sections 2, 7" and shown.use.combo.currentIndex() == -1
    shown.use._on_use(shown.use.combo.findText("leave out (proposed)"))
    assert desk.inspection.plan.left_out[[2, 7]].all()
    desk.inspection.add_shown()
    shown.list.selectAll()
    assert shown.use._name.text() == "4 sections"


def test_the_section_on_screen_is_added(shown, desk):
    desk.viewer.dims.set_current_step(0, 9)
    shown.add_button.click()
    assert shown.list.selection == [9] and rows(shown)[-1].startswith("9: added by you")
    shown.use._on_use(shown.use.combo.findText("invert"))
    assert desk.inspection.plan.inverted[9]
    shown.reset_button.click()
    assert len(rows(shown)) == 3


def test_all_sections_as_they_are(shown, desk):
    shown.all_as_is.click()
    assert desk.inspection.plan.is_as_is and not shown.list.isEnabled() and not shown.use.isEnabled()
    shown.all_as_is.click()
    assert shown.list.isEnabled() and not desk.inspection.plan.is_as_is


def test_bridged_labels_and_parts_without_tissue(shown, desk):
    assert shown.skip_bare.isHidden()
    desk.inspection.choices.put_report(report_of(*FOUND, bare=True))
    assert not shown.skip_bare.isHidden() and desk.inspection.plan.no_tissue.any()
    shown.skip_bare.click()
    shown.bridged.setCurrentIndex(1)
    shown.bridged.activated.emit(1)
    assert not desk.inspection.plan.no_tissue.any() and not desk.inspection.plan.interpolates


def test_pictures_are_read_for_rows_in_sight_only(view, desk, loop, open_stack, qtbot):
    open_stack(np.full((3000, 32, 32), 200, np.uint8))
    shape = (3000, 32, 32)
    found = (SectionFinding(z, Verdict.BLANK, "") for z in range(3000))
    desk.inspection.choices.put_report(report_of(*found, shape=shape))
    view.show()
    view.arrow.click()
    qtbot.waitUntil(lambda: bool(desk.inspection.pictures._wanted), timeout=5000)
    loop.work()
    assert len(rows(view)) == 3000 and 1 < len(desk.inspection.pictures._found) < 40
    desk.inspection.choices.choose([2999], LEAVE_OUT)
    view.list.select([2999])
    assert view.list.selection == [2999]


def test_pictures_are_seen_at_the_grey_levels_of_a_run(shown, desk, loop):
    model, role = shown.list.model(), Qt.ItemDataRole.DecorationRole

    def middle() -> int:
        return model.data(model.index(1), role).pixmap(56, 56).toImage().pixelColor(28, 28).value()

    middle()
    loop.work()
    desk.settings.change_levels(250, 255)
    assert middle() == 0
    desk.settings.change_levels(0, 5)
    assert middle() == 255


def test_another_stack_has_another_list(shown, desk, loop, open_stack, data):
    first = desk.stack.layer
    shown.list.select([4])
    desk.stack.layer = open_stack(data[:5], name="other")
    loop.work()
    assert shown.list.selection == [] and not any(row.startswith("4: pale") for row in rows(shown))
    desk.viewer.layers.remove(desk.stack.layer)
    assert desk.stack.layer is first and len(rows(shown)) == 3


def test_it_lets_go(shown, desk):
    shown.close_view()
    desk.inspection.choices.add(9)
    assert len(rows(shown)) == 3


def test_the_plan_is_saved_and_opened(shown, desk, tmp_path, monkeypatch):
    actions, path = shown.plan_actions, str(tmp_path / "plan.json")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (path, ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (path, ""))
    desk.inspection.choices.choose([4], LEAVE_OUT)
    actions.save_button.click()
    desk.inspection.choices.reset([4])
    assert actions.isVisible() and rows(shown)[1].endswith("use as it is")
    actions.open_button.click()
    assert rows(shown)[1].endswith("leave out (chosen by you)") and "(1 changed by you)" in shown.line.text()
    assert desk.message.text.startswith("plan.json: sections 2, 4 are left out")


def test_there_is_nothing_to_save_in_mid_look(view, desk, data):
    desk.viewer.add_image(data)
    assert not view.plan_actions.save_button.isEnabled() and view.plan_actions.open_button.isEnabled()
    assert view.plan_actions.save_button.toolTip() == "The sections have not been looked at."
