"""The panel By blocks: a region larger than memory becomes a session, block by block, and can be stopped any time."""

from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_emcad.widgets.blocks.block_session import BlockSession
from napari_emcad.widgets.blocks.stage import TIPS, Stage
from napari_emcad.widgets.blocks.views.means import MeansChoice
from napari_emcad.widgets.blocks.views.run import BlockView
from napari_emcad.widgets.blocks.views.session_choice import SessionChoice
from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.desk.session_stack import FIND, LOAD
from napari_emcad.widgets.kit.ask_stack import ask_for_stack
from napari_emcad.widgets.kit.forms import enable, form, text


class BlocksPanel(QWidget):
    """Shows a session that is made by blocks; region, model and device are those of the panel Segment.

    Attributes
    ----------
    session : BlockSession
    """

    def __init__(self, desk: Desk):
        super().__init__()
        self.session = BlockSession(desk)
        self._folder, self.means, self.view = SessionChoice(self.session), MeansChoice(self.session.means), BlockView()
        self.button, self._plan, self._sections = QPushButton(), text(), text()
        self.find_button = QPushButton(FIND)
        self.find_button.setToolTip("Choose the file or folder of the stack that this run was begun on.")
        self.load_button = QPushButton(LOAD)
        self.load_button.setToolTip("Fetch the stack of this run from its address.")
        self._lay_out()
        self.button.clicked.connect(self._on_button)
        self.find_button.clicked.connect(self._ask_for_stack)
        self.load_button.clicked.connect(self._load_stack)
        self.view.chosen.connect(self.session.centre_block)
        self.session.changed.connect(self._update)
        self.session.seen_changed.connect(self._show_run)
        self._show_run()
        self._update()

    def close_panel(self) -> None:
        """End the run; finished blocks stay, and it can be resumed."""
        self.session.close()

    def _lay_out(self) -> None:
        rows_widget = QWidget()
        rows = form(rows_widget, margin=0)
        rows.add("Session", self._folder)
        rows.add("Memory", self.means.here)
        rows.add("Cluster", self.means.scheduler)
        rows.add("Plan", self._plan)
        rows.add("Sections", self._sections)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 2, 6, 4)
        for widget in (rows_widget, self.button, self.load_button, self.find_button, self.view):
            column.addWidget(widget)

    def _on_button(self) -> None:
        self.session.go_on()

    def _ask_for_stack(self) -> None:
        if chosen := ask_for_stack(self):
            self.session.take_stack(chosen)

    def _load_stack(self) -> None:
        if url := self.session.stack_url:
            self.session.take_stack(url)

    def _show_run(self) -> None:
        self.view.show_run(self.session.seen)

    def _update(self) -> None:
        session, stage = self.session, self.session.stage
        self.button.setText(stage.value)
        self.find_button.setVisible(session.lacks_stack)
        self.load_button.setVisible(session.stack_url is not None)
        enable(self.button, session.why_not, TIPS[stage])
        for widget in (self._folder, self.means.here, self.means.scheduler):
            widget.setEnabled(stage is not Stage.UNDER_WAY)
        self._plan.setText(session.plan)
        self._sections.setText(session.sections)
