"""The panel Proofread: what begins a session, and what there is while one is on."""

from collections.abc import Callable
from pathlib import Path

from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QFileDialog, QPushButton, QVBoxLayout, QWidget

from napari_emcad.io.sessions.replay_report import BroughtEdit
from napari_emcad.proofreading.rows import LogRow
from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.kit.at_rest import AtRest
from napari_emcad.widgets.kit.forms import enable
from napari_emcad.widgets.kit.picking import Click
from napari_emcad.widgets.kit.session_place import SUFFIX
from napari_emcad.widgets.proofread.bindings import Bindings
from napari_emcad.widgets.proofread.body import ProofreadBody
from napari_emcad.widgets.proofread.bring_edits import BringEdits
from napari_emcad.widgets.proofread.click_row import ClickRow
from napari_emcad.widgets.proofread.click_to_segment import ClickToSegment
from napari_emcad.widgets.proofread.editor import Editor
from napari_emcad.widgets.proofread.from_labels import FromLabels
from napari_emcad.widgets.proofread.keys import KEYS
from napari_emcad.widgets.proofread.labels_row import LabelsRow
from napari_emcad.widgets.proofread.modes import Mode
from napari_emcad.widgets.proofread.neuron_list import Arranged
from napari_emcad.widgets.proofread.surface_view import SurfaceView, show_beside

NO_NEURONS = 'There are no neurons yet: press "Run" first.'
BUSY = "A job is running."


