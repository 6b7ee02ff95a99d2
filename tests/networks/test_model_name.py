import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.networks.model_name import same_name, usable_name


@pytest.mark.parametrize("name", ["mouse", "mouse 2", "AC3-4_v1.2", "Mäuse", "ニューロン", "console", "x" * 100])
def test_names(name):
    assert usable_name(name) == usable_name(f"  {name}\n") == name


def test_letters_of_two_signs_become_one():
    assert usable_name("Ma\u0308use") == "Mäuse"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "a name is needed"),
        (" \t", "a name is needed"),
        ("a/b", "holds /; use letters"),
        ("..\\b", r"holds \; use letters"),
        ("a:b?", "holds : ?; use letters"),
        ("a\nb", "holds signs that cannot be seen"),
        ("a\0b", "holds signs that cannot be seen"),
        ("\ud800", "holds signs that cannot be seen"),
        (".hidden", "begins or ends with a full stop"),
        ("..", "begins or ends with a full stop"),
        ("mouse.", "begins or ends with a full stop"),
        ("mouse.pt", "leave .pt away"),
        ("AC34.CKPT", "leave .CKPT away"),
        ("mouse.json", "leave .json away"),
        ("con", "belongs to Windows"),
        ("NUL.v2", "belongs to Windows"),
        ("Com1", "belongs to Windows"),
        ("x" * 101, "is 101 bytes long; 100 are the most"),
        ("ß" * 51, "is 102 bytes long"),
    ],
)
def test_what_files_cannot_be_called_on_every_system(name, says):
    with pytest.raises(UserError) as error:
        usable_name(name)
    sentence = str(error.value)
    assert sentence.startswith("model: ") and sentence.endswith(".") and says in sentence


def test_names_that_a_system_takes_for_the_same():
    assert same_name("Mouse.pt", "mouse.PT") and same_name("Ma\u0308use", "mäuse") and not same_name("mouse", "mouse2")
