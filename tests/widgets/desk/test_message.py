"""The sentence that the dock shows, without a window."""

from hearing import heard

from napari_emcad.core.errors import UserError
from napari_emcad.widgets.desk.message import Message


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
