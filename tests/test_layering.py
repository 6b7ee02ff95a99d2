"""Rooms and their doors: who may import whom (docs/architecture.md). A new room gets its line in DOORS."""

import ast
import functools
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = "napari_emcad"
SOURCE = Path(__file__).parents[1] / "src"

METHOD = {"core", "networks", "inference", "training", "proofreading", "io"}
WHOLE = METHOD | {
    "pipeline",
    "optical",
    "session_of_labels",
    "benchmark",
    "blocks",
    "finetuning",
    "workers",
    "from_affinities",
}
DOORS = {
    "__init__": {"moved"},
    "moved": set(),
    "core": set(),
    "networks": {"core", "io.atomic", "io.extras", "io.regular_files", "io.zip_files", "moved"},
    "inference": {"networks", "core", "io.atomic"},
    "training": {"networks", "core", "io.atomic"},
    "proofreading": {"core"},
    "io": {"proofreading", "core", "moved"},
    "pipeline": METHOD,
    "optical": METHOD | {"pipeline"},
    "session_of_labels": METHOD | {"pipeline"},
    "from_affinities": METHOD | {"pipeline"},
    "benchmark": METHOD | {"pipeline"},
    "blocks": METHOD | {"pipeline"},
    "finetuning": METHOD | {"pipeline"},
    "workers": WHOLE,
    "cli": WHOLE | {"desktop"},
    "desktop": {"core"},
    "reader": {"io", "core"},
    "writer": {"io", "core"},
    "sample_data": {"io", "core"},
    "widgets": WHOLE | {"desktop", "reader", "sample_data"},
}
"""Room, or module at the top -> what of ours it may import besides itself and the version: rooms, or files of them."""

SHARED = {"widgets.desk", "widgets.kit"}
CLOSED = {
    "inference.engines": {"inference.engines"},
    "widgets.kit": {"widgets.kit"},
    "widgets.desk": {"widgets.desk", "widgets.kit"},
    "widgets.choices": {"widgets.choices"} | SHARED,
    "widgets.segment": {"widgets.segment", "widgets.choices"} | SHARED,
    "widgets.blocks": {"widgets.blocks", "widgets.choices"} | SHARED,
    "widgets.proofread": {"widgets.proofread", "widgets.choices"} | SHARED,
    "widgets.finetune": {"widgets.finetune", "widgets.choices"} | SHARED,
    "widgets.export": {"widgets.export", "widgets.choices"} | SHARED,
    "widgets.evaluate": {"widgets.evaluate", "widgets.choices"} | SHARED,
    "widgets.panes": {"widgets.panes"} | SHARED,
}
"""Room inside a room -> all that it may import of that room: no engine knows the choice among them, and no panel
another panel. What two panels share is on the desk."""

TO_MEND: set[str] = set()
"""Modules whose doors are still to be shut."""

CORE_LIBRARIES = {"numpy", "scipy", "skimage", "bioimage_cpp"}
TORCH_ROOMS = {"networks", "inference", "training"}
QT_LIBRARIES = {"qtpy", "magicgui", "superqt", "PyQt5", "PyQt6", "PySide2", "PySide6"}
SCREEN_LIBRARIES = QT_LIBRARIES | {"napari", "vispy"}
QT_FREE = "what decides is without Qt: widgets belong in panel.py and views/"
PANELS = {"segment", "blocks", "proofread", "finetune", "export", "evaluate", "panes"}


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
        return _forbidden_door(module, ".".join(inside))
    if library == "torch":
        return _forbidden_torch(module, room, found.at_start)
    if library == "waterz":
        return None if module == f"{PACKAGE}.core._waterz" else "waterz belongs in core/_waterz.py"
    if library in SCREEN_LIBRARIES and room != "widgets":
        return "napari and Qt belong in widgets"
    if library in QT_LIBRARIES and not _may_show(module):
        return QT_FREE
    if module == f"{PACKAGE}.core.parameters" and library == "pydantic":
        return None
    if room == "core" and library not in CORE_LIBRARIES | set(sys.stdlib_module_names):
        return f"core knows {', '.join(sorted(CORE_LIBRARIES))} only"
    return None


def _forbidden_door(module: str, wanted: str) -> str | None:
    """`wanted` is what is imported, below the package."""
    room, inner = room_of(module), ".".join(module.split(".")[1:3])
    if not any(_lies_below(wanted, door) for door in DOORS.get(room, set()) | {room, "__version__"}):
        return f"{room} has no door to {wanted or PACKAGE}"
    doors = CLOSED.get(inner)
    if doors and _lies_below(wanted, room) and not any(_lies_below(wanted, door) for door in doors):
        return f"{inner} has no door to {wanted}"
    return None


def _may_show(module: str) -> bool:
    """True for a module that may have widgets: the desk has none, and a panel only in `panel.py` and `views/`."""
    inner, *rest = module.split(".")[2:]
    return inner not in PANELS | {"desk"} or rest[:1] in (["panel"], ["views"])


def _lies_below(name: str, place: str) -> bool:
    return f"{name}.".startswith(f"{place}.")


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
    assert room in DOORS, f"{module}: give {room} its line in DOORS"
    wrong = [(i, why) for i in imports(module, modules()[module]) if (why := forbidden(module, i))]
    wrong = [(i, why) for i, why in wrong if module.removeprefix(f"{PACKAGE}.") not in TO_MEND]
    assert not wrong, "\n".join(f"{module}:{i.line} imports {i.name}: {why}" for i, why in wrong)