class ProofreadPanel(QWidget):
    """Buttons to begin with, and the rows of a session while one is on."""

    def __init__(self, desk: Desk, parent: QWidget | None = None):
        super().__init__(parent)
        self._desk = desk
        self.editor: Editor | None = None
        self._bindings: Bindings | None = None
        self._surfaces: SurfaceView | None = None
        self._listed = (0, 0)
        self._next_key = QShortcut(QKeySequence(KEYS["next"].press), self)  # Qt keeps Tab from napari's own keys
        self._next_key.setEnabled(False)
        self.body, self.before = ProofreadBody(), QWidget()
        self.start_button, self.open_button = QPushButton(), QPushButton("Open session...")
        self.stop_button = QPushButton("Stop")
        self.stop_button.setToolTip("The edits made again until then stay in the new session.")
        self.clicking, self.from_labels, self.bring = ClickToSegment(desk), FromLabels(desk), BringEdits(desk)
        self.click_row, self.labels_row = ClickRow(self.clicking), LabelsRow(desk, self.from_labels)
        self._listing: AtRest[Arranged] = AtRest(desk.loop, self._arrange, self._list, self._fragments)
        self._lay_out()
        self._connect()
        self._update()

    def see_in_3d(self) -> None:
        """Open the view of surfaces, and show the selected neurons in it."""
        editor = self.body.editor
        if self._surfaces is None or self._surfaces.is_released:
            self._surfaces = SurfaceView(editor.at)
            self._surfaces.picked.connect(self._on_picked)
            show_beside(self._desk.viewer, self._surfaces, self)
        self._show_surfaces()

    def close_panel(self) -> None:
        """Let go of everything that is bound to the viewer."""
        self._end()
        self.clicking.close()

    # ---- inside ------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        before = QVBoxLayout(self.before)
        before.setContentsMargins(0, 0, 0, 0)
        buttons = (self.stop_button, self.start_button, self.click_row, self.labels_row, self.open_button)
        for one in buttons:
            before.addWidget(one)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 2, 6, 4)
        column.addWidget(self.before)
        column.addWidget(self.body)

    def _connect(self) -> None:
        desk, body = self._desk, self.body
        self._next_key.activated.connect(lambda: body.editor.next())
        clicked: dict[QPushButton, Callable[[], None]] = {
            self.start_button: desk.sessions.start,
            self.open_button: self._ask_for_session,
            self.stop_button: desk.jobs.stop,
            body.view_button: self.see_in_3d,
            body.end_button: desk.sessions.end,
            body.bring_button: self._ask_for_edits,
        }
        for button, act in clicked.items():
            button.clicked.connect(lambda _checked, act=act: act())
        body.history.chosen.connect(self._on_history)
        body.replay.chosen.connect(self._on_brought)
        body.replay.failed.connect(desk.message.error)
        desk.sessions.began.connect(self._begin)
        desk.sessions.ending.connect(self._end)
        for signal in (desk.sessions.changed, desk.jobs.running_changed, self.bring.changed):
            signal.connect(self._update)

    def _begin(self) -> None:
        """Edit the session that has just begun."""
        desk, at = self._desk, self._desk.sessions.current
        if at is None:
            return
        self.clicking.leave()
        editor = self.editor = Editor(desk.viewer, at, desk.message, desk.loop)
        self._bindings = Bindings(desk.viewer, editor, desk.message, {"hide_done": self.body.hide_done.toggle})
        editor.mode_changed.connect(self._on_mode)
        at.changed.connect(self._follow_session)
        at.selection.changed.connect(self._show_selection)
        desk.viewer.layers.selection.active = at.layer
        self.body.begin(editor)
        editor.leave()
        self._follow_session()

    def _end(self) -> None:
        """Give keys and mouse back, and put tools and surfaces away."""
        if self.editor is None or self._bindings is None:
            return
        self._bindings.close()
        self.editor.at.changed.disconnect(self._follow_session)
        self.editor.at.selection.changed.disconnect(self._show_selection)
        self.body.end()
        self.editor.close()
        if self._surfaces is not None and not self._surfaces.is_released:
            self._desk.viewer.window.remove_dock_widget(self._surfaces)
        self._next_key.setEnabled(False)
        self._listing.stop()
        self.editor = self._bindings = self._surfaces = None

    def _on_mode(self) -> None:
        self._next_key.setEnabled(self.body.editor.mode is Mode.SPLIT)

    def _on_picked(self, click: Click) -> None:
        """Take a click on a surface as one on the neuron, and go there."""
        editor = self.body.editor
        editor.camera.go_to(click.voxel)
        editor.click(click)

    def _show_selection(self) -> None:
        self.body.neurons.select(*self.body.editor.at.selection.neurons)
        self._show_surfaces()

    def _show_surfaces(self) -> None:
        if self._surfaces is not None:
            self._surfaces.scene.show_neurons([n for n in self.body.editor.at.selection.neurons if n])

    def _ask_for_session(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, f"Open a session folder, NAME{SUFFIX}")
        if chosen:
            self._desk.sessions.open(Path(chosen))

    def _ask_for_edits(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, f"Bring the edits of a session folder, NAME{SUFFIX}")
        if chosen:
            self.bring.bring(Path(chosen))

    def _on_history(self, row: LogRow) -> None:
        """Go where an edit was made."""
        editor, voxels = self.body.editor, row.input.get("voxels")
        self.body.follow_mark()
        if voxels:
            editor.camera.go_to(tuple(voxels[-1]))
        elif "segment" in row.input:
            editor.go_to_neuron(row.input["segment"])

    def _on_brought(self, edit: BroughtEdit) -> None:
        """Go to an edit of another session, and select the neurons that are there now."""
        editor = self.body.editor
        if edit.voxel is not None:
            editor.camera.go_near(edit.voxel)
        if there := [n for n in dict.fromkeys(map(editor.at.neuron_at, edit.places)) if n]:
            editor.at.selection.select(*there)

    def _follow_session(self) -> None:
        """Bring threshold, lists and history up to date with the session."""
        at = self.body.editor.at
        if self._desk.results.is_settled:
            self._desk.threshold.put(at.session.state.threshold)
        listed = (id(at.session), len(at.session.log.rows))
        if listed != self._listed:
            self._listed = listed
            self._listing.ask()
            self.body.history.put(at.session)

    def _fragments(self) -> int:
        return len(self.body.editor.at.session.state.table)

    def _arrange(self) -> Arranged:
        return self.body.neurons.model.arranged(self.body.editor.at.rows())

    def _list(self, arranged: Arranged) -> None:
        chosen = self.body.editor.at.selection.neurons
        self.body.neurons.model.put(arranged)
        self.body.neurons.select(*chosen)

    def _update(self) -> None:
        """Bring the buttons up to date."""
        desk, at = self._desk, self._desk.sessions.current
        self.before.setVisible(at is None)
        self.body.setVisible(at is not None)
        self.stop_button.setVisible(self.bring.is_running)
        busy = BUSY if desk.jobs.running else ""
        self.start_button.setText(desk.sessions.start_words)
        no_neurons = "" if desk.results.current else NO_NEURONS
        enable(self.start_button, no_neurons or busy, "Edit these neurons; every edit is saved at once.")
        enable(self.open_button, busy, f"Go on in a session folder, NAME{SUFFIX}.")
        if at is not None:
            why_not = busy or at.opened.why_read_only
            enable(self.body.bring_button, why_not, "Make those of a session of this region again here.")
