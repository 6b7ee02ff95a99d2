"""The session on screen: started on a result, opened from its folder, and ended."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from napari.components import ViewerModel
from napari.layers import Layer

from napari_emcad.core.errors import UserError
from napari_emcad.core.fragment_boxes import FragmentBoxes
from napari_emcad.core.progress import drive
from napari_emcad.io.sessions.lock import edit_alone
from napari_emcad.io.sessions.open_session import OpenSession, find_boxes
from napari_emcad.io.stacks.locations import Location
from napari_emcad.widgets.desk.choices import Choices
from napari_emcad.widgets.desk.kept_colours import KeptColours, show_kept
from napari_emcad.widgets.desk.on_screen import Proofreading
from napari_emcad.widgets.desk.opening import Opened, facts_of, open_job, write_job
from napari_emcad.widgets.desk.result import Result
from napari_emcad.widgets.desk.results import Results
from napari_emcad.widgets.desk.session_size import SessionSize
from napari_emcad.widgets.desk.session_stack import STAND_IN, SoughtStack, result_of, seek_stack, stopped_search
from napari_emcad.widgets.desk.stack_file import session_note
from napari_emcad.widgets.kit.jobs import Ended, Loop
from napari_emcad.widgets.kit.layers import is_image, origin_of, remove_layer
from napari_emcad.widgets.kit.session_place import session_folder, why_elsewhere
from napari_emcad.widgets.kit.signals import Signal
from napari_emcad.workers.segmentation import Cut, CutNeurons

START, GO_ON = "Start proofreading", "Go on proofreading"
"""Words of the button that starts a session, and of the one that goes on with it."""


class Sessions:
    """At most one session at a time, that of the current result.

    Attributes
    ----------
    current : Proofreading or None
        The session on screen.

    Signals
    -------
    began
        A session is on screen.
    ending
        It is about to be let go of.
    changed
        It has begun, ended or been edited, or another one can be begun.
    """

    began = Signal()
    ending = Signal()
    changed = Signal()

    def __init__(self, viewer: ViewerModel, results: Results, choices: Choices, loop: Loop):
        self._viewer, self._results, self._threshold = viewer, results, choices.threshold
        self._jobs, self._message, self._inspection = choices.jobs, choices.message, choices.inspection
        self._remark = ""
        self._sought: OpenSession | None = None
        self.current: Proofreading | None = None
        results.changed.connect(self._on_results)
        results.recut_wanted.connect(self._on_recut)
        self._size, self._colours = SessionSize(choices.stack, choices.message), KeptColours(loop)

    @property
    def start_words(self) -> str:
        """The words of the button that calls `start`."""
        result = self._results.current
        return GO_ON if result is not None and result.session_folder is not None else START

    def start(self, remark: str = "") -> None:
        """Start a session on the current result, in a thread; go on with its own one if it has been edited.

        Parameters
        ----------
        remark : str
            Words to add to the sentence that says where edits are saved.
        """
        result = self._results.current
        if result is None or self.current is not None or self._jobs.running or not self._results.is_settled:
            return
        self._remark = remark
        if result.session_folder is not None:
            self._jobs.start(open_job(result.session_folder), lambda ended: self._on_opened(result, ended))
            return
        self._message.say("Writing the session.")
        folder = session_folder(result.source)
        self._remark += why_elsewhere(folder, result.source)
        job = write_job(folder, result.segmentation, result.affinities, facts_of(result))
        self._jobs.start(job, lambda ended: self._on_written(result, ended))

    @property
    def is_seeking(self) -> bool:
        """True while the stack of a session is looked for."""
        return self._sought is not None

    @property
    def lacks_stack(self) -> bool:
        """True while something else is shown in the place of the session's stack."""
        return self.current is not None and STAND_IN in self.current.result.source.metadata

    def open(self, folder: Path, stack: Location | None = None) -> None:
        """Go on in a session folder, which is read in a thread; its stack is the one named, if any.

        The session that is on screen is not opened twice; one that is on for reading only is tried anew.
        """
        if self._jobs.running:
            return
        on = self.current.opened if self.current is not None else None
        if on is not None and on.folder.absolute() == folder.absolute():
            if not on.why_read_only:
                self._message.result(f"{folder.name} is on screen; every edit is saved at once.")
                return
            self.end()
        self._jobs.start(open_job(folder), lambda ended: self._on_folder(ended, stack))

    def edit_alone(self) -> None:
        """Open the session on screen anew, to edit it on a disk without file locks, as long as the program lasts."""
        if self.current is None or self._jobs.running or not self.current.opened.has_no_locks:
            return
        result, folder = self.current.result, self.current.opened.folder
        edit_alone(folder)
        self.end()
        self._remark = ", by you alone, as its disk has no file locks"
        self._jobs.start(open_job(folder), lambda ended: self._on_opened(result, ended))

    def take_stack(self, stack: Location) -> None:
        """Open the session on screen again with a stack that a person has found."""
        if self.current is None or self._jobs.running:
            return
        folder, before = self.current.opened.folder, self.current.result
        self.end()
        for layer in (before.neuron_layer, before.source):
            if layer is before.neuron_layer or STAND_IN in layer.metadata:
                remove_layer(self._viewer, layer)
        self.open(folder, stack)

    def bring(self, opened: OpenSession, boxes: FragmentBoxes | None = None, stack: Location | None = None) -> None:
        """Show a session that was opened from its folder, once its stack was looked for in a thread.

        Where a person stops the search the session is shown without its stack.

        Parameters
        ----------
        opened : OpenSession
        boxes : FragmentBoxes, optional
            Boxes of its fragments; None = they are found.
        stack : path or URL, optional
            Looks only there for the stack.
        """
        self._sought = opened
        self._message.say(f'Looking for the stack of {opened.folder.name}; "Stop" opens it without.')
        sources = [str(origin_of(layer)["source"] or "") for layer in self._viewer.layers if is_image(layer)]
        job = seek_stack(opened, stack, [source for source in sources if source])
        self._jobs.start(job, lambda ended: self._on_sought(opened, boxes, ended))

    def show(self, opened: OpenSession, boxes: FragmentBoxes | None = None, sought: SoughtStack | None = None) -> None:
        """Show a session that was opened from its folder, with its stack, and edit it.

        Parameters
        ----------
        opened : OpenSession
        boxes : FragmentBoxes, optional
            Boxes of its fragments; None = they are found.
        sought : SoughtStack, optional
            The end of the search for its stack; None = it is looked for here and now.
        """
        self.end()
        with self._let_go_if_it_fails(opened):
            self._show(opened, boxes, sought)

    def _show(self, opened: OpenSession, boxes: FragmentBoxes | None, sought: SoughtStack | None) -> None:
        shown, state = result_of(self._viewer, opened, sought), opened.session.state
        result = shown.result
        self._remark = session_note(result, opened.facts)
        if result.plan is not None:
            self._inspection.take_plan(result.source, result.plan)
        self._results.take_over(result, opened.folder)
        self._results.hide()
        neurons = CutNeurons(Cut(state.threshold, state.min_size), state.table, state.sizes, 0.0)
        self._results.show_segmentation(result, state.base, neurons)
        self._attach(result, opened, boxes)
        if shown.notes:
            is_lacking = shown.lacks_stack or bool(opened.why_read_only)
            words = " ".join((f"{self._message.text.rstrip('.')}.", *shown.notes))
            self._message.say(words, "error" if is_lacking else "result")

    @contextmanager
    def _let_go_if_it_fails(self, opened: OpenSession) -> Iterator[None]:
        """Say why a session cannot be shown, and leave nothing of it: it can be opened once that is mended."""
        before = list(self._viewer.layers)
        try:
            yield
        except Exception as error:  # noqa: BLE001 - a session that stays open is locked until the program ends
            with ExitStack() as last_first:
                last_first.callback(self._message.error, error)
                last_first.callback(self._remove_all_but, before)
                last_first.callback(opened.close)
                self.end()

    def _remove_all_but(self, before: list[Layer]) -> None:
        for layer in [layer for layer in self._viewer.layers if layer not in before]:
            remove_layer(self._viewer, layer)

    def attach(self, result: Result, opened: OpenSession, boxes: FragmentBoxes | None = None) -> bool:
        """Edit a result in a session that is open. Return False, and say why, if that fails: it is closed then."""
        with self._let_go_if_it_fails(opened):
            self._attach(result, opened, boxes)
        return self.current is not None and self.current.opened is opened

    def _attach(self, result: Result, opened: OpenSession, boxes: FragmentBoxes | None) -> None:
        result.session_folder = opened.folder
        boxes = boxes or drive(find_boxes(opened))
        lost = show_kept(result, opened)
        self.current = Proofreading(self._viewer, self._results, result, opened, boxes)
        self._size.follow(self.current)
        self._colours.follow(self.current)
        self.current.changed.connect(self._on_changed)
        self.began.emit()  # first, as the tools that are taken up then have nothing to say
        saved = f"Every edit is saved at once in {opened.folder}{self._remark}"
        words = opened.why_read_only or saved
        words = f"{words.rstrip('.')}. {lost}" if lost else words
        self._message.say(words, "error" if opened.why_read_only or lost else "result")
        self._remark = ""
        self.changed.emit()

    def end(self) -> None:
        """Leave the session; the neurons stay as they are."""
        if self.current is None:
            return
        with ExitStack() as last_first:  # all of it, whatever of it fails
            last_first.callback(self.changed.emit)
            last_first.callback(self._close_current, self.current)
            last_first.callback(self.current.changed.disconnect, self._on_changed)
            self.ending.emit()

    def close(self) -> None:
        """End the session, and hear of nothing any more."""
        self._results.changed.disconnect(self._on_results)
        self._results.recut_wanted.disconnect(self._on_recut)
        self._size.close()
        try:
            if self._sought is not None:
                self._sought.close()
        finally:
            self.end()

    def _close_current(self, current: Proofreading) -> None:
        self.current = None
        self._size.follow(None)
        try:
            self._colours.follow(None)
        finally:
            current.close()

    def _on_changed(self) -> None:
        self.changed.emit()

    def _on_results(self) -> None:
        if self.current is not None and self._results.current is not self.current.result:
            is_gone, folder = self.current.is_gone, self.current.opened.folder
            self.end()
            if is_gone:
                self._message.result(f"The neurons were removed: {folder} keeps all edits; open it to go on.")
        elif self.current is None:
            self.changed.emit()

    def _on_recut(self, _cut: Cut) -> None:
        """Refuse a threshold moved over neurons whose session is not on."""
        if self.current is None and self._results.current is not None:
            self._threshold.put(self._results.current.neurons.cut.threshold)
            go_on = f'press "{self.start_words}" to move it there'
            self._message.error(UserError(f"threshold: these neurons follow it in their session only; {go_on}."))

    def _on_written(self, result: Result, ended: Ended) -> None:
        if ended.error is not None:
            self._message.error(ended.error)
        elif ended.result is not None and result is self._results.current:
            result.session_folder = ended.result
            self.start(self._remark)
        self.changed.emit()

    def _on_opened(self, result: Result, ended: Ended) -> None:
        opened: Opened | None = ended.result
        if ended.error is not None:
            self._message.error(ended.error)
        elif opened is not None and result is self._results.current:
            self.attach(result, *opened.take())
        elif opened is not None:
            opened.close()
        self.changed.emit()

    def _on_folder(self, ended: Ended, stack: Location | None) -> None:
        if ended.error is not None:
            self._message.error(ended.error)
        elif ended.result is not None:
            read: Opened = ended.result
            self.bring(*read.take(), stack)
        else:
            self._message.result("Stopped: the session is not open.")
        self.changed.emit()

    def _on_sought(self, opened: OpenSession, boxes: FragmentBoxes | None, ended: Ended) -> None:
        self._sought = None
        if ended.error is not None:
            opened.close()
            self._message.error(ended.error)
        else:
            self.show(opened, boxes, ended.result or stopped_search(opened))
        self.changed.emit()
