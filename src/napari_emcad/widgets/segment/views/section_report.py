"""The report on the sections of the stack: one line under it, which unfolds to a list of what is done with each."""

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QCheckBox, QFrame, QHBoxLayout, QPushButton, QToolButton, QVBoxLayout, QWidget

from napari_emcad.widgets.desk.inspection import Inspection
from napari_emcad.widgets.desk.section_plan_files import SectionPlanFiles
from napari_emcad.widgets.desk.settings import Settings
from napari_emcad.widgets.kit.forms import NarrowCombo, enable, form, label_width, restyle, text
from napari_emcad.widgets.segment.views.plan_actions import PlanActions
from napari_emcad.widgets.segment.views.section_list import SectionList
from napari_emcad.widgets.segment.views.section_use import SectionUseChoice

BRIDGED = {"interpolated": True, "background (0)": False}
"""Words for the labels of what is bridged."""

CLOSED, OPEN = "\u25b8 Sections", "\u25be Sections"
"""Words of the heading, with an arrow."""

_STYLE = """
#sections { border: 0; border-left: 4px solid transparent; }
#sections[warns="true"] { border-left-color: #d07a10; }
"""


class SectionReportView(QWidget):
    """A line on the sections with a button that looks at them, and the list under it."""

    def __init__(
        self, inspection: Inspection, settings: Settings, files: SectionPlanFiles, parent: QWidget | None = None
    ):
        super().__init__(parent)
        self._inspection = inspection
        self.arrow, self.line, self.look_button = QToolButton(), text(), QPushButton()
        self.list, self.use = SectionList(inspection, settings), SectionUseChoice()
        self.add_button, self.reset_button = QPushButton("Add the section shown"), QPushButton("Reset")
        self.again_button = QPushButton("Look again")
        self.plan_actions, self.bridged = PlanActions(files), NarrowCombo()
        self.skip_bare = QCheckBox("Segment nothing where there is no tissue")
        self.all_as_is = QCheckBox("Use all sections as they are")
        self._head, self._body, self._bridged_row = QFrame(), QWidget(), QWidget()
        self._dress()
        self._lay_out()
        self._connect()
        self._update()
        self._update_rows()

    def close_view(self) -> None:
        """Let go of the desk."""
        self._inspection.changed.disconnect(self._update)
        self._inspection.rows_changed.disconnect(self._update_rows)
        self.list.rows.close()

    def _dress(self) -> None:
        self.arrow.setCheckable(True)
        self.arrow.setAutoRaise(True)
        self.arrow.setText(CLOSED)
        self.arrow.setStyleSheet("QToolButton { border: 0; padding: 0; }")
        self.arrow.setAccessibleName("Sections")
        self.arrow.setFixedWidth(label_width(self.arrow))
        self.arrow.setToolTip("Show each section that is not good, and choose what is done with it.")
        for words, interpolates in BRIDGED.items():
            self.bridged.addItem(words, interpolates)
        self.bridged.setToolTip("Made up from the sections around, or none.")
        self.skip_bare.setToolTip("Black rims and resin get label 0 and take no time.")
        self.all_as_is.setToolTip("Leave out, shift and bridge nothing, whatever was found.")

    def _lay_out(self) -> None:
        self._head.setObjectName("sections")
        self._head.setStyleSheet(_STYLE)
        head = QHBoxLayout(self._head)
        head.setContentsMargins(0, 0, 0, 0)
        head.setSpacing(4)
        head.addWidget(self.line, 1)
        head.addWidget(self.look_button, 0, Qt.AlignmentFlag.AlignTop)
        rows_widget = QWidget()
        rows = form(rows_widget, margin=0)
        rows.addRow(self.arrow, self._head)
        buttons = QHBoxLayout()
        for button in (self.add_button, self.reset_button, self.again_button):
            buttons.addWidget(button)
        bridged = form(self._bridged_row, margin=0)
        bridged.add("Labels of what is bridged", self.bridged)
        body = QVBoxLayout(self._body)
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(4)
        body.addWidget(self.list)
        body.addWidget(self.use)
        body.addLayout(buttons)
        for widget in (self._bridged_row, self.skip_bare, self.all_as_is, self.plan_actions):
            body.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 0, 6, 2)
        column.setSpacing(4)
        column.addWidget(rows_widget)
        column.addWidget(self._body)
        self._body.setVisible(False)

    def _connect(self) -> None:
        self._inspection.changed.connect(self._update)
        self._inspection.rows_changed.connect(self._update_rows)
        self.arrow.toggled.connect(self._fold)
        self.look_button.clicked.connect(self._on_look)
        self.again_button.clicked.connect(self._inspection.look)
        self.add_button.clicked.connect(self._on_add)
        self.reset_button.clicked.connect(self._on_reset)
        self.list.entered_section.connect(self._inspection.show)
        self.list.chosen.connect(self._on_chosen)
        self.bridged.activated.connect(self._on_bridged)
        self.skip_bare.toggled.connect(self._on_skip_bare)
        self.all_as_is.toggled.connect(self._on_all_as_is)

    def _fold(self, is_open: bool) -> None:
        self.arrow.setText(OPEN if is_open else CLOSED)
        self._body.setVisible(is_open)

    def _update(self) -> None:
        """Bring the line and its button up to date."""
        inspection, choices = self._inspection, self._inspection.choices
        self.setVisible(choices is not None)
        self.line.setText(inspection.line)
        warns = choices is not None and choices.has_findings and not choices.all_as_is and not inspection.is_looking
        self._head.setProperty("warns", warns)
        restyle(self._head)
        self.look_button.setText("Stop" if inspection.is_looking else inspection.look_words)
        self.look_button.setToolTip("Stop looking." if inspection.is_looking else inspection.look_tip)
        self.look_button.setVisible(inspection.is_looking or not inspection.is_known)
        enable(self.again_button, "Sections are being looked at." * inspection.is_looking, inspection.look_tip)
        self.plan_actions.update_actions()
        enable(self.add_button, inspection.why_not_add, "List the section on screen, to choose what is done with it.")

    def _update_rows(self) -> None:
        """Bring the list and the choices under it up to date."""
        choices = self._inspection.choices
        self.list.put(choices.sections if choices is not None else [])
        self._on_chosen()
        if choices is None:
            return
        with QSignalBlocker(self.all_as_is), QSignalBlocker(self.skip_bare), QSignalBlocker(self.bridged):
            self.all_as_is.setChecked(choices.all_as_is)
            self.skip_bare.setChecked(choices.skips_bare)
            self.bridged.setCurrentIndex(self.bridged.findData(choices.interpolates))
        self.skip_bare.setVisible(choices.has_bare)
        for widget in (self.list, self._bridged_row, self.skip_bare):
            widget.setEnabled(not choices.all_as_is)

    @property
    def _changed_of_selected(self) -> list[int]:
        """The sections selected that a person has changed or added."""
        choices = self._inspection.choices
        changed = choices.changed_sections if choices is not None else []
        return sorted({*changed} & {*self.list.selection})

    def _on_chosen(self) -> None:
        choices, selected = self._inspection.choices, self.list.selection
        self.use.put(choices, selected)
        self.use.setVisible(bool(self.list.rows.sections))
        self.use.setEnabled(bool(selected) and choices is not None and not choices.all_as_is)
        self.reset_button.setText("Reset" if self._changed_of_selected else "Reset all")
        no_change = "Nothing is changed." if choices is None or not choices.changed_sections else ""
        enable(self.reset_button, no_change, "Do what is proposed; sections that you added go.")

    def _on_look(self) -> None:
        if self._inspection.is_looking:
            self._inspection.stop()
        else:
            self._inspection.look()

    def _on_add(self) -> None:
        z = self._inspection.add_shown()
        if z is not None:
            self.list.select([z])
            self.list.setFocus()

    def _on_reset(self) -> None:
        choices = self._inspection.choices
        if choices is not None:
            choices.reset(self._changed_of_selected or choices.changed_sections)

    def _on_bridged(self, _place: int) -> None:
        if self._inspection.choices is not None:
            self._inspection.choices.interpolates = self.bridged.currentData()

    def _on_skip_bare(self, skips: bool) -> None:
        if self._inspection.choices is not None:
            self._inspection.choices.skips_bare = skips

    def _on_all_as_is(self, all_as_is: bool) -> None:
        if self._inspection.choices is not None:
            self._inspection.choices.all_as_is = all_as_is
