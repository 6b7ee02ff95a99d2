"""The panel Proofread: buttons to begin a session with, and the rows of the session that is on."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from napari.components import ViewerModel
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QFileDialog, QPushButton, QVBoxLayout, QWidget

from napari_emcad.io.stacks.locations import Url
from napari_emcad.proofreading.rows import LogRow
from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.desk.session_stack import url_of_stack
from napari_emcad.widgets.kit.ask_stack import ask_for_stack
from napari_emcad.widgets.kit.at_rest import AtRest
from napari_emcad.widgets.kit.forms import enable
from napari_emcad.widgets.kit.session_place import SUFFIX
from napari_emcad.widgets.proofread.editor import Editor
from napari_emcad.widgets.proofread.keys import KEYS
from napari_emcad.widgets.proofread.modes import Mode
from napari_emcad.widgets.proofread.neuron_rows import ArrangedNeurons
from napari_emcad.widgets.proofread.proofreader import Proofreader
from napari_emcad.widgets.proofread.replay_review import ReportLine
from napari_emcad.widgets.proofread.views.body import ProofreadBody
from napari_emcad.widgets.proofread.views.click_row import ClickRow
from napari_emcad.widgets.proofread.views.labels_row import LabelsRow
from napari_emcad.widgets.proofread.views.outline import Outline
from napari_emcad.widgets.proofread.views.surface_view import SurfaceView, show_beside


class SurfaceRoom(Protocol):
    """A place in the window for the view of surfaces, in which it needs no dock of its own."""

    def put(self, widget: QWidget) -> None:
        """Show a widget."""
        ...

    def clear(self) -> None:
        """Show none."""
        ...


class ProofreadPanel(QWidget):
    """Shows a proofreader.

    Attributes
    ----------
    proofreader : Proofreader
    before : QWidget
        The rows that begin a session.
    body : ProofreadBody
        The rows of the session that is on.
    """

    def __init__(self, desk: Desk, parent: QWidget | None = None):
        super().__init__(parent)
        self._desk, self.proofreader = desk, Proofreader(desk)
        self._surfaces: SurfaceView | None = None
        self._outlines: list[Outline] = []
        self._beside: list[tuple[ViewerModel, QWidget]] = []
        self._room: SurfaceRoom | None = None
        self._listed = (0, 0)
        self._next_key = QShortcut(QKeySequence(KEYS["next"].press), self)  # Qt keeps Tab from napari's own keys
        self._next_key.setEnabled(False)
        self.body, self.before = ProofreadBody(), QWidget()
        self.start_button, self.open_button = QPushButton(), QPushButton("Open session...")
        self.stop_button = QPushButton("Stop")
        self.click_row = ClickRow(self.proofreader.clicking)
        self.labels_row = LabelsRow(desk, self.proofreader.from_labels)
        self._listing: AtRest[ArrangedNeurons] = AtRest(desk.loop, self._arrange, self._list, self._fragments)
        self._lay_out()
        self._connect()
        self._update()

    @property
    def editor(self) -> Editor | None:
        """The editor of the session that is on; None without one."""
        return self.proofreader.editor

    def see_in_3d(self) -> None:
        """Open the view of surfaces, and show the selected neurons in it."""
        if self._surfaces is None or self._surfaces.is_released:
            self._surfaces = SurfaceView(self.body.editor.at)
            self._surfaces.picked.connect(self.proofreader.pick)
            if self._room is None:
                show_beside(self._desk.viewer, self._surfaces, self)
            else:
                self._surfaces.lie_among(self._desk.canvases)
                self._room.put(self._surfaces)
        self._show_surfaces()

    def show_surfaces_in(self, room: SurfaceRoom | None) -> None:
        """Show surfaces in a room while a session is on; None = in a dock of their own, when they are asked for."""
        self._close_surfaces()
        self._room = room
        if room is not None and self.editor is not None:
            self.see_in_3d()

    def outline_also(self, beside: list[tuple[ViewerModel, QWidget]]) -> None:
        """Mark selected neurons on other canvases, too: what each shows, and its widget."""
        self._beside = beside
        if self.editor is not None:
            self._outline(self.editor)

    def close_panel(self) -> None:
        """Let go of everything that is bound to the viewer."""
        self.proofreader.close()

    # ---- inside ------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        before = QVBoxLayout(self.before)
        before.setContentsMargins(0, 0, 0, 0)
        for one in (self.stop_button, self.start_button, self.click_row, self.labels_row, self.open_button):
            before.addWidget(one)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 2, 6, 4)
        column.addWidget(self.before)
        column.addWidget(self.body)

    def _connect(self) -> None:
        desk, body, proofreader = self._desk, self.body, self.proofreader
        self._next_key.activated.connect(lambda: body.editor.next())
        clicked: dict[QPushButton, Callable[[], None]] = {
            self.start_button: desk.sessions.start,
            self.open_button: self._ask_for_session,
            self.stop_button: desk.jobs.stop,
            body.view_button: self.see_in_3d,
            body.end_button: desk.sessions.end,
            body.bring_button: self._ask_for_edits,
            body.merge_session_button: self._ask_for_merge,
            body.find_button: self._ask_for_stack,
            body.load_button: self._load_stack,
        }
        for button, act in clicked.items():
            button.clicked.connect(lambda _checked, act=act: act())
        body.alone.accepted.connect(desk.sessions.edit_alone)
        body.history.chosen.connect(self._on_history)
        body.replay.chosen.connect(proofreader.go_to_brought)
        body.replay.decided.connect(self._on_decided)
        body.replay.review.failed.connect(desk.message.error)
        proofreader.began.connect(self._begin)
        proofreader.ending.connect(self._end)
        proofreader.changed.connect(self._update)

    def _begin(self, editor: Editor) -> None:
        """Show the editor of the session that has just begun."""
        editor.mode_changed.connect(self._on_mode)
        editor.at.changed.connect(self._follow_lists)
        editor.at.selection.changed.connect(self._show_selection)
        self.body.begin(editor)
        self._follow_lists()
        self._outline(editor)
        if self._room is not None:
            self.see_in_3d()

    def _end(self) -> None:
        """Show no editor any more, and close the view of surfaces."""
        at = self.body.editor.at
        at.changed.disconnect(self._follow_lists)
        at.selection.changed.disconnect(self._show_selection)
        self.body.end()
        self._outline(None)
        self._close_surfaces()
        self._next_key.setEnabled(False)
        self._listing.stop()

    def _close_surfaces(self) -> None:
        view, self._surfaces = self._surfaces, None
        if view is None or view.is_released:
            return
        if self._room is None:
            self._desk.viewer.window.remove_dock_widget(view)
        else:
            view.close()
            view.deleteLater()
            self._room.clear()

    def _outline(self, editor: Editor | None) -> None:
        """Mark the selected neurons of an editor on all canvases; None = mark nothing any more."""
        for outline in self._outlines:
            outline.release()
        main = self._desk.viewer, self._desk.viewer.window._qt_viewer.canvas.native
        canvases = [] if editor is None else [main, *self._beside]
        self._outlines = [Outline(model, native, editor) for model, native in canvases if editor]

    def _on_mode(self) -> None:
        self._next_key.setEnabled(self.body.editor.mode is Mode.SPLIT)

    def _on_history(self, row: LogRow) -> None:
        self.body.follow_mark()
        self.proofreader.go_to_edit(row)

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
            self.proofreader.bring.bring(Path(chosen))

    def _ask_for_merge(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, f"Merge with a session folder, NAME{SUFFIX}")
        if chosen:
            self.proofreader.merging.merge(Path(chosen))

    def _on_decided(self, line: ReportLine, choice: str) -> None:
        if self.proofreader.decide(line.edit, choice) and self.body.replay.review.tick(line.place, True):
            self.body.replay.show_next()

    def _ask_for_stack(self) -> None:
        if chosen := ask_for_stack(self):
            self._desk.sessions.take_stack(chosen)

    def _load_stack(self) -> None:
        if url := self._stack_url:
            self._desk.sessions.take_stack(url)

    @property
    def _stack_url(self) -> Url | None:
        """The address of the session's stack, if it was not fetched yet."""
        at = self._desk.sessions.current
        return None if at is None else url_of_stack(at.result.source)

    def _follow_lists(self) -> None:
        """Bring lists and history up to date with the session."""
        session = self.body.editor.at.session
        listed = (id(session), len(session.log.rows))
        if listed != self._listed:
            self._listed = listed
            self._listing.ask()
            self.body.history.put(session)

    def _fragments(self) -> int:
        return len(self.body.editor.at.session.state.table)

    def _arrange(self) -> ArrangedNeurons:
        return self.body.neurons.model.arranged(self.body.editor.at.rows())

    def _list(self, arranged: ArrangedNeurons) -> None:
        chosen = self.body.editor.at.selection.neurons
        self.body.neurons.model.put(arranged)
        self.body.neurons.select(*chosen)

    def _update(self) -> None:
        """Bring the buttons up to date."""
        proofreader, is_on = self.proofreader, self._desk.sessions.current is not None
        self.before.setVisible(not is_on)
        self.body.setVisible(is_on)
        self.body.find_button.setVisible(self._desk.sessions.lacks_stack)
        self.body.load_button.setVisible(self._stack_url is not None)
        is_seeking = self._desk.sessions.is_seeking
        self.stop_button.setVisible(proofreader.bring.is_running or proofreader.merging.is_running or is_seeking)
        stays = "The edits made again until then stay in the new session."
        self.stop_button.setToolTip("Open the session without its stack." if is_seeking else stays)
        self.start_button.setText(self._desk.sessions.start_words)
        enable(self.start_button, proofreader.why_no_start, "Edit these neurons; every edit is saved at once.")
        enable(self.open_button, proofreader.why_no_session, f"Go on in a session folder, NAME{SUFFIX}.")
        bring = "Make those of a session of this region again here."
        enable(self.body.bring_button, proofreader.why_no_edits, bring)
        merge = "Put this session and one of the same fragments together, in a new one; both stay as they are."
        enable(self.body.merge_session_button, proofreader.why_no_session, merge)
