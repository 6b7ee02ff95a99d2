"""The voice of the code (CONTRIBUTING.md): docstrings stand alone, and one word has one meaning."""

import ast
import functools
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "napari_emcad"

FRAGMENTS = {
    *("Of", "What", "Where", "Such", "As", "Whether", "Which", "Who", "Whose"),
    *("How", "Why", "When", "Those", "And", "But", "Also", "Or"),
}
"""Words that open half a sentence: whoever reads it in a list of completions sees no name above it."""

RIDDLES = {"told", "made", "settled", "begun", "given", "going_on", "watching", "meant", "left", "said", "handed"}
"""Names of functions that say nothing of what they do."""


@functools.cache
def trees() -> dict[str, ast.Module]:
    """Every file of the package."""
    files = sorted(SOURCE.rglob("*.py"))
    return {str(file.relative_to(SOURCE)): ast.parse(file.read_text("utf-8")) for file in files}


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and text of every docstring: of modules, classes, functions, and of what is assigned above one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if text := ast.get_docstring(node):
                yield getattr(node, "lineno", 1), text
            pairs = zip(node.body, node.body[1:], strict=False)
            yield from (_text(after) for before, after in pairs if _is_assignment(before) and _is_text(after))


def _is_assignment(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign | ast.AnnAssign)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _text(node: ast.Expr) -> tuple[int, str]:
    return node.lineno, node.value.value


def opens_half_a_sentence(text: str) -> bool:
    """True for a docstring that leans on the name above it, or on the docstring before it."""
    first = text.split()[0].strip(",.:;`*\"'")
    return first in FRAGMENTS or text.lstrip()[0] == "."


@pytest.mark.parametrize("file", trees())
def test_docstrings_stand_alone(file):
    wrong = [f"{file}:{line}: {text.splitlines()[0]}" for line, text in docstrings(trees()[file])]
    texts = [text for _, text in docstrings(trees()[file])]
    wrong = [line for line, text in zip(wrong, texts, strict=True) if opens_half_a_sentence(text)]
    assert not wrong, "\n".join(["These begin in the middle of a sentence:", *wrong])


def test_functions_say_what_they_do():
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = [
        f"{file}:{node.lineno}: {node.name}"
        for file, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, functions) and node.name.strip("_") in RIDDLES
    ]
    assert not found, "\n".join(found)


def test_no_two_classes_of_one_name():
    places = defaultdict(list)
    for file, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(f"{file}:{node.lineno}")
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Of the array meant; the group is listed only where it has to be.", True),
        ("Whether a segment would be the largest.", True),
        ("... where there are more than so many.", True),
        ("Return the name of the array to open.", False),
        ("Nanometres that a click may miss by.", False),
        ("A tile of a section.", False),
    ],
)
def test_the_test_hears(text, expected):
    assert opens_half_a_sentence(text) is expected
