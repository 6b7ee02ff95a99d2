"""Rows of a form, fields, sections and questions."""

import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication, QLineEdit, QWidget

from napari_emcad.widgets.kit.fields import (
    Affixes,
    Limits,
    integer_field,
    number_field,
    slider,
    text_field,
    toggle_button,
)
from napari_emcad.widgets.kit.forms import NarrowCombo, enable, form, text
from napari_emcad.widgets.kit.question import Question
from napari_emcad.widgets.kit.section import Section

pytestmark = pytest.mark.window


@pytest.fixture
def shown(qtbot):
    """Show a widget."""

    def show(widget):
        qtbot.addWidget(widget)
        widget.show()
        return widget

    return show


def test_a_control_says_why_it_is_disabled(shown):
    field = shown(QLineEdit())
    enable(field, "A job is running.", "Type here.")
    assert not field.isEnabled() and field.toolTip() == "A job is running."
    enable(field, "", "Type here.")
    assert field.isEnabled() and field.toolTip() == "Type here."


def test_words_take_no_more_room_than_they_need(shown):
    label = shown(text("a word " * 60))
    label.resize(200, 400)
    tall = label.minimumHeight()
    label.setText("a word")
    assert 0 < label.minimumHeight() < tall / 3


def test_the_wheel_scrolls_the_dock_and_leaves_the_choice(shown):
    combo = shown(NarrowCombo())
    combo.addItems(["a", "b"])
    wheel = QWheelEvent(
        QPointF(1, 1),
        QPointF(1, 1),
        QPoint(),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(combo, wheel)
    assert combo.currentText() == "a" and not wheel.isAccepted()


def test_words_that_wrap_get_their_height(shown):
    label = text("word")
    shown(label).resize(80, 20)
    one_line = label.minimumHeight()
    label.setText("word " * 40)
    assert label.minimumHeight() > 3 * one_line


def test_labels_of_rows_are_aligned(shown):
    parent = QWidget()
    rows = form(parent)
    rows.add("A", text("short"))
    rows.add("Threshold", text("long"))
    shown(parent)
    fields = [rows.itemAt(row, rows.ItemRole.FieldRole).widget() for row in range(2)]
    assert fields[0].x() == fields[1].x()


def test_numbers_with_their_units(shown):
    memory = shown(number_field(Limits(0.5, 8, 0.5), 1, "GB"))
    memory.setValue(100)
    assert memory.text() == "8.0 GB" and not memory.keyboardTracking()
    workers = shown(integer_field(Limits(1, 6), Affixes("processes", "with", "1 process")))
    assert workers.text() == "1 process"
    workers.setValue(4)
    assert workers.text() == "with 4 processes"


def test_other_fields(shown):
    address = shown(text_field("none", can_be_cleared=True))
    assert address.placeholderText() == "none" and address.isClearButtonEnabled()
    assert (shown(slider(7)).minimum(), slider(7).maximum()) == (0, 7)
    assert shown(toggle_button("Draw")).isCheckable()


def test_a_section_folds(shown):
    content = QWidget()
    section = shown(Section("Export", content, is_open=False))
    assert not section.is_open and not content.isVisible()
    section.open()
    assert section.is_open and content.isVisible()


@pytest.fixture
def question(qtbot):
    question, answers = Question("Join", "Leave"), []
    qtbot.addWidget(question)
    question.accepted.connect(lambda: answers.append("yes"))
    question.dropped.connect(lambda: answers.append("no"))
    question.answers = answers
    return question


def test_a_question_is_hidden_until_it_is_asked(question):
    assert question.isHidden()
    question.put("Join them?")
    assert not question.isHidden() and question._label.text() == "Join them?"
    question.put("")
    assert question.isHidden() and question.answers == []


@pytest.mark.parametrize(("button", "answer"), [("yes_button", "yes"), ("no_button", "no")])
def test_an_answer_is_heard_once(question, button, answer):
    question.put("Join them?")
    getattr(question, button).click()
    assert question.answers == [answer] and question.isHidden() and question.words == ""
