"""The desk: everything that the panels share, for one viewer. No widget, and no window needed.

    stack, model, device, region, threshold, settings --runs--> results, neurites --sessions--> edits
                   choices

Panels read and change the desk and hear its signals; they never know each other.
"""

from contextlib import ExitStack

from napari.components import ViewerModel
from napari.utils.events import Event, EventEmitter

from napari_emcad.widgets.desk.canvases import Canvases
from napari_emcad.widgets.desk.choices import Choices
from napari_emcad.widgets.desk.first_look import FirstLook
from napari_emcad.widgets.desk.late_check import LateCheck
from napari_emcad.widgets.desk.neurites import Neurites
from napari_emcad.widgets.desk.recut import Recut
from napari_emcad.widgets.desk.results import Results
from napari_emcad.widgets.desk.runs import Runs
from napari_emcad.widgets.desk.section_plan_files import SectionPlanFiles
from napari_emcad.widgets.desk.sessions import Sessions
from napari_emcad.widgets.kit.jobs import Loop
from napari_emcad.widgets.kit.nets import netted
from napari_emcad.widgets.kit.remembered import Remembered
from napari_emcad.widgets.kit.signals import Signal


class Desk:
    """The desk of one viewer; it shares nothing with other desks but what is remembered on disk.

    Attributes
    ----------
    viewer : ViewerModel
    canvases : Canvases
    loop : Loop
        Gives out threads and timers.
    remembered : Remembered
    message : Message
        The sentence that the dock shows.
    jobs : Jobs
        Runs the dock's one long job.
    choices : Choices
        Everything that a run is made of; its parts, `stack`, `inspection`, `model`, `device`, `region`, `threshold` and
        `settings`, are the desk's as well.
    section_plan_files : SectionPlanFiles
    first_look : FirstLook
    runs : Runs
    results : Results
    neurites : Neurites
    sessions : Sessions

    Signals
    -------
    layers_changed
        Layers came, went, moved or were renamed; the desk has followed them.
    exported
        What is on screen has been written, or put into a layer of its own.
    """

    layers_changed = Signal()
    exported = Signal()

    def __init__(self, viewer: ViewerModel, loop: Loop, remembered: Remembered):
        self.viewer, self.loop, self.remembered = viewer, loop, remembered
        self.canvases = Canvases(viewer)
        self.choices = choices = Choices(viewer, loop, remembered)
        self.message, self.jobs = choices.message, choices.jobs
        self.stack, self.inspection, self.model, self.device = (
            choices.stack,
            choices.inspection,
            choices.model,
            choices.device,
        )
        self.section_plan_files = SectionPlanFiles(self.stack, self.inspection, self.message)
        self.region, self.threshold, self.settings = choices.region, choices.threshold, choices.settings
        self.results, self.neurites = Results(viewer, loop, choices.settings.palette), Neurites(viewer, loop)
        self.runs = Runs(viewer, choices, self.results, self.neurites)
        self._recut = Recut(loop, choices, self.runs, self.results, self.neurites)
        self.sessions = Sessions(viewer, self.results, choices, loop)
        self._late_check = LateCheck(loop.jobs(), self.message, self.sessions)
        self.first_look = FirstLook(loop, choices)
        for event in self._layer_events:
            event.connect(self._on_layers)
        viewer.layers.events.removed.connect(self._on_removed)
        for done in (self.region.changed, self.threshold.moved):
            done.connect(self.message.succeed)

    def prepare(self) -> None:
        """Import torch in a thread, and with it see the devices and the model's card."""
        self.device.ask()
        self.model.read_card()

    def close(self) -> None:
        """Stop all threads, end the session and let go of the layers, which stay in the viewer."""
        for event in self._layer_events:
            event.disconnect(self._on_layers)
        self.viewer.layers.events.removed.disconnect(self._on_removed)
        parts = (self.jobs, self._late_check, self.sessions, self._recut, self.first_look, self.runs, self.choices)
        self.canvases.close()
        with ExitStack() as last_first:  # all of them, whichever fails: a session that stays open stays locked
            for part in reversed((*parts, self.results, self.neurites)):
                last_first.callback(part.close)

    @property
    def _layer_events(self) -> tuple[EventEmitter, ...]:
        events = self.viewer.layers.events
        return events.inserted, events.reordered, events.renamed

    @netted
    def _on_layers(self, _event: Event | None = None) -> None:
        self.choices.follow_layers()
        self.layers_changed.emit()

    @netted
    def _on_removed(self, event: Event) -> None:
        self._on_layers()
        self.results.forget_removed()
        self.neurites.forget_removed()
        self.runs.layer_removed(event.value)
