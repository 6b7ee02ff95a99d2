"""Saving and opening the plan for the sections of the stack chosen, as the command line reads and writes it."""

from pathlib import Path

from napari_emcad.core.errors import UserError
from napari_emcad.io.regular_files import SHORT_PATIENCE, check_path
from napari_emcad.io.section_plans import read_plan, write_plan
from napari_emcad.widgets.desk.inspection import Inspection
from napari_emcad.widgets.desk.message import Message
from napari_emcad.widgets.desk.section_choices import AS_THEY_ARE
from napari_emcad.widgets.desk.stack import StackPick

SUFFIX = ".json"


class SectionPlanFiles:
    """Writes the plan for the stack chosen into a file, and takes the plan of a file for it; says how that went."""

    def __init__(self, stack: StackPick, inspection: Inspection, message: Message):
        self._stack, self._inspection, self._message = stack, inspection, message

    @property
    def why_not_save(self) -> str:
        """The reason why there is no plan to save; empty if there is one."""
        return "" if self._inspection.plan is not None else "The sections have not been looked at."

    @property
    def proposed_name(self) -> str:
        """A file name for the plan, after the stack's."""
        layer = self._stack.layer
        return f"{layer.name if layer is not None else 'stack'} sections{SUFFIX}"

    def save(self, path: Path) -> None:
        """Write the plan as it stands; a name without a suffix gets that of JSON."""
        plan = self._inspection.plan
        if plan is None:
            return
        path = path if path.suffix else path.with_suffix(SUFFIX)
        try:
            write_plan(path, plan)
        except UserError as error:
            self._message.error(error)
            return
        self._message.result(f"Saved {path}; --sections follows it on the command line.")

    def open(self, path: Path) -> None:
        """Use the plan of a file for the stack chosen; that of another stack is refused."""
        choices, layer = self._inspection.choices, self._stack.layer
        if choices is None or layer is None:
            return
        try:
            check_path(path, SHORT_PATIENCE)
            plan = read_plan(path, choices.shape)
        except UserError as error:
            self._message.error(error)
            return
        self._inspection.take_plan(layer, plan, path.name)
        self._message.result(f"{path.name}: {plan.sentence or AS_THEY_ARE}")
