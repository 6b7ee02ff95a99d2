"""The sentence that the dock shows, without a window."""

from hearing import heard
from psygnal import EmitLoopError

from napari_emcad.core.errors import UserError
from napari_emcad.widgets.desk.message import Message
from napari_emcad.widgets.kit.defect_log import DefectLog


def test_hints_results_and_errors():
    message = Message()
    changes = heard(message.changed)
    message.say("Press Run.")
    assert (message.text, message.kind) == ("Press Run.", "hint")
    message.result("Done.")
    assert (message.kind, message.details) == ("result", "Done.")
    message.error(UserError("box: nothing is drawn; draw one."))
    assert (message.text, message.details) == ("box: nothing is drawn; draw one.",) * 2
    assert len(changes) == 3


def test_an_unforeseen_error_has_details():
    message = Message()
    try:
        raise KeyError("inner.weight\nand more")
    except KeyError as error:
        message.error(error)
    assert "KeyError: 'inner.weight" in message.text and "\n" not in message.text
    assert "Traceback" in message.details


def test_a_defect_says_where_its_traceback_is_and_where_to_report_it(tmp_path, monkeypatch):
    message = Message()
    message.defects = DefectLog(tmp_path / "defects.txt")
    message.error(KeyError("scale"))
    assert message.text == (
        "This is a defect of napari-emcad (KeyError: 'scale'): press Copy and report it to its developers. "
        f"Its details are kept in {tmp_path / 'defects.txt'}"
    )
    monkeypatch.setattr("napari_emcad.core.defects.issue_page", lambda: "https://host.example/issues")
    message.error(KeyError("scale"))
    assert "report it at https://host.example/issues." in message.text
    message.error(MemoryError())
    assert message.text.startswith("Memory has run out") and "kept in" not in message.text
    assert "MemoryError" in message.details


def test_what_a_listener_raised_is_said_in_its_own_words():
    message = Message()
    changed = Message().changed
    changed.connect(lambda: (_ for _ in ()).throw(UserError("box: nothing is drawn; draw one.")))
    try:
        changed.emit()
    except EmitLoopError as error:
        message.error(error)
    assert message.text == message.details == "box: nothing is drawn; draw one."
