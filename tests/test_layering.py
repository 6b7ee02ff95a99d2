"""Rooms and their doors: who may import whom. See the flow in the README; a new room gets its line in DOORS."""

import ast
import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = "napari_emcad"
SOURCE = Path(__file__).parents[1] / "src"

ROOMS = {"core", "networks", "inference", "training", "proofreading", "io", "widgets"}
BELOW = ROOMS - {"widgets"} | {"pipeline", "optical"}
DOORS = {
    "core": set(),
    "networks": {"core"},
    "inference": {"networks", "core"},
    "training": {"networks", "core"},
    "proofreading": {"core"},
    "io": {"proofreading", "core"},
    "pipeline": ROOMS - {"widgets"},
    "optical": ROOMS - {"widgets"} | {"pipeline"},
    "session_of_labels": BELOW,
    "finetuning": BELOW | {"widgets"},
    "benchmark": BELOW,
    "blocks": BELOW,
    "workers": BELOW | {"blocks", "finetuning", "widgets"},
    "cli": BELOW | {"blocks", "finetuning", "benchmark", "session_of_labels", "desktop"},
    "desktop": {"core"},
    "reader": {"io", "core"},
    "writer": {"io", "core"},
    "sample_data": {"io", "core"},
    "widgets": BELOW
    | {"blocks", "finetuning", "workers", "session_of_labels", "desktop", "sample_data", "reader", "widgets"},
}
"""Room or top-level module -> what of ours it may import besides itself and the version."""

CORE_LIBRARIES = {"numpy", "scipy", "skimage", "bioimage_cpp"}
TORCH_ROOMS = {"networks", "inference", "training"}
SCREEN_LIBRARIES = {"napari", "qtpy", "magicgui", "superqt", "vispy", "PyQt5", "PyQt6", "PySide2", "PySide6"}


class Import(NamedTuple):
    """One name that a module imports."""

    name: str  # absolute, dotted
    line: int
    at_start: bool  # runs when the module is imported, not inside a function
    relative: bool


@functools.cache
def modules() -> dict[str, str]:
    """Every module of the package and its source text."""
    files = sorted((SOURCE / PACKAGE).rglob("*.py"))
    return {".".join(file.relative_to(SOURCE).with_suffix("").parts): file.read_text("utf-8") for file in files}


def imports(module: str, source: str) -> Iterator[Import]:
    """Every import in the source, wherever it stands, with relative ones resolved."""
    pending = [(node, True) for node in ast.parse(source).body]
    while pending:
        node, at_start = pending.pop()
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, at_start, False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(module, node)
            yield from (Import(f"{origin}.{a.name}", node.lineno, at_start, node.level > 0) for a in node.names)
        inside = at_start and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        pending.extend((child, inside) for child in ast.iter_child_nodes(node))


