"""Public paths that have moved, for one release: they still work, and say where they went."""

import importlib
import sys
import warnings
from collections.abc import Sequence
from functools import partial
from importlib.machinery import ModuleSpec
from types import ModuleType

MOVED = {
    "napari_emcad.finetune.Order": "napari_emcad.finetuning.folder.TrainingOrder",
    "napari_emcad.finetune.best_model": "napari_emcad.finetuning.folder.best_model",
    "napari_emcad.finetune.fine_tune": "napari_emcad.finetuning.run.fine_tune",
    "napari_emcad.finetune.read_events": "napari_emcad.finetuning.folder.read_events",
    "napari_emcad.finetune.read_order": "napari_emcad.finetuning.folder.read_order",
    "napari_emcad.finetune.write_run": "napari_emcad.finetuning.folder.write_run",
    "napari_emcad.io.labels.write_labels": "napari_emcad.io.labels.tiff.write_labels",
    "napari_emcad.networks.zoo.resolve": "napari_emcad.networks.zoo.resolve_model",
}
"""Old path -> new path of what README and docs named."""

MODULES = {path.rpartition(".")[0] for path in MOVED} - {"napari_emcad.io.labels", "napari_emcad.networks.zoo"}
"""Modules that are no files any more."""


def moved_attribute(module: str, name: str) -> object:
    """Return what has moved away from a module, and warn.

    Raises
    ------
    AttributeError
        Nothing of this name has moved from there.
    """
    old = f"{module}.{name}"
    if old not in MOVED:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    warnings.warn(f"{old} is {MOVED[old]} now; the old path goes with the next release.", DeprecationWarning, 3)
    home, _, new_name = MOVED[old].rpartition(".")
    return getattr(importlib.import_module(home), new_name)


class MovedModules:
    """Finds modules that are no files any more; everything in them comes from `MOVED`."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how to load such a module; None for any other."""
        if fullname not in MODULES:
            return None
        return ModuleSpec(fullname, self)  # type: ignore[arg-type]  # importlib.abc.Loader takes 30 ms to import

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return a module that is empty but for what has moved."""
        module = ModuleType(spec.name)
        module.__dict__["__getattr__"] = partial(moved_attribute, spec.name)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: there is nothing to run."""


def install() -> None:
    """Let Python find what has moved."""
    if not any(isinstance(finder, MovedModules) for finder in sys.meta_path):
        sys.meta_path.append(MovedModules())
