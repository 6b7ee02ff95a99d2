"""The line at the foot of the dock, without a viewer."""

import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.widgets.desk.message import Message
from napari_emcad.widgets.message_line import MessageLine


@pytest.fixture
def message() -> Message:
    return Message()


@pytest.fixture
def line(message, qtbot) -> MessageLine:
    line = MessageLine(message)
    qtbot.addWidget(line)
    return line


def test_results_and_errors_can_be_copied(line, message, qapp):
    assert line._copy.isHidden()
    message.say("Press Run.")
    assert line._label.text() == "Press Run." and line._copy.isHidden()
    message.error(UserError("box: nothing is drawn; draw one."))
    assert line.property("kind") == "error" and not line._copy.isHidden()
    line._copy.click()
    assert qapp.clipboard().text() == "box: nothing is drawn; draw one."


def test_an_unforeseen_error_is_copied_with_its_details(line, message, qapp):
    try:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    except RuntimeError as error:
        message.error(error)
    assert "RuntimeError: mat1 and mat2" in line._label.text()
    line.copy()
    assert "Traceback" in qapp.clipboard().text()