@pytest.mark.parametrize("module", [name for name in modules() if room_of(name) == "widgets"])
def test_annotations_of_widgets_are_there_at_run_time(module):
    """napari and magicgui resolve them."""
    found = [i.name for i in imports(module, modules()[module])]
    assert "__future__.annotations" not in found
    assert "typing.TYPE_CHECKING" not in found


def circles(sources: Mapping[str, str]) -> list[list[str]]:
    """Modules that import each other round in a circle, wherever the imports stand; each circle once, sorted.

    Strategy: two modules lie on one circle where each reaches the other.
    """
    graph = {module: _imported(module, source, sources) for module, source in sources.items()}
    reached = {module: _reachable(graph, module) for module in graph}
    found = {frozenset(m for m in reached[module] if module in reached[m]) for module in graph}
    return sorted(sorted(circle) for circle in found if circle)


def _imported(module: str, source: str, sources: Mapping[str, str]) -> set[str]:
    """The modules that a module names in its imports; a package stands for its `__init__`."""
    found = set()
    for one in imports(module, source):
        names = [one.name, one.name.rpartition(".")[0]]
        known = (n for name in names for n in (name, f"{name}.__init__") if n in sources)
        found.add(next(known, module))
    return found - {module}


def _reachable(graph: Mapping[str, set[str]], module: str) -> set[str]:
    seen, pending = set(), [module]
    while pending:
        new = graph[pending.pop()] - seen
        seen |= new
        pending.extend(new)
    return seen


def test_no_circle():
    assert circles(modules()) == []


@pytest.mark.parametrize(
    ("drawn", "expected"),
    [
        ({"a": "import p.b", "b": ""}, []),
        ({"a": "import p.b", "b": "def f():\n from p import a"}, [["p.a", "p.b"]]),
        ({"a": "from p.b import x", "b": "from p.c import y", "c": "from p.a import z"}, [["p.a", "p.b", "p.c"]]),
        (
            {"a": "import p.b", "b": "import p.a", "c": "import p.d", "d": "import p.c, p.a"},
            [["p.a", "p.b"], ["p.c", "p.d"]],
        ),
        ({"q.__init__": "from p.q.r import x", "q.r": "import p.q"}, [["p.q.__init__", "p.q.r"]]),
    ],
)
def test_circles_are_seen(drawn, expected):
    assert circles({f"p.{name}": source for name, source in drawn.items()}) == expected


HEAVY = ("torch", *sorted(SCREEN_LIBRARIES - {"magicgui", "superqt", "vispy"}))


@pytest.mark.parametrize(
    ("rooms", "light_of"),
    [
        pytest.param(["__init__"], HEAVY, id="version"),
        pytest.param(["core", "proofreading"], HEAVY, id="core-proofreading"),
        pytest.param(["io", "reader", "writer", "sample_data"], HEAVY, id="files"),
        pytest.param(["networks.card"], HEAVY, id="card"),
        pytest.param(["cli.main"], (*HEAVY, "scipy", "skimage", "waterz", "zarr", "tifffile", "h5py"), id="help"),
        pytest.param(["workers.child"], (*HEAVY, "scipy", "zarr"), id="child"),
        pytest.param(["widgets.desk"], ["torch", "qtpy", "PyQt6"], id="desk"),
        pytest.param(["widgets.finetune.fine_tuning"], ["torch", "qtpy", "PyQt6"], id="fine-tuning"),
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
        ("core.parameters", "import pydantic", None),
        ("core.scores", "import pydantic", "core knows bioimage_cpp, numpy, scipy, skimage only"),
        ("core.scores", "import pandas", "core knows bioimage_cpp, numpy, scipy, skimage only"),
        ("core.scores", "if True:\n from waterz import agglomerate", "waterz belongs in core/_waterz.py"),
        ("widgets.export.exporter", "from qtpy.QtCore import Qt", QT_FREE),
        ("widgets.desk.stack", "def f():\n import qtpy", QT_FREE),
        ("widgets.export.panel", "from qtpy.QtCore import Qt", None),
        ("widgets.blocks.views.run", "import qtpy", None),
        ("widgets.blocks.stage", "import napari", None),
        ("core.scores", "from napari_emcad.io import volumes", "core has no door to io.volumes"),
        ("core.scores", "from napari_emcad import widgets", "core has no door to widgets"),
        ("core.scores", "import napari_emcad", "core has no door to napari_emcad"),
        ("core.scores", "from . import geometry", "imports are absolute"),
        ("core.__init__", "from .geometry import Box", "imports are absolute"),
        ("networks.card", "def f():\n from torch import load", "the card is read without torch"),
        ("networks.zoo", "from napari.utils import progress", "napari and Qt belong in widgets"),
        ("io.sessions.log", "from napari_emcad.io.stacks import tiff", None),
        ("networks.card", "from napari_emcad.io.atomic import write_beside", None),
        ("networks.card", "from napari_emcad.io.stacks import tiff", "networks has no door to io.stacks.tiff"),
        (
            "inference.engines.torch",
            "import napari_emcad.inference.choice",
            "inference.engines has no door to inference.ch",
        ),
        (
            "widgets.blocks.panel",
            "from napari_emcad.widgets.segment.panel import A",
            "widgets.blocks has no door to wid",
        ),
        ("widgets.desk.desk", "from napari_emcad.widgets.dock import A", "widgets.desk has no door to widgets.dock"),
        ("widgets.dock", "from napari_emcad.widgets.blocks.panel import A", None),
        ("workers.process", "from qtpy.QtCore import QProcess", "napari and Qt belong in widgets"),
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
