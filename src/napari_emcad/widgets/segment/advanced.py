"""The settings that a first run does not need."""

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QDoubleSpinBox, QHBoxLayout, QPushButton, QSpinBox, QWidget

from napari_emcad.core.agglomeration import DEFAULT_THRESHOLDS
from napari_emcad.core.merge_tree import SCORINGS
from napari_emcad.networks.card import ModelCard
from napari_emcad.pipeline import SegmentParameters
from napari_emcad.widgets.kit.forms import NarrowCombo, enable, form
from napari_emcad.workers.estimates import is_foreground

CRUMBS = {"join a neighbour": "strongest", "drop": "background"}
SHOWN = {"one colour image": False, "a layer for each channel": True}


class Advanced(QWidget):
    """Crumbs, fragments, scoring, grey levels and the look of affinities.

    Signals
    -------
    cut_changed
        Smallest neuron or crumbs: acts at once on neurons that are there.
    agglomeration_changed
        Another agglomeration, whose thresholds are others; `fragments_changed` follows.
    fragments_changed
        Seed smoothing, agglomeration or scoring: agglomerates again from affinities that are there.
    shown_changed
        How affinities are shown.
    """

    cut_changed = Signal()
    agglomeration_changed = Signal()
    fragments_changed = Signal()
    shown_changed = Signal()

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        defaults = SegmentParameters()
        self.min_size = QSpinBox(maximum=10**9, singleStep=50, suffix=" voxels", keyboardTracking=False)
        self.seed_sigma = QDoubleSpinBox(maximum=20, singleStep=0.5, decimals=1, suffix=" px", keyboardTracking=False)
        self.crumbs, self.agglomeration, self.scoring, self.shown = (NarrowCombo() for _ in range(4))
        self.black, self.white = (
            QDoubleSpinBox(minimum=-1e9, maximum=1e9, decimals=2, prefix=p, keyboardTracking=False)
            for p in ("black ", "white ")
        )
        self.from_data = QPushButton("From data")
        named = ((self.agglomeration, DEFAULT_THRESHOLDS), (self.scoring, SCORINGS))
        choices_of = ((self.crumbs, CRUMBS), (self.shown, SHOWN), *((c, {n: n for n in names}) for c, names in named))
        for combo, choices in choices_of:
            for words, value in choices.items():
                combo.addItem(words, value)
        self.levels_of_data: tuple[float, float] | None = None
        self.levels_edited = False
        self.put(defaults)
        self._explain()
        self._lay_out()
        self._connect()

    def parameters(self) -> dict:
        """The fields of `SegmentParameters` that are set here; grey levels only where a person changed them."""
        levels = {"black": self.black.value(), "white": self.white.value()} if self.levels_edited else {}
        return {
            "min_size": self.min_size.value(),
            "crumbs": self.crumbs.currentData(),
            **self.of_agglomeration,
            **levels,
        }

    @property
    def of_agglomeration(self) -> dict:
        """The fields of `SegmentParameters` that fragments and merge tree depend on."""
        return {
            "seed_sigma": self.seed_sigma.value(),
            "agglomeration": self.agglomeration.currentData(),
            "scoring": self.scoring.currentData(),
        }

    def put(self, parameters: SegmentParameters) -> None:
        """Show parameters without telling anybody; grey levels stay."""
        widgets = (self.min_size, self.crumbs, self.seed_sigma, self.agglomeration, self.scoring)
        blockers = [QSignalBlocker(widget) for widget in widgets]
        self.min_size.setValue(parameters.min_size)
        self.seed_sigma.setValue(parameters.seed_sigma)
        self.crumbs.setCurrentIndex(self.crumbs.findData(parameters.crumbs))
        self.agglomeration.setCurrentIndex(self.agglomeration.findData(parameters.agglomeration))
        self.scoring.setCurrentIndex(self.scoring.findData(parameters.scoring))
        self._enable_scoring()
        del blockers

    def follow(self, card: ModelCard | None) -> None:
        """Offer what a model knows: a foreground network has no fragments, and grey levels of its own."""
        why_not = "A network for optical volumes has no fragments." if is_foreground(card) else ""
        self._explain()
        for widget in (self.crumbs, self.seed_sigma, self.agglomeration, self.scoring, self.shown):
            enable(widget, why_not, widget.toolTip())
        if not why_not:
            self._enable_scoring()
        elif card.black is not None and card.white is not None and not self.levels_edited:
            self.put_levels(card.black, card.white)

    def put_levels(self, low: float, high: float) -> None:
        """Show the grey levels of the data."""
        self.levels_of_data, self.levels_edited = (low, high), False
        with QSignalBlocker(self.black), QSignalBlocker(self.white):
            self.black.setValue(low)
            self.white.setValue(high)

    def _explain(self) -> None:
        words = {name: field.description for name, field in SegmentParameters.model_fields.items()}
        self.min_size.setToolTip(words["min_size"])
        self.crumbs.setToolTip("Segments below the smallest size join the neighbour they hang on most, or become 0.")
        self.seed_sigma.setToolTip(f"{words['seed_sigma']} Agglomerates again, predicts nothing again.")
        for combo, name in ((self.agglomeration, "agglomeration"), (self.scoring, "scoring")):
            combo.setToolTip(f"{words[name]} Agglomerates again, predicts nothing again.")
        self.black.setToolTip("Grey level that becomes 0 for the network; takes effect with the next run.")
        self.white.setToolTip("Grey level that becomes 1 for the network; takes effect with the next run.")
        self.from_data.setToolTip("Back to the levels of the data: 0 and 255 for 8 bit, else percentiles 0.5 and 99.5.")
        self.shown.setToolTip("z is red, y green, x blue; white is inside a neuron.")

    def _lay_out(self) -> None:
        levels = QHBoxLayout()
        levels.setSpacing(6)
        levels.addWidget(self.black, 1)
        levels.addWidget(self.white, 1)
        rows = form(self)
        rows.add("Smallest neuron", self.min_size)
        rows.add("Crumbs", self.crumbs)
        rows.add("Seed smoothing", self.seed_sigma)
        rows.add("Agglomeration", self.agglomeration)
        rows.add("Scoring", self.scoring)
        rows.add("Affinities as", self.shown)
        rows.add("Grey levels", self.from_data)
        rows.addRow(levels)

    def _connect(self) -> None:
        self.min_size.valueChanged.connect(self._on_cut)
        self.crumbs.currentIndexChanged.connect(self._on_cut)
        self.seed_sigma.valueChanged.connect(self._on_fragments)
        self.agglomeration.currentIndexChanged.connect(self._on_agglomeration)
        self.scoring.currentIndexChanged.connect(self._on_fragments)
        self.shown.currentIndexChanged.connect(self._on_shown)
        self.black.valueChanged.connect(self._on_levels)
        self.white.valueChanged.connect(self._on_levels)
        self.from_data.clicked.connect(self._on_from_data)

    def _on_cut(self, _value: object) -> None:
        self.cut_changed.emit()

    def _on_agglomeration(self, _value: object) -> None:
        self._enable_scoring()
        self.agglomeration_changed.emit()
        self.fragments_changed.emit()

    def _enable_scoring(self) -> None:
        self.scoring.setEnabled(self.agglomeration.currentData() == "waterz")

    def _on_fragments(self, _value: object) -> None:
        self.fragments_changed.emit()

    def _on_shown(self, _value: object) -> None:
        self.shown_changed.emit()

    def _on_levels(self, _value: float) -> None:
        self.levels_edited = True

    def _on_from_data(self) -> None:
        if self.levels_of_data is not None:
            self.put_levels(*self.levels_of_data)
