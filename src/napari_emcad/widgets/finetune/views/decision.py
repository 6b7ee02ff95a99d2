"""The outcome of a run: before and after, and the buttons that keep it, discard it, or go on."""

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QCheckBox, QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_emcad.widgets.finetune.decision import Decision
from napari_emcad.widgets.finetune.fine_tuning import FineTuning
from napari_emcad.widgets.kit.fields import text_field
from napari_emcad.widgets.kit.forms import NarrowCombo, enable, text

KEEP_TIP = "Add it to your models under this name; no other model is changed."
COMPARE_TIP = "Show both, side by side, over the crop."


class DecisionBox(QFrame):
    """Shows the outcome of a run and asks what becomes of it; hidden while there is none."""

    def __init__(self, fine_tuning: FineTuning, parent: QWidget | None = None):
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self._fine_tuning = fine_tuning
        self._shown: Decision | None = None
        self.words = text()
        self.compare_box, self.crop = QCheckBox("before | after"), NarrowCombo()
        self.name = text_field("name of the new model")
        self.keep_button, self.discard_button = QPushButton("Keep"), QPushButton("Discard")
        self.go_on_button, self.again_button = QPushButton("Go on"), QPushButton("Segment again with it")
        self._explain()
        self._lay_out()
        self._connect()
        self._update()

    def _explain(self) -> None:
        self.crop.setToolTip("The held-out crop that is shown.")
        self.discard_button.setToolTip("Remove the new network and its run; the models are as they were.")
        self.go_on_button.setToolTip("Train for the budget once more, from where it is.")
        self.again_button.setToolTip("Segment what is on screen with the new model; edits are made again.")

    def _lay_out(self) -> None:
        rows = [QHBoxLayout() for _ in range(3)]
        rows[0].addWidget(self.compare_box)
        rows[0].addWidget(self.crop, 1)
        rows[1].addWidget(self.name, 1)
        rows[1].addWidget(self.keep_button)
        rows[2].addWidget(self.discard_button)
        rows[2].addWidget(self.go_on_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 4, 6, 4)
        column.addWidget(self.words)
        for row in rows:
            row.setSpacing(4)
            column.addLayout(row)
        column.addWidget(self.again_button)

    def _connect(self) -> None:
        fine_tuning = self._fine_tuning
        self.keep_button.clicked.connect(self._on_keep)
        self.name.returnPressed.connect(self._on_keep)
        self.discard_button.clicked.connect(lambda: fine_tuning.discard())
        self.go_on_button.clicked.connect(lambda: fine_tuning.go_on())
        self.again_button.clicked.connect(lambda: fine_tuning.segment_with_it())
        self.compare_box.toggled.connect(self._on_compare)
        self.crop.currentIndexChanged.connect(self._on_compare)
        fine_tuning.changed.connect(self._update)
        fine_tuning.comparison.changed.connect(self._update)

    def _on_keep(self) -> None:
        self._fine_tuning.keep(self.name.text())

    def _on_compare(self, _value: object) -> None:
        self._fine_tuning.compare(self.crop.currentIndex() if self.compare_box.isChecked() else None)

    def _update(self) -> None:
        decision = self._fine_tuning.decision
        if decision is not self._shown:
            self._shown = decision
            if decision is not None:
                self._show_decision(decision)
        self.setVisible(decision is not None)
        self.setEnabled(not self._fine_tuning.running)
        with QSignalBlocker(self.compare_box):
            self.compare_box.setChecked(self._fine_tuning.comparison.wanted is not None)

    def _show_decision(self, decision: Decision) -> None:
        self.words.setText(decision.sentence)
        for widget in (self.name, self.keep_button, self.discard_button, self.go_on_button):
            widget.setVisible(decision.is_open)
        self.again_button.setVisible(not decision.is_open)
        if decision.is_open:
            self._offer(decision)

    def _offer(self, decision: Decision) -> None:
        """Fill the fields of a decision that is open."""
        with QSignalBlocker(self.crop):
            self.crop.clear()
            self.crop.addItems(decision.crops)
        self.crop.setVisible(len(decision.crops) > 1)
        enable(self.compare_box, "" if decision.crops else "Nothing is held out.", COMPARE_TIP)
        for widget in (self.keep_button, self.name):
            enable(widget, decision.why_not_keep, KEEP_TIP)
        self.name.setText(decision.name)
