"""The panel Proofread: select, merge, split, review and tick neurons, with all edits to undo."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QFileDialog, QPushButton, QVBoxLayout, QWidget

from napari_emcad.core.errors import UserError
from napari_emcad.core.fragment_boxes import FragmentBoxes
from napari_emcad.core.progress import Job, Progress, drive
from napari_emcad.core.wording import count
from napari_emcad.io.sessions.facts import SessionFacts
from napari_emcad.io.sessions.new_session import create_session
from napari_emcad.io.sessions.open_session import OpenSession, find_boxes, open_session
from napari_emcad.io.sessions.replay_report import BroughtEdit
from napari_emcad.io.stacks.stack import content_fingerprint
from napari_emcad.proofreading.errors import Doubtful, Refused
from napari_emcad.proofreading.rows import LogRow
from napari_emcad.widgets.desk.on_screen import Proofreading
from napari_emcad.widgets.desk.results import Result
from napari_emcad.widgets.kit.at_rest import AtRest
from napari_emcad.widgets.kit.forms import enable
from napari_emcad.widgets.kit.jobs import Ended, JobRunner, one_step
from napari_emcad.widgets.kit.layers import centre, volume_of, voxel_size_of
from napari_emcad.widgets.kit.messages import MessageLine
from napari_emcad.widgets.kit.mouse import Clicks, Hover, Wheel
from napari_emcad.widgets.kit.picking import Click, Voxel, voxel_under
from napari_emcad.widgets.kit.session_place import SUFFIX, session_folder
from napari_emcad.widgets.kit.stack_choice import StackChoice
from napari_emcad.widgets.proofread.body import ProofreadBody
from napari_emcad.widgets.proofread.click_to_segment import ClickToSegment
from napari_emcad.widgets.proofread.from_labels import LabelsStart
from napari_emcad.widgets.proofread.history_list import told
from napari_emcad.widgets.proofread.key_binder import Borrowed, KeyBinder
from napari_emcad.widgets.proofread.keys import ANSWER_WORDS, KEYS, PAINT
from napari_emcad.widgets.proofread.modes import Banner, Mode
from napari_emcad.widgets.proofread.neuron_list import Arranged
from napari_emcad.widgets.proofread.review_tool import ReviewTool
from napari_emcad.widgets.proofread.select_tool import SelectTool
from napari_emcad.widgets.proofread.session_view import result_of
from napari_emcad.widgets.proofread.split_tool import SplitTool
from napari_emcad.widgets.proofread.surface_view import SurfaceView, show_beside
from napari_emcad.widgets.proofread.to_do import ToDoPoints
from napari_emcad.widgets.proofread.tools import GrowTool, MergeTool, Tool
from napari_emcad.widgets.segment.panel import SegmentPanel
from napari_emcad.workers.segmentation import Cut, CutNeurons

CLOSE = 2.0
"""Pixels of the screen that a voxel takes at least where a place is to be judged."""

NO_NEURONS = 'There are no neurons yet: press "Run" first.'


class ProofreadPanel(QWidget):
    """Edits the neurons of the current result, in a session that begins here and ends with the result."""

    def __init__(self, viewer, stack: StackChoice, segment: SegmentPanel, jobs: JobRunner, message: MessageLine):
        super().__init__()
        self._viewer, self._results, self._threshold = viewer, segment.results, segment.threshold
        self._jobs, self._message = jobs, message
        self.proofreading: Proofreading | None = None
        self.mode = Mode.SELECT
        self.tools: dict[Mode, Tool] = {}
        self._keys, self._banner, self._to_do = KeyBinder(viewer), Banner(viewer), ToDoPoints(viewer)
        self._mouse: list[Clicks | Hover | Wheel] = []
        self._paint_keys: list[Borrowed] = []
        self._surfaces: SurfaceView | None = None
        self._listed = (0, 0)
        self._mark = 0
        self._tab = QShortcut(QKeySequence(KEYS["next"].press), self)  # Qt keeps Tab from napari's own keys
        self._tab.setEnabled(False)
        self.body = ProofreadBody()
        self.start_button = QPushButton("Start proofreading")
        self.open_button = QPushButton("Open session...")
        self.click_to_segment = ClickToSegment(viewer, stack, segment, message)
        self.labels_start = LabelsStart(viewer, stack, segment, jobs, message)
        self._remark = ""
        self._listing = AtRest(self._listed_anew, self._list, self, lambda: len(self.proofreading.session.state.table))
        self.before = QWidget()
        self._lay_out()
        self._connect()
        self._update()

    # ---- the session -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin a session on the current result, in a thread; go on with its own one where it has been edited."""
        result = self._results.current
        if result is None or self.proofreading is not None or self._jobs.running or not self._results.is_settled:
            return
        if result.session_folder is not None:
            self._jobs.start(opening(result.session_folder), lambda ended: self._on_opened(result, ended))
            return
        self._message.say("Writing the session.")
        facts = facts_of(result)
        folder = session_folder(result.source)
        job = one_step(_written, folder, result.segmentation, result.affinities, facts, stage="writing the session")
        self._jobs.start(job, lambda ended: self._on_written(result, ended))

    def open(self, folder: Path) -> None:
        """Go on in a session folder, which is read in a thread."""
        if not self._jobs.running:
            self._jobs.start(opening(folder), self._on_folder)

    def show(self, opened: OpenSession, boxes: FragmentBoxes | None = None) -> None:
        """Show a session from its folder, with its stack, and edit it."""
        self.end()
        result, state = result_of(self._viewer, opened), opened.session.state
        neurons = CutNeurons(Cut(state.threshold, state.min_size), state.table, state.sizes, 0.0)
        self._results.show_segmentation(result, state.base, neurons)
        self.attach(result, opened, boxes)

    def attach(self, result: Result, opened: OpenSession, boxes: FragmentBoxes | None = None) -> None:
        """Edit a result in a session that is open."""
        self.click_to_segment.leave()
        self.body.only_selected.setChecked(result.neuron_layer.show_selected_label)
        result.neuron_layer.show_selected_label = False
        result.session_folder = opened.folder
        boxes = boxes or drive(find_boxes(opened))
        at = self.proofreading = Proofreading(self._viewer, self._results, result, opened, boxes)
        self.tools = {
            Mode.SELECT: SelectTool(at, self._choose),
            Mode.MERGE: MergeTool(at),
            Mode.SPLIT: SplitTool(self._viewer, at),
            Mode.GROW: GrowTool(at),
            Mode.REVIEW: ReviewTool(at, self.go_near, self._update),
        }
        self._mouse = [
            Clicks(self._viewer, self._on_click),
            Hover(self._viewer, self._on_hover),
            Wheel(self._viewer, self._on_wheel),
        ]
        for name, action in self._actions().items():
            self._keys.bind(name, action)
        self._paint_keys = [Borrowed.of(result.neuron_layer, press, self._refuse_paint) for press in PAINT]
        at.changed.connect(self._update)
        self._viewer.layers.selection.active = result.neuron_layer
        saved = f"Every edit is saved at once in {opened.folder}{self._remark}"
        self._message.say(opened.why_read_only or saved, "error" if opened.why_read_only else "result")
        self._remark = ""
        self.body.replay.open(opened)
        self.enter(Mode.SELECT)

    def end(self) -> None:
        """Leave the session; its keys go back to napari and the neurons stay as they are."""
        if self.proofreading is None:
            return
        self._leave_tool()
        for tool in self.tools.values():
            tool.end()
        for one in self._mouse:
            one.close()
        self._keys.release(*self._keys.bound)
        if self._surfaces is not None and not self._surfaces.is_released:
            self._viewer.window.remove_dock_widget(self._surfaces)
        self._surfaces = None
        for borrowed in self._paint_keys:
            borrowed.give_back()
        self._to_do.close()
        self._listing.stop()
        self.proofreading.changed.disconnect(self._update)
        self.proofreading.close()
        self.proofreading, self.tools, self._mouse = None, {}, []
        self._update()

    def close_panel(self) -> None:
        """Let go of everything that is bound to the viewer."""
        self._results.changed.disconnect(self._on_results)
        self._results.recut_wanted.disconnect(self._on_recut)
        self._jobs.running_changed.disconnect(self._update)
        self.end()
        self.click_to_segment.close_mode()
        self.labels_start.release()
        self._keys.close()

    def reset_choices(self) -> None:
        """Follow the viewer's layers."""
        self.labels_start.reset_choices()

    # ---- tools -------------------------------------------------------------------------------------------------

    @property
    def tool(self) -> Tool:
        """The one of the mode that is on."""
        return self.tools[self.mode]

    def enter(self, mode: Mode) -> None:
        """Take up a tool."""
        if self.proofreading is None:
            return
        self._leave_tool()
        self.mode = mode
        if mode is not Mode.SELECT:
            self._keys.bind("leave", lambda: self.enter(Mode.SELECT))
            self._banner.show(mode.look.banner)
        for name, action in self._actions_in(mode).items():
            self._keys.bind(name, action)
        self._tab.setEnabled(mode is Mode.SPLIT)
        self._viewer.cursor.style = mode.look.cursor
        self._try(self.tool.open)

    def click(self, click: Click) -> None:
        """A click on a labelled voxel, in whatever mode."""
        self._try(lambda: self.tool.click(click))

    def wheel(self, voxel: Voxel, upwards: bool) -> None:
        """One notch of the wheel with Ctrl down, in the mode Grow."""
        self._try(lambda: self.tool.wheel(voxel, upwards))

    def apply(self) -> None:
        """Make the split that is shown."""
        self._try(self.tools[Mode.SPLIT].apply)

    def next(self) -> None:
        """Show the next way to split."""
        self._try(self.tools[Mode.SPLIT].next)

    def back(self) -> None:
        """Remove the last point."""
        self._try(self.tools[Mode.SPLIT].back)

    def answer(self, name: str) -> None:
        """Answer the question of the review by the name of a key."""
        self._try(lambda: self.tools[Mode.REVIEW].answer(name))

    def undo(self) -> None:
        """Take back the last edit."""
        self._undo_or_redo("undo", self.proofreading.session.undoable)

    def undo_one(self) -> None:
        """Take back the edit that is marked in the history, where no later one builds on it."""
        row = self.body.history.marked
        self._undo_or_redo("undo", row, row.seq)

    def redo(self) -> None:
        """Make the edit again that was undone last."""
        self._undo_or_redo("redo", self.proofreading.session.redoable)

    def toggle_done(self) -> None:
        """Lock the selected neuron, or unlock it."""
        neuron, session = self.selected, self.proofreading.session
        if not len(session.state.members(neuron)):
            self._message.error(Refused("done: no neuron is selected; click one in the mode Select, or in the list."))
            return
        change = session.unlock if neuron in session.state.locked else session.lock
        place = self.proofreading.voxel_of(neuron)
        self._edit(lambda: change(neuron, voxels=[list(place)]))

    def detach(self) -> None:
        """Take the fragment under the cursor out of its neuron."""
        self._try(self._detached)

    def merge_selected(self) -> None:
        """Join all neurons selected to the one selected last; one step to undo."""
        anchor, *others = (self.proofreading.voxel_of(n) for n in [self.selected, *self._other_selected])
        ends = [self.proofreading.fragment_at(v) for v in (anchor, *others)]
        voxels = [list(v) for v in (anchor, *others)]
        self._edit(lambda: self.proofreading.session.merge_all(ends[0], ends[1:], voxels=voxels))

    # ---- places to do ------------------------------------------------------------------------------------------

    def mark(self) -> None:
        """Mark the place under the cursor as to do."""
        self._try(lambda: self.proofreading.edit(lambda: self.proofreading.session.note(self._under_cursor("mark"))))

    def next_mark(self) -> None:
        """Go to the place to do after the one gone to last."""
        rows = self.proofreading.session.to_do
        if not rows:
            self._message.error(Refused(f"to do: no place is marked; press {KEYS['mark'].label} over one."))
            return
        self._mark = next((row.seq for row in rows if row.seq > self._mark), rows[0].seq)
        self.go_near(tuple(rows[[row.seq for row in rows].index(self._mark)].input["voxels"][0]))
        self._update()

    def tick_off(self) -> None:
        """The place gone to last has been looked after."""
        self._edit(lambda: self.proofreading.session.tick(self._mark))

    # ---- what is looked at -------------------------------------------------------------------------------------

    @property
    def selected(self) -> int:
        """The neuron selected last; the neurons layer's own selected label."""
        return int(self.proofreading.layer.selected_label)

    @property
    def selection(self) -> list[int]:
        """All neurons selected."""
        return self.body.neurons.selection or [self.selected]

    def select(self, *neurons: int) -> None:
        """Select neurons in the layer, which takes the last one, and in the list."""
        if neurons:
            self.proofreading.layer.selected_label = neurons[-1]
        self.body.neurons.select(*neurons)
        self._on_only_selected()
        self._show_surfaces()
        self._update()

    def see_in_3d(self) -> None:
        """Open the view of surfaces, and show the selected neurons in it."""
        if self._surfaces is None or self._surfaces.is_released:
            self._surfaces = SurfaceView(self.proofreading)
            self._surfaces.picked.connect(self._on_picked)
            show_beside(self._viewer, self._surfaces, self)
        self._show_surfaces()

    def go_to(self, voxel: Voxel) -> None:
        """Put a voxel into the middle of the canvas."""
        centre(self._viewer, self.proofreading.layer, voxel)

    def go_near(self, voxel: Voxel) -> None:
        """And look at it closely enough to judge it; a closer look stays as it is."""
        self.go_to(voxel)
        if self._viewer.dims.ndisplay == 2:
            zoom = CLOSE / float(self.proofreading.layer.scale[-1])
            self._viewer.scene.camera.zoom = max(self._viewer.scene.camera.zoom, zoom)

    def centre(self) -> None:
        """Go to the selected neuron, or to the question of the review."""
        if self.mode is Mode.REVIEW:
            self.tool.look()
        elif (place := self.proofreading.voxel_of(self.selected)) is not None:
            self.go_to(place)
        else:
            self._message.error(Refused("centre: no neuron is selected; click one in the mode Select, or in the list."))

    # ---- inside ------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        before = QVBoxLayout(self.before)
        before.setContentsMargins(0, 0, 0, 0)
        for one in (self.start_button, self.click_to_segment, self.labels_start, self.open_button):
            before.addWidget(one)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 2, 6, 4)
        column.addWidget(self.before)
        column.addWidget(self.body)

    def _connect(self) -> None:
        body = self.body
        self._tab.activated.connect(self.next)
        for mode, one in body.modes.items():
            one.clicked.connect(lambda _checked, mode=mode: self.enter(mode))
        for name, one in body.answers.items():
            one.clicked.connect(lambda _checked, name=name: self.answer(name))
        for one, action in self._buttons().items():
            one.clicked.connect(lambda _checked, action=action: action())
        self.labels_start.ready.connect(self._on_labels)
        body.hide_done.toggled.connect(self._on_hide_done)
        body.only_selected.toggled.connect(self._on_only_selected)
        body.neurons.chosen.connect(lambda neurons: self.select(*neurons))
        body.neurons.entered.connect(lambda neuron: self.go_to(self.proofreading.voxel_of(neuron)))
        body.history.chosen.connect(self._on_history)
        body.replay.chosen.connect(self._on_brought)
        body.replay.failed.connect(self._message.error)
        self._results.changed.connect(self._on_results)
        self._results.recut_wanted.connect(self._on_recut)
        self._jobs.running_changed.connect(self._update)

    def _buttons(self) -> dict[QPushButton, Callable[[], None]]:
        body = self.body
        return {
            self.start_button: self.start,
            self.open_button: self._ask_for_session,
            body.undo_button: self.undo,
            body.redo_button: self.redo,
            body.done_button: self.toggle_done,
            body.apply_button: self.apply,
            body.next_button: self.next,
            body.merge_button: self.merge_selected,
            body.view_button: self.see_in_3d,
            body.mark_button: self.mark,
            body.next_mark_button: self.next_mark,
            body.tick_button: self.tick_off,
            body.undo_one_button: self.undo_one,
            body.end_button: self.end,
        }

    def _actions(self) -> dict[str, Callable[[], None]]:
        """What keys do as long as there is a session."""
        tools = {mode.value: lambda mode=mode: self.enter(mode) for mode in Mode}
        edits = {"done": self.toggle_done, "detach": self.detach, "undo": self.undo, "redo": self.redo}
        looks = {"hide_done": self.body.hide_done.toggle, "centre": self.centre}
        return {**tools, **edits, **looks, "mark": self.mark, "next_mark": self.next_mark}

    def _actions_in(self, mode: Mode) -> dict[str, Callable[[], None]]:
        """What keys do in one mode only."""
        if mode is Mode.SPLIT:
            return {"apply": self.apply, "back": self.back}
        if mode is Mode.REVIEW:
            return {name: lambda name=name: self.answer(name) for name in ANSWER_WORDS}
        return {}

    def _leave_tool(self) -> None:
        self._keys.release("leave", *self._actions_in(self.mode))
        self._tab.setEnabled(False)
        self._banner.hide()
        self._viewer.cursor.style = "standard"
        self.body.question.drop()
        if self.proofreading.layer in self._viewer.layers:
            self.tool.close()
        self.mode = Mode.SELECT

    def _try(self, act: Callable[[], Any]) -> None:
        """Do something that may be refused, which is then said, or asked about."""
        self.body.question.drop()
        try:
            made = act()
        except Doubtful as doubt:
            self.body.question.ask(str(doubt), lambda: self._try(self.tool.confirm))
        except UserError as error:
            self._message.error(error)
        else:
            if isinstance(made, LogRow):
                self._tell(made)
        self._update()

    def _tell(self, row: LogRow) -> None:
        """An edit has been made; what came off a selected neuron is selected with it."""
        self.body.toast.setText(self._toast(row))
        self._message.say("")
        new = [move.after for move in row.effect.moves if move.before in self.selection and move.after != move.before]
        if row.kind in ("split", "detach") and new:
            self.select(*dict.fromkeys([*new, *self.selection]))

    def _toast(self, row: LogRow) -> str:
        """An edit as it is told under the tools."""
        if row.kind not in ("merge", "group"):
            return told(row)
        members = self.proofreading.session.state.members(row.effect.moves[0].after)
        return f"{told(row)}, {count(len(members), 'fragment')}"

    def _edit(self, make: Callable[[], LogRow]) -> None:
        """An edit that is not the tool's own."""
        self._try(lambda: self.proofreading.edit(make))
        self._try(self.tool.follow)

    def _undo_or_redo(self, way: str, what: LogRow | None, *seq: int) -> None:
        if what is None or what.effect.threshold is None:
            self._take(way, what, *seq)
        else:
            before, after = what.effect.threshold
            there = before if way == "undo" else after
            self.proofreading.once_foreseen(there, lambda: self._take(way, what, *seq))

    def _take(self, way: str, what: LogRow | None, *seq: int) -> None:
        """Undo or redo, unless another edit has taken the place of this one meanwhile."""
        session = self.proofreading.session
        if not seq and what is not (session.undoable if way == "undo" else session.redoable):
            return
        done = partial(getattr(session, way), *seq)
        rows = len(session.log.rows)
        self._try(lambda: self.proofreading.edit(done))
        if len(session.log.rows) > rows:
            self._try(self.tool.follow)
            self.body.toast.setText(f"{'undone' if way == 'undo' else 'done again'}: {told(what)}")

    def _refuse_paint(self) -> None:
        split, merge = KEYS["split"].label, KEYS["merge"].label
        other = f'"Split" ({split}) divides, "Merge" ({merge}) joins; to paint, export into a new labels layer'
        self._message.error(Refused(f"paint: neurons are made of fragments, not of paint. {other}."))

    def _detached(self) -> LogRow:
        voxel = self._under_cursor("detach")
        fragment = self.proofreading.fragment_at(voxel)
        return self.proofreading.edit(lambda: self.proofreading.session.detach(fragment, voxels=[list(voxel)]))

    def _under_cursor(self, what: str) -> Voxel:
        """The voxel under the cursor."""
        if self._viewer.dims.ndisplay == 3:
            raise Refused(f"{what}: the cursor shows no depth in 3D; go back to 2D.")
        voxel = tuple(round(float(c)) for c in self.proofreading.layer.world_to_data(self._viewer.cursor.position)[-3:])
        shape = self.proofreading.clickable.shape
        if not all(0 <= v < n for v, n in zip(voxel, shape, strict=True)):
            raise Refused("outside: the cursor is not over the neurons; put it on one.")
        return voxel

    def _choose(self, neuron: int, also: bool) -> None:
        """Select a neuron that was clicked, or with `also` add it to those selected, or take it from them."""
        before = self.selection if also else []
        self.select(*(n for n in before if n != neuron), *([] if neuron in before else [neuron]))

    @property
    def _other_selected(self) -> list[int]:
        return [n for n in self.selection if n != self.selected]

    def _voxel_under(self, event: Any) -> Voxel | None:
        return voxel_under(self.proofreading.layer, self.proofreading.clickable, event)

    def _on_click(self, event: Any) -> None:
        voxel = self._voxel_under(event)
        if voxel is None:
            self._message.error(Refused("background: there is no neuron within 100 nm; click on one."))
            return
        self.click(Click(voxel, "Shift" in event.modifiers))

    def _on_picked(self, click: Click) -> None:
        """A click on a surface is one on the neuron, and goes there."""
        self.go_to(click.voxel)
        self.click(click)

    def _show_surfaces(self) -> None:
        if self._surfaces is not None:
            self._surfaces.show_neurons([n for n in self.selection if n])

    def _on_hover(self, event: Any) -> None:
        self.tool.hover(self._voxel_under(event))
        self.body.words.setText(self.tool.words)

    def _on_wheel(self, event: Any, upwards: bool) -> bool:
        """Whether the turn was for the tool; the others are napari's."""
        if self.mode is not Mode.GROW:
            return False
        voxel = self._voxel_under(event)
        if voxel is not None:
            self.wheel(voxel, upwards)
        return True

    def _on_written(self, result: Result, ended: Ended) -> None:
        if ended.error is not None:
            self._message.error(ended.error)
        elif ended.result is not None and result is self._results.current:
            result.session_folder = ended.result
            self.start()
        self._update()

    def _on_opened(self, result: Result, ended: Ended) -> None:
        if ended.error is not None:
            self._message.error(ended.error)
        elif ended.result is not None and result is self._results.current:
            self.attach(result, *ended.result)
        elif ended.result is not None:
            ended.result[0].close()
        self._update()

    def _on_folder(self, ended: Ended) -> None:
        if ended.error is not None:
            self._message.error(ended.error)
        elif ended.result is not None:
            self.show(*ended.result)
        self._update()

    def _ask_for_session(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, f"Open a session folder, NAME{SUFFIX}")
        if chosen:
            self.open(Path(chosen))

    def _on_labels(self, _result: Result) -> None:
        """Labels from elsewhere are the current result."""
        self._remark = f"; {self.labels_start.ids_text}"
        self.start()

    def _on_results(self) -> None:
        if self.proofreading is not None and self._results.current is not self.proofreading.result:
            self.end()
        elif self.proofreading is None:
            self._update()

    def _on_recut(self, _cut: Cut) -> None:
        """The threshold was moved over neurons whose session is not on."""
        if self.proofreading is None:
            self._threshold.put(self._results.current.neurons.cut.threshold)
            go_on = f'press "{self.start_button.text()}" to move it there'
            self._message.error(UserError(f"threshold: these neurons follow it in their session only; {go_on}."))

    def _on_hide_done(self, hides: bool) -> None:
        if self.proofreading is not None:
            self.proofreading.hides_done = hides

    def _on_only_selected(self, _only: bool = False) -> None:
        if self.proofreading is not None:
            self.proofreading.show_only(self.selection if self.body.only_selected.isChecked() else ())

    def _on_history(self, row: LogRow) -> None:
        self._update_marked()
        voxels = row.input.get("voxels")
        if voxels:
            self.go_to(tuple(voxels[-1]))
        elif "segment" in row.input and (voxel := self.proofreading.voxel_of(row.input["segment"])):
            self.go_to(voxel)

    def _on_brought(self, edit: BroughtEdit) -> None:
        """An edit of another session is wanted: its place, and the neurons that are there now."""
        if edit.voxel is not None:
            self.go_near(edit.voxel)
        if there := [n for n in dict.fromkeys(map(self.proofreading.neuron_at, edit.places)) if n]:
            self.select(*there)

    def _update(self) -> None:
        """Bring everything in the panel up to date."""
        is_on = self.proofreading is not None
        self.before.setVisible(not is_on)
        self.body.setVisible(is_on)
        result, busy = self._results.current, "A job is running." if self._jobs.running else ""
        is_begun = result is not None and result.session_folder is not None
        self.start_button.setText("Go on proofreading" if is_begun else "Start proofreading")
        no_neurons = "" if result else NO_NEURONS
        enable(self.start_button, no_neurons or busy, "Edit these neurons; every edit is saved at once.")
        enable(self.open_button, busy, f"Go on in a session folder, NAME{SUFFIX}.")
        if is_on:
            why_not = busy or self.proofreading.opened.why_read_only
            enable(self.body.bring_button, why_not, "Make those of a session of this region again here.")
            self._update_tools()
            self._update_edits()
            self._update_places()
            self._update_marked()

    def _update_tools(self) -> None:
        body, splitting = self.body, self.tools[Mode.SPLIT]
        body.show_mode(self.mode)
        body.words.setText(self.tool.words)
        points = "" if splitting.can_apply else "Click one side and Shift+click the other first."
        enable(body.apply_button, points, KEYS["apply"].words)
        enable(body.next_button, "" if splitting.can_change else "There is no other proposal.", KEYS["next"].words)
        if self.mode is Mode.REVIEW:
            body.facts.setText(self.tool.facts)
            for name, one in body.answers.items():
                enable(one, "" if self.tool.question else "Nothing is asked.", KEYS[name].words)

    def _update_edits(self) -> None:
        session, body = self.proofreading.session, self.body
        last, undone = session.undoable, session.redoable
        enable(body.undo_button, "" if last else "Nothing to undo.", f"Undo {last and told(last)}")
        enable(body.redo_button, "" if undone else "Nothing to redo.", f"Redo {undone and told(undone)}")
        is_done = self.selected in session.state.locked
        body.done_button.setText(f"{'Not done' if is_done else 'Done'}  {KEYS['done'].label}")
        several = "" if self._other_selected else "Select several neurons first: Shift+click them."
        enable(body.merge_button, several, f"{count(len(self.selection), 'neuron')} into {self.selected}")
        if self._results.is_settled:
            self._threshold.put(session.state.threshold)
        if self._listed != (listed := (id(session), len(session.log.rows))):
            self._listed = listed
            self._listing.ask()
            body.history.put(session)

    def _listed_anew(self) -> Arranged:
        return self.body.neurons.model.arranged(self.proofreading.rows())

    def _list(self, arranged: Arranged) -> None:
        chosen = self.selection
        self.body.neurons.model.put(arranged)
        self.body.neurons.select(*chosen)

    def _update_marked(self) -> None:
        row, session = self.body.history.marked, self.proofreading.session
        why_not = "Click an edit in the history first." if row is None else ""
        if row is not None and row.seq not in session.in_force:
            why_not = "It is undone already."
        enable(self.body.undo_one_button, why_not, f"Undo {row and told(row)}, and nothing else.")

    def _update_places(self) -> None:
        rows, body = self.proofreading.session.to_do, self.body
        body.to_do.setText(f"{count(len(rows), 'place')} to do")
        enable(body.next_mark_button, "" if rows else "No place is marked.", KEYS["next_mark"].words)
        is_there = self._mark in [row.seq for row in rows]
        enable(body.tick_button, "" if is_there else "Go to a place first.", "The place gone to has been looked after.")
        self._to_do.show(rows, self.proofreading.layer)


def _written(*arguments: Any) -> Path:
    """Write a session and let go of it: a result that nobody takes any more must not keep it locked."""
    with create_session(*arguments) as opened:
        return opened.folder


def opening(folder: Path) -> Job[tuple[OpenSession, FragmentBoxes]]:
    """Open a session, and see where its fragments lie."""
    yield Progress("opening the session", 0, 1)
    opened = open_session(folder)
    try:
        return opened, (yield from find_boxes(opened))
    except BaseException:
        opened.close()
        raise


def facts_of(result: Result) -> SessionFacts:
    """What a new session on a result is about."""
    known = {name: value for name, value in result.provenance().items() if value is not None}
    with suppress(OSError, UserError):  # of a stack whose file has gone nothing can be told
        known["fingerprint"] = content_fingerprint(volume_of(result.source))
    return SessionFacts.of(known, voxel_size_of(result.source))
