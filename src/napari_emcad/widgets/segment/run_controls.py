"""The buttons of the panel Segment and the estimate beside them, in words; the panel shows them."""

from napari_emcad.core.errors import UserError
from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.kit.signals import Signal
from napari_emcad.workers.estimates import is_teacher


class RunControls:
    """Says if a run can be started or stopped now, and how much time and memory it takes.

    Signals
    -------
    changed
        Words or buttons are to be shown anew.
    """

    changed = Signal()

    def __init__(self, desk: Desk):
        self._desk = desk
        choices = (desk.stack, desk.model, desk.region, desk.device, desk.runs)
        signals = [part.changed for part in choices]
        settings = desk.settings.fragments_changed, desk.settings.pixels_changed
        for signal in (*signals, *settings, desk.jobs.running_changed):
            signal.connect(self._on_change)

    @property
    def run_words(self) -> str:
        """The words of the button that starts a run and stops it."""
        return "Stop" if self._desk.jobs.running else "Run"

    @property
    def run_tip(self) -> str:
        """The tooltip of the same button."""
        running = self._desk.jobs.running
        return "Stops within one tile; what is done stays." if running else "Segment the region."

    @property
    def why_not_run(self) -> str:
        """The reason why that button cannot be pressed; empty if it can."""
        jobs = self._desk.jobs
        if jobs.running:
            return "Stopping: it ends with the tile under way." if jobs.stopping else ""
        return self._desk.choices.why_not

    @property
    def why_not_try(self) -> str:
        """The reason why no section can be tried; empty if one can."""
        return "A job is running." if self._desk.jobs.running else self._desk.choices.why_not

    @property
    def try_tip(self) -> str:
        """The tooltip of the button that tries a section."""
        if is_teacher(self._desk.model.card):
            return "The section on screen only; a teacher goes through the sections around it, too."
        return "The section on screen only: seconds."

    @property
    def estimate(self) -> str:
        """Time and memory of a run in words, or the reason why they are not known."""
        desk = self._desk
        if desk.stack.why_not:
            unusable = "This layer cannot be segmented."
            return unusable if desk.stack.why_unusable else "Open a stack to see time and memory."
        if desk.device.device is None:
            return "Looking at the devices ..."
        try:
            estimate = desk.choices.estimate(desk.region.box())
        except UserError:
            return "Draw a box to see time and memory."
        return f"{estimate.text()} of memory" if estimate else ""

    def run_or_stop(self) -> None:
        """Start a run, or stop the job that is running."""
        if self._desk.jobs.running:
            self._desk.runs.stop()
        else:
            self._desk.runs.run()

    def try_section(self) -> None:
        """Segment the section on screen."""
        self._desk.runs.try_section()

    def _on_change(self) -> None:
        self.changed.emit()
