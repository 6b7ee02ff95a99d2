"""The panel Proofread: select, merge, split and tick neurons, with all edits to undo."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QButtonGroup, QCheckBox, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_emcad.core.errors import UserError
from napari_emcad.core.wording import count
from napari_emcad.io.sessions import OpenSession, SessionFacts, create_session, open_session
from napari_emcad.proofreading.errors import Doubtful, Refused
from napari_emcad.proofreading.log import Row
from napari_emcad.widgets.edit_tools import MergeTool, SplitTool
from napari_emcad.widgets.forms import enable, text
from napari_emcad.widgets.history_list import HistoryList, told
from napari_emcad.widgets.jobs import Ended, JobRunner, one_step
from napari_emcad.widgets.key_binder import KeyBinder
from napari_emcad.widgets.keys import KEYS
from napari_emcad.widgets.layers import voxel_size_of
from napari_emcad.widgets.messages import MessageLine
from napari_emcad.widgets.neuron_list import NeuronList
from napari_emcad.widgets.picking import Click, Clicks, Voxel, voxel_under
from napari_emcad.widgets.proofreading import Proofreading
from napari_emcad.widgets.proofreading_modes import Banner, Mode
from napari_emcad.widgets.question import Question
from napari_emcad.widgets.results import Result, Results
from napari_emcad.widgets.session_place import session_folder
from napari_emcad.widgets.threshold import ThresholdBar

NO_NEURONS = 'There are no neurons yet: press "Run" first.'


class ProofreadPanel(QWidget):
    """Edits the neurons of the current result, in a session that begins here and ends with the result."""

    def __init__(self, viewer, results: Results, threshold: ThresholdBar, jobs: JobRunner, message: MessageLine):
        super().__init__()
        self._viewer, self._results, self._threshold = viewer, results, threshold
        self._jobs, self._message = jobs, message
        self.proofreading: Proofreading | None = None
        self.mode = Mode.SELECT
        self.merging: MergeTool | None = None
        self.splitting: SplitTool | None = None
        self._keys, self._banner = KeyBinder(viewer), Banner(viewer)
        self._clicks: Clicks | None = None
        self._listed = (0, 0)
        self._tab = QShortcut(QKeySequence(KEYS["next"].press), self)  # Qt keeps Tab from napari's own keys
        self._tab.setEnabled(False)
        self._make_widgets()
        self._lay_out()
        self._connect()
        self._update()

    # ---- the session -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin a session on the current result, in a thread."""
        result = self._results.current
        if result is None or self.proofreading is not None or self._jobs.running or not self._results.is_settled:
            return
        self._message.say("Writing the session.")
        facts = _facts(result)
        folder = session_folder(result.source)
        job = one_step(_written, folder, result.segmentation, result.affinities, facts, stage="writing the session")
        self._jobs.start(job, lambda ended: self._on_written(result, ended))

    def attach(self, result: Result, opened: OpenSession) -> None:
        """Edit a result in a session that is open."""
        self.proofreading = Proofreading(self._results, result, opened, self)
        self.merging = MergeTool(self.proofreading)
        self.splitting = SplitTool(self._viewer, self.proofreading)
        self._clicks = Clicks(self._viewer, self._on_click)
        for name, action in self._actions().items():
            self._keys.bind(name, action)
        self.proofreading.changed.connect(self._update)
        self._viewer.layers.selection.active = result.neuron_layer
        self.enter(Mode.SELECT)

    def end(self) -> None:
        """Leave the session; its keys go back to napari and the neurons stay as they are."""
        if self.proofreading is None:
            return
        self._leave_tool()
        self._clicks.close()
        self._keys.release(*self._keys.bound)
        self.proofreading.changed.disconnect(self._update)
        self.proofreading.close()
        self.proofreading = self.merging = self.splitting = self._clicks = None
        self.question.drop()
        self._update()

    def close_panel(self) -> None:
        """Let go of everything that is bound to the viewer."""
        self._results.changed.disconnect(self._on_results)
        self._jobs.running_changed.disconnect(self._update)
        self.end()
        self._keys.close()

    # ---- tools -------------------------------------------------------------------------------------------------

    def enter(self, mode: Mode) -> None:
        """Take up a tool."""
        if self.proofreading is None:
            return
        self._leave_tool()
        self.mode = mode
        if mode is not Mode.SELECT:
            self._keys.bind("leave", lambda: self.enter(Mode.SELECT))
            self._banner.show(mode.look.banner)
        if mode is Mode.SPLIT:
            self._keys.bind("apply", self.apply)
            self._keys.bind("back", self.back)
        self._tab.setEnabled(mode is Mode.SPLIT)
        self._viewer.cursor.style = mode.look.cursor
        self._update()

    def click(self, click: Click) -> None:
        """A click on a labelled voxel, in whatever mode."""
        if self.mode is Mode.MERGE:
            self._merge(click)
        elif self.mode is Mode.SPLIT:
            self._try(lambda: self.splitting.click(click))
        else:
            self.select(self.proofreading.neuron_at(click.voxel))
        self._update()

    def apply(self) -> None:
        """Make the split that is shown."""
        self._try(self.splitting.apply)

    def next(self) -> None:
        """Show the next way to split."""
        self._try(self.splitting.next)

    def back(self) -> None:
        """Remove the last point."""
        self._try(self.splitting.back)

    def undo(self) -> None:
        """Take back the last edit."""
        self._undo_or_redo("undo", self.proofreading.session.undoable)

    def redo(self) -> None:
        """Make the edit again that was undone last."""
        self._undo_or_redo("redo", self.proofreading.session.redoable)

    def toggle_done(self) -> None:
        """Lock the selected neuron, or unlock it."""
        neuron, session = self.selected, self.proofreading.session
        change = session.unlock if neuron in session.state.locked else session.lock
        if not len(session.state.members(neuron)):
            self._message.error(Refused("done: no neuron is selected; click one in the mode Select, or in the list."))
            return
        place = self.proofreading.voxel_of(neuron)
        self._try(lambda: self.proofreading.edit(lambda: change(neuron)))
        self._message.result(f"{neuron} is {'done' if neuron in session.state.locked else 'open again'}, at {place}.")

    def detach(self) -> None:
        """Take the fragment under the cursor out of its neuron."""
        self._try(self._detached)

    # ---- what is looked at -------------------------------------------------------------------------------------

    @property
    def selected(self) -> int:
        """The neuron selected; the neurons layer's own selected label."""
        return int(self.proofreading.layer.selected_label)

    def select(self, neuron: int) -> None:
        """Select a neuron in the layer and in the list."""
        self.proofreading.layer.selected_label = neuron
        self.neurons.select(neuron)
        self._update()

    def go_to(self, voxel: Voxel) -> None:
        """Put a voxel into the middle of the canvas."""
        world = np.array(self.proofreading.layer.data_to_world(voxel))[-3:]
        self._viewer.dims.set_point(range(self._viewer.dims.ndim - 3, self._viewer.dims.ndim), tuple(world))
        self._viewer.scene.camera.center = tuple(world)

    # ---- inside ------------------------------------------------------------------------------------------------

    def _make_widgets(self) -> None:
        self.start_button = QPushButton("Start proofreading")
        self.modes = {mode: _mode_button(mode) for mode in Mode}
        self._group = QButtonGroup(self)
        self.words, self.toast = text(), text()
        self.question = Question("Join anyway", "Leave")
        self.undo_button, self.redo_button = _button("Undo", "undo"), _button("Redo", "redo")
        self.apply_button, self.next_button = _button("Apply", "apply"), _button("Next", "next")
        self.done_button = _button("Done", "done")
        self.hide_done, self.only_selected = QCheckBox("hide done"), QCheckBox("only selected")
        self.hide_done.setToolTip(f"{KEYS['hide_done'].label}: {KEYS['hide_done'].words}")
        self.only_selected.setToolTip("Show the selected neuron and no other.")
        self.neurons, self.history = NeuronList(), HistoryList()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 2, 6, 4)
        self._split_row = _row(self.apply_button, self.next_button)
        self._edit_row = _row(self.undo_button, self.redo_button)
        tools = _row(*self.modes.values())
        looks = _row(self.done_button, self.hide_done, self.only_selected)
        for button in self.modes.values():
            self._group.addButton(button)
        self._body = QWidget()
        body = QVBoxLayout(self._body)
        body.setContentsMargins(0, 0, 0, 0)
        parts = (tools, self.words, self._split_row, self.question, self.toast, self._edit_row, looks)
        for widget in (*parts, self.neurons, text("History: click an edit to go there"), self.history):
            body.addWidget(widget)
        column.addWidget(self.start_button)
        column.addWidget(self._body)

    def _connect(self) -> None:
        self.start_button.clicked.connect(self.start)
        self._tab.activated.connect(self.next)
        for mode, button in self.modes.items():
            button.clicked.connect(lambda _checked, mode=mode: self.enter(mode))
        pairs = ((self.undo_button, self.undo), (self.redo_button, self.redo), (self.done_button, self.toggle_done))
        for button, action in (*pairs, (self.apply_button, self.apply), (self.next_button, self.next)):
            button.clicked.connect(lambda _checked, action=action: action())
        self.hide_done.toggled.connect(self._on_hide_done)
        self.only_selected.toggled.connect(self._on_only_selected)
        self.neurons.chosen.connect(self.select)
        self.neurons.entered.connect(lambda neuron: self.go_to(self.proofreading.voxel_of(neuron)))
        self.history.chosen.connect(self._on_history)
        self._results.changed.connect(self._on_results)
        self._jobs.running_changed.connect(self._update)

    def _actions(self) -> dict[str, Callable[[], None]]:
        """What keys do as long as there is a session."""
        tools = {mode.value: lambda mode=mode: self.enter(mode) for mode in Mode}
        others = {"done": self.toggle_done, "hide_done": self.hide_done.toggle, "detach": self.detach}
        return {**tools, **others, "undo": self.undo, "redo": self.redo}

    def _leave_tool(self) -> None:
        self._keys.release("leave", "apply", "back")
        self._tab.setEnabled(False)
        self._banner.hide()
        self._viewer.cursor.style = "standard"
        self.question.drop()
        self.merging.close()
        if self.mode is Mode.SPLIT and self.proofreading.layer in self._viewer.layers:
            self.splitting.close()
        self.splitting.points.clear()
        self.mode = Mode.SELECT

    def _merge(self, click: Click) -> None:
        try:
            row = self.merging.click(click)
        except Doubtful as doubt:
            self.question.ask(str(doubt), lambda: self._try(lambda: self.merging.join(click.voxel, confirmed=True)))
        except UserError as error:
            self._message.error(error)
        else:
            self._tell(row)

    def _try(self, act: Callable[[], Any]) -> None:
        """Do something that may be refused, which is then said."""
        self.question.drop()
        try:
            made = act()
        except UserError as error:
            self._message.error(error)
        else:
            self._tell(made)
        self._update()

    def _tell(self, made: Any) -> None:
        if not isinstance(made, Row):
            self._message.say("")
            return
        self.toast.setText(self._toast(made))
        self._message.say("")

    def _toast(self, row: Row) -> str:
        if row.kind == "merge":
            move = row.effect.moves[-1]
            fragments = count(len(self.proofreading.session.state.members(move.after)), "fragment")
            return f"{move.after} <- {move.before}, {fragments}"
        return told(row)

    def _undo_or_redo(self, way: str, what: Row | None) -> None:
        if self.mode is Mode.SPLIT:
            self.splitting.close()
        self._try(lambda: self.proofreading.edit(getattr(self.proofreading.session, way)))
        if what is not None and self._message.kind != "error":
            self.toast.setText(f"{'undone' if way == 'undo' else 'done again'}: {told(what)}")

    def _detached(self) -> Row:
        if self._viewer.dims.ndisplay == 3:
            raise Refused("detach: the cursor shows no depth in 3D; go back to 2D to detach.")
        voxel = tuple(round(float(c)) for c in self.proofreading.layer.world_to_data(self._viewer.cursor.position)[-3:])
        shape = self.proofreading.layer.data.shape
        if not all(0 <= v < n for v, n in zip(voxel, shape, strict=True)):
            raise Refused("outside: the cursor is not over the neurons; put it on a fragment.")
        fragment = self.proofreading.fragment_at(voxel)
        return self.proofreading.edit(lambda: self.proofreading.session.detach(fragment, voxels=[list(voxel)]))

    def _on_click(self, event: Any) -> None:
        voxel = voxel_under(self.proofreading.layer, event)
        if voxel is None:
            self._message.error(Refused("background: there is no neuron within 100 nm; click on one."))
            return
        self.click(Click(voxel, "Shift" in event.modifiers))

    def _on_written(self, result: Result, ended: Ended) -> None:
        if ended.error is not None:
            self._message.error(ended.error)
        elif ended.result is not None and result is self._results.current:
            self._try(lambda: self.attach(result, open_session(ended.result)))
            self._message.result(f"Every edit is saved at once in {ended.result}")
        self._update()

    def _on_results(self) -> None:
        if self.proofreading is not None and self._results.current is not self.proofreading.result:
            self.end()
        elif self.proofreading is None:
            self._update()

    def _on_hide_done(self, hides: bool) -> None:
        if self.proofreading is not None:
            self.proofreading.hides_done = hides

    def _on_only_selected(self, only: bool) -> None:
        if self.proofreading is not None:
            self.proofreading.layer.show_selected_label = only

    def _on_history(self, row: Row) -> None:
        voxels = row.input.get("voxels")
        if voxels:
            self.go_to(tuple(voxels[-1]))
        elif "segment" in row.input and (voxel := self.proofreading.voxel_of(row.input["segment"])):
            self.go_to(voxel)

    def _update(self) -> None:
        """Bring everything in the panel up to date."""
        is_on = self.proofreading is not None
        self.start_button.setVisible(not is_on)
        self._body.setVisible(is_on)
        busy = "A job is running." if self._jobs.running else ""
        no_neurons = "" if self._results.current else NO_NEURONS
        enable(self.start_button, no_neurons or busy, "Edit these neurons; every edit is saved at once.")
        if is_on:
            self._update_tools()
            self._update_edits()

    def _update_tools(self) -> None:
        self.modes[self.mode].setChecked(True)
        tool = {Mode.MERGE: self.merging, Mode.SPLIT: self.splitting}.get(self.mode)
        self.words.setText(tool.words if tool else "Click a neuron to select it.")
        self._split_row.setVisible(self.mode is Mode.SPLIT)
        points = "" if self.splitting.can_apply else "Click one side and Shift+click the other first."
        enable(self.apply_button, points, KEYS["apply"].words)
        enable(self.next_button, "" if self.splitting.can_change else "There is no other proposal.", KEYS["next"].words)

    def _update_edits(self) -> None:
        session = self.proofreading.session
        last, undone = session.undoable, session.redoable
        enable(self.undo_button, "" if session.can_undo else "Nothing to undo.", f"Undo {last and told(last)}")
        enable(self.redo_button, "" if session.can_redo else "Nothing to redo.", f"Redo {undone and told(undone)}")
        is_done = self.selected in session.state.locked
        self.done_button.setText(f"{'Not done' if is_done else 'Done'}  {KEYS['done'].label}")
        if self._results.is_settled:
            self._threshold.put(session.state.threshold)
        if self._listed != (listed := (id(session), len(session.log.rows))):
            self._listed = listed
            self.neurons.model.put(self.proofreading.rows())
            self.neurons.select(self.selected)
            self.history.put(session)


def _written(*arguments: Any) -> Path:
    """Write a session and let go of it: a result that nobody takes any more must not keep it locked."""
    with create_session(*arguments) as opened:
        return opened.folder


def _facts(result: Result) -> SessionFacts:
    known = {name: value for name, value in result.provenance().items() if value is not None}
    if "source" in known:
        known["source"] = str(known["source"])
    return SessionFacts.of(known, voxel_size_of(result.source))


def _button(words: str, key: str) -> QPushButton:
    """With its key printed on it; it takes no focus, so that keys stay with the canvas."""
    button = QPushButton(f"{words}  {KEYS[key].label}")
    button.setToolTip(KEYS[key].words)
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return button


def _mode_button(mode: Mode) -> QPushButton:
    button = _button(mode.look.word, mode.value)
    button.setCheckable(True)
    return button


def _row(*widgets: QWidget) -> QWidget:
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget)
    return row
