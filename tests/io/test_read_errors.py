import json
import struct

import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.io.json_text import parse_json
from napari_emcad.io.read_errors import explain_read_errors, first_line
from napari_emcad.io.stacks.stack import content_of


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("first\nsecond"), "first"),
        (ValueError(" \n"), "ValueError"),
        (EOFError(), "EOFError"),
        (OSError("x" * 300), "x" * 200 + " ..."),
    ],
)
def test_first_line(error, line):
    assert first_line(error) == line


@pytest.mark.parametrize(
    "error",
    [OSError, struct.error, KeyError, IndexError, TypeError, SyntaxError, ZeroDivisionError],
)
def test_a_damaged_header_is_one_sentence(error):
    with (
        pytest.raises(UserError, match=r"^a\.tif: the TIFF cannot be read \(.*cut.*\); copy it again\.$") as caught,
        explain_read_errors("a.tif: the TIFF", "copy it again"),
    ):
        raise error("cut\nhere")
    assert isinstance(caught.value.__cause__, error)


def test_what_is_said_of_it_can_be_chosen():
    with (
        pytest.raises(UserError, match=r"^a cannot be read \(OSError\); b\.$"),
        explain_read_errors("a", "b", lambda error: type(error).__name__),
    ):
        raise OSError("long words")


def test_a_defect_keeps_its_traceback_and_says_what_it_is():
    with pytest.raises(AttributeError) as caught, explain_read_errors("a", "b"):
        content_of(None)  # this package's own code fails
    assert "defect of napari-emcad" in caught.value.__notes__[0]
    assert "content_of" in str(caught.traceback[-1])
    with pytest.raises(AttributeError) as caught, explain_read_errors("a", "b"), explain_read_errors("c", "d"):
        content_of(None)
    assert len(caught.value.__notes__) == 1


def test_words_of_this_package_on_data_are_no_defect():
    with pytest.raises(UserError, match="nested too deep"), explain_read_errors("a", "b"):
        parse_json("[" * 100_000)


def test_errors_below_a_library_are_no_defect():
    with pytest.raises(UserError), explain_read_errors("a", "b"):
        json.loads("{}", object_hook=lambda found: found.nothing)


@pytest.mark.parametrize("error", [UserError("said already"), MemoryError(), KeyboardInterrupt()])
def test_other_errors_pass(error):
    with pytest.raises(type(error)), explain_read_errors("a", "b"):
        raise error
