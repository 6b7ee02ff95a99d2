"""What a run has come to: before and after, and the decision to keep it, to discard it, or to go on."""

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QCheckBox, QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_emcad.finetuning.record import Outcome
from napari_emcad.widgets.kit.fields import text_field
from napari_emcad.widgets.kit.forms import NarrowCombo, enable, text

KEEP_TIP = "Add it to your models under this name; no other model is changed."
NOT_BETTER = "There is no network here that is better than the one before."


class OutcomeBox(QFrame):
    """Hidden while there is nothing to decide.

    Signals
    -------
    keep : str
        The name.
    discard, go_on
    compare : int or None
        Number of the held-out crop to show; None = show none any more.
    segment_again : Path
    """

    keep = Signal(str)
    discard = Signal()
    go_on = Signal()
    compare = Signal(object)
    segment_again = Signal(object)

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.kept: Path | None = None
        self.words = text()
        self.compare_box, self.crop = QCheckBox("before | after"), NarrowCombo()
        self.name = text_field("name of the new model")
        self.keep_button, self.discard_button = QPushButton("Keep"), QPushButton("Discard")
        self.go_on_button, self.again_button = QPushButton("Go on"), QPushButton("Segment again with it")
        self._explain()
        self._lay_out()
        self._connect()
        self.clear()

    def clear(self) -> None:
        """Nothing is to be decided."""
        self.kept = None
        with QSignalBlocker(self.compare_box):
            self.compare_box.setChecked(False)
        self.setVisible(False)

    def show_outcome(self, outcome: Outcome, crops: Sequence[str], name: str) -> None:
        """Ask what is to become of it.

        Parameters
        ----------
        outcome : Outcome
        crops : sequence of str
            Held-out crops that can be shown.
        name : str
            Proposed for the new model.
        """
        self.kept = None
        self.words.setText(outcome.sentence)
        with QSignalBlocker(self.crop):
            self.crop.clear()
            self.crop.addItems(list(crops))
        self.crop.setVisible(len(crops) > 1)
        enable(self.compare_box, "" if crops else "Nothing is held out.", "Show both, side by side, over the crop.")
        for widget in (self.keep_button, self.name):
            enable(widget, "" if outcome.can_keep else NOT_BETTER, KEEP_TIP)
        self.name.setText(name if outcome.can_keep else "")
        self._show_buttons(is_open=True)
        self.setVisible(True)

    def show_kept(self, path: Path) -> None:
        """It has been kept."""
        self.kept = path
        self.words.setText(f'{self.words.text()} Kept as "{path.stem}".')
        self._show_buttons(is_open=False)

    def _show_buttons(self, is_open: bool) -> None:
        for widget in (self.name, self.keep_button, self.discard_button, self.go_on_button):
            widget.setVisible(is_open)
        self.again_button.setVisible(not is_open)

    def _explain(self) -> None:
        self.crop.setToolTip("The held-out crop that is shown.")
        self.name.setToolTip(KEEP_TIP)
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
        self.keep_button.clicked.connect(self._on_keep)
        self.name.returnPressed.connect(self._on_keep)
        self.discard_button.clicked.connect(self.discard)
        self.go_on_button.clicked.connect(self.go_on)
        self.again_button.clicked.connect(self._on_again)
        self.compare_box.toggled.connect(self._on_compare)
        self.crop.currentIndexChanged.connect(self._on_compare)

    def _on_keep(self) -> None:
        self.keep.emit(self.name.text())

    def _on_again(self) -> None:
        self.compare_box.setChecked(False)
        self.segment_again.emit(self.kept)

    def _on_compare(self, _value: object) -> None:
        self.compare.emit(self.crop.currentIndex() if self.compare_box.isChecked() else None)
