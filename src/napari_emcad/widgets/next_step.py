"""The step that comes next, from a stack to exported neurons: the one that the dock lights."""

from enum import Enum

from napari.layers import Image

from napari_emcad.widgets.blocks.block_session import BlockSession
from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.desk.region import SECTION
from napari_emcad.widgets.kit.signals import Signal
from napari_emcad.widgets.proofread.label_offer import LabelOffer
from napari_emcad.widgets.proofread.session_offer import SessionOffer


class DockStep(Enum):
    """One step; the value begins with the name of the section of the dock that it lies in, "stack" above them."""

    OPEN = "stack: open"
    GO_ON = "stack: go on"
    LABELS = "stack: labels"
    TRY = "segment: try"
    RUN = "segment: run"
    BLOCKS = "blocks"
    PROOFREAD = "proofread"
    EXPORT = "export"

    @property
    def section(self) -> str:
        """The name of the section."""
        return self.value.split(":")[0]


class NextStep:
    """Knows which step comes next: open, try, run, proofread, export; or what is offered for a stack just opened.

    Signals
    -------
    changed
        Another step comes next, or none: a job is running, or all is exported.
    """

    changed = Signal()

    def __init__(self, desk: Desk, sessions: SessionOffer, labels: LabelOffer, blocks: BlockSession):
        self._desk, self._sessions, self._labels, self._blocks = desk, sessions, labels, blocks
        self._exported: object = None
        self.step: DockStep | None = None
        self._rest = desk.loop.pause(0, self._look)  # once all have heard: a job is over before its result is shown
        choices = (desk.stack, desk.model, desk.region, desk.runs)
        signals = [part.changed for part in (*choices, desk.results, desk.neurites, desk.sessions)]
        for signal in (*signals, sessions.changed, labels.changed, blocks.changed, desk.jobs.running_changed):
            signal.connect(self._on_change)
        desk.exported.connect(self._on_exported)
        self._look()

    def _on_change(self) -> None:
        self._rest.start()

    def _look(self) -> None:
        step = self._find()
        if step is not self.step:
            self.step = step
            self.changed.emit()

    def _find(self) -> DockStep | None:
        desk = self._desk
        if desk.jobs.running:
            return None
        if desk.neurites.current is None and desk.results.current is None:
            return self._first
        if self._exported is not None and self._exported == self._shown:
            return None
        if desk.neurites.current is not None:
            return DockStep.EXPORT
        if desk.sessions.current is not None:
            at = desk.sessions.current
            return DockStep.EXPORT if at.session.log.rows or at.opened.why_read_only else DockStep.PROOFREAD
        if self._is_of_another_stack and not desk.choices.why_not:
            return DockStep.TRY
        return DockStep.RUN if self._is_trial else DockStep.PROOFREAD

    @property
    def _first(self) -> DockStep | None:
        """The step where nothing has been made yet."""
        if self._blocks.has_finished:
            return DockStep.BLOCKS
        if self._sessions.session is not None:
            return DockStep.GO_ON
        if self._labels.is_from_elsewhere and not self._labels.why_not:
            return DockStep.LABELS
        if self._desk.stack.layer is None:
            return DockStep.OPEN
        if self._desk.choices.why_not:
            return None
        return DockStep.RUN if self._desk.runs.can_go_on else DockStep.TRY

    @property
    def _is_of_another_stack(self) -> bool:
        result, stack = self._desk.results.current, self._desk.stack.layer
        return (
            result is not None and stack is not None and isinstance(result.source, Image) and result.source is not stack
        )

    @property
    def _is_trial(self) -> bool:
        """True if what is on screen was a look at one section of a region with more; a box that was clicked is not."""
        result = self._desk.results.current
        is_look = result is not None and result.is_trial and not result.is_edited and result.box.shape[0] == 1
        return is_look and self._desk.region.kind != SECTION

    @property
    def _shown(self) -> object:
        """Stands for what is on screen now: it is another one after an edit, and after another run."""
        desk = self._desk
        rows = len(desk.sessions.current.session.log.rows) if desk.sessions.current is not None else 0
        return id(desk.results.current), id(desk.neurites.current), rows

    def _on_exported(self) -> None:
        self._exported = self._shown
        self._rest.start()
