"""The panel Fine-tune: a thin view over the choices for a run, the run itself, and what becomes of it."""

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QCheckBox, QPushButton, QVBoxLayout, QWidget

from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.finetune.fine_tuning import FineTuning
from napari_emcad.widgets.finetune.views.budget import BudgetForm
from napari_emcad.widgets.finetune.views.crop_list import CropList
from napari_emcad.widgets.finetune.views.decision import DecisionBox
from napari_emcad.widgets.finetune.views.networks import NetworkChoice
from napari_emcad.widgets.finetune.views.progress import ProgressView
from napari_emcad.widgets.finetune.views.sources import SourceButtons
from napari_emcad.widgets.kit.forms import enable

UNCORRECTED_TIP = (
    "Sections that nobody has corrected teach as well: a network that learns alone must say the same of two "
    "perturbed views of them; where there is a teacher, it says what is there."
)


class FineTunePanel(QWidget):
    """Networks, crops and budget; a run in a process of its own; and the decision on what it has brought.

    Attributes
    ----------
    fine_tuning : FineTuning
        Decides everything that is shown here.

    Signals
    -------
    segment_again : Path
    attention
        See `FineTuning`.
    """

    def __init__(self, desk: Desk, parent: QWidget | None = None):
        super().__init__(parent)
        self.fine_tuning = fine_tuning = FineTuning(desk)
        self.segment_again, self.attention = fine_tuning.segment_again, fine_tuning.attention
        self.progress = fine_tuning.progress
        self._setup = setup = fine_tuning.setup
        self.networks, self.sources = NetworkChoice(setup.networks), SourceButtons(setup)
        self.crops, self.budget = CropList(setup.crops, setup.outline), BudgetForm(setup.budget)
        self.uncorrected = QCheckBox("use the uncorrected sections too")
        self.uncorrected.setToolTip(UNCORRECTED_TIP)
        self.start_button = QPushButton("Start")
        self.progress_view, self.decision = ProgressView(self.progress), DecisionBox(fine_tuning)
        self._lay_out()
        self.start_button.clicked.connect(self._on_start)
        self.uncorrected.toggled.connect(self._on_uncorrected)
        fine_tuning.changed.connect(self._update)
        self._update()

    @property
    def running(self) -> bool:
        """True if something would be lost if the window were closed now without a word."""
        return self.fine_tuning.running

    def prepare(self) -> None:
        """Read what is known of the models, and see whether a run was left."""
        self.fine_tuning.prepare()

    def close_panel(self) -> None:
        """Stop everything and let go of the layers; an unfinished run is offered another day."""
        self.fine_tuning.close()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 2, 6, 4)
        run = (self.start_button, self.progress_view, self.decision)
        for widget in (self.networks, self.sources, self.crops, self.uncorrected, self.budget, *run):
            column.addWidget(widget)

    def _on_start(self) -> None:
        if self.fine_tuning.running:
            self.fine_tuning.stop()
        else:
            self.fine_tuning.start()

    def _on_uncorrected(self, uses: bool) -> None:
        self._setup.uses_uncorrected = uses

    def _update(self) -> None:
        with QSignalBlocker(self.uncorrected):
            self.uncorrected.setChecked(self._setup.uses_uncorrected)
        running = self.fine_tuning.running
        self.start_button.setText(self.fine_tuning.start_words)
        enable(self.start_button, "" if running else self.fine_tuning.why_not, self.fine_tuning.start_tip)
        self.budget.takes.setText(self._setup.estimate)
