import struct

import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.io.read_errors import explain_header_errors, first_line


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
        explain_header_errors("a.tif: the TIFF", "copy it again"),
    ):
        raise error("cut\nhere")
    assert isinstance(caught.value.__cause__, error)


def test_what_is_said_of_it_can_be_chosen():
    with (
        pytest.raises(UserError, match=r"^a cannot be read \(OSError\); b\.$"),
        explain_header_errors("a", "b", lambda error: type(error).__name__),
    ):
        raise OSError("long words")


@pytest.mark.parametrize("error", [UserError("said already"), MemoryError(), KeyboardInterrupt()])
def test_other_errors_pass(error):
    with pytest.raises(type(error)), explain_header_errors("a", "b"):
        raise error