def _origin(module: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module
    parents = module.removesuffix(".__init__").split(".") + [""] * module.endswith(".__init__")
    return ".".join([*parents[: -node.level], *([node.module] if node.module else [])])


def forbidden(module: str, found: Import) -> str | None:
    """Why this module may not import this; None where it may."""
    room = room_of(module)
    library, *inside = found.name.split(".")
    if found.relative:
        return "imports are absolute"
    if library == PACKAGE:
        allowed = DOORS.get(room, set()) | {room, "__version__"}
        return None if inside and inside[0] in allowed else f"{room} has no door to {'.'.join(inside) or PACKAGE}"
    if library == "torch":
        return _forbidden_torch(module, room, found.at_start)
    if library == "waterz":
        return None if module == f"{PACKAGE}.core._waterz" else "waterz belongs in core/_waterz.py"
    if library in SCREEN_LIBRARIES:
        return None if room in {"widgets", "workers"} else "napari and Qt belong in widgets"
    if room == "core" and library not in CORE_LIBRARIES | set(sys.stdlib_module_names):
        return f"core knows {', '.join(sorted(CORE_LIBRARIES))} only"
    return None


def _forbidden_torch(module: str, room: str, at_start: bool) -> str | None:
    if module == f"{PACKAGE}.networks.card":
        return "the card is read without torch"
    if room in {"core", "proofreading", "io"}:
        return f"{room} is without torch"
    if at_start and room not in TORCH_ROOMS:
        return "torch costs two seconds: import it inside the function, or in networks, inference or training"
    return None


def room_of(module: str) -> str:
    """`napari_emcad.core.scores` -> core, `napari_emcad.pipeline` -> pipeline."""
    return module.split(".")[1]


@pytest.mark.parametrize("module", modules())
def test_doors(module):
    room = room_of(module)
    assert room in DOORS or room == "__init__", f"{module}: give {room} its line in DOORS"
    wrong = [(i, why) for i in imports(module, modules()[module]) if (why := forbidden(module, i))]
    assert not wrong, "\n".join(f"{module}:{i.line} imports {i.name}: {why}" for i, why in wrong)


@pytest.mark.parametrize("module", [name for name in modules() if room_of(name) == "widgets"])
def test_annotations_of_widgets_are_there_at_run_time(module):
    """napari and magicgui resolve them."""
    found = [i.name for i in imports(module, modules()[module])]
    assert "__future__.annotations" not in found
    assert "typing.TYPE_CHECKING" not in found


HEAVY = ("torch", *sorted(SCREEN_LIBRARIES - {"magicgui", "superqt", "vispy"}))


@pytest.mark.parametrize(
    ("rooms", "light_of"),
    [
        pytest.param(["__init__"], HEAVY, id="version"),
        pytest.param(["core", "proofreading"], HEAVY, id="core-proofreading"),
        pytest.param(["io", "reader", "writer", "sample_data"], HEAVY, id="files"),
        pytest.param(["networks.card"], HEAVY, id="card"),
        pytest.param(["widgets.dock"], ["torch"], id="dock"),
    ],
)
def test_importing_brings_in_nothing_heavy(rooms, light_of):
    wanted = [name for name in modules() if any(_lies_in(name, room) for room in rooms)]
    assert wanted, f"{rooms}: no such modules"
    assert not loaded_by(wanted) & set(light_of)


def _lies_in(module: str, room: str) -> bool:
    return f"{module}.".startswith(f"{PACKAGE}.{room}.")


def loaded_by(wanted: list[str]) -> set[str]:
    """Top-level packages in memory after importing these modules in a fresh interpreter."""
    statements = [f"import {name.removesuffix('.__init__')}" for name in wanted]
    code = "\n".join([*statements, "import sys", "print(*{name.split('.')[0] for name in sys.modules})"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("module", "source", "expected"),
    [
        ("core.scores", "import torch", "core is without torch"),
        ("core.scores", "def f():\n import torch.nn", "core is without torch"),
        ("core.scores", "import pandas", "core knows bioimage_cpp, numpy, scipy, skimage only"),
        ("core.scores", "if True:\n from waterz import agglomerate", "waterz belongs in core/_waterz.py"),
        ("core.scores", "from napari_emcad.io import volumes", "core has no door to io.volumes"),
        ("core.scores", "from napari_emcad import widgets", "core has no door to widgets"),
        ("core.scores", "import napari_emcad", "core has no door to napari_emcad"),
        ("core.scores", "from . import geometry", "imports are absolute"),
        ("core.__init__", "from .geometry import Box", "imports are absolute"),
        ("networks.card", "def f():\n from torch import load", "the card is read without torch"),
        ("networks.zoo", "from napari.utils import progress", "napari and Qt belong in widgets"),
        ("cli.main", "def f():\n import napari_emcad.widgets.dock", "cli has no door to widgets.dock"),
        ("widgets.dock", "class A:\n import torch", "torch costs two seconds"),
        ("core._waterz", "import waterz, numpy.typing", None),
        ("core.scores", "from napari_emcad.core.geometry import Box", None),
        ("widgets.dock", "class A:\n def f(self):\n  import torch", None),
        ("widgets.dock", "from napari_emcad.training import loop", None),
        ("io.labels.tiff", "from napari_emcad import __version__", None),
        ("networks.student", "import torch, pydantic", None),
    ],
)
def test_the_test_sees(module, source, expected):
    module = f"{PACKAGE}.{module}"
    reasons = [forbidden(module, found) for found in imports(module, source)]
    if expected is None:
        assert reasons == [None] * len(reasons)
    else:
        assert any(reason and reason.startswith(expected) for reason in reasons), reasons


@pytest.mark.parametrize(
    ("module", "source", "expected"),
    [
        ("a.b.c", "from . import d", "a.b.d"),
        ("a.b.c", "from ..x import d", "a.x.d"),
        ("a.b.__init__", "from .x import d", "a.b.x.d"),
        ("a.b.__init__", "from .. import d", "a.d"),
    ],
)
def test_relative_imports_are_resolved(module, source, expected):
    assert [found.name for found in imports(module, source)] == [expected]
