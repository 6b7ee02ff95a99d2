"""The form of the settings that a first run does not need."""

from collections.abc import Mapping

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QPushButton, QWidget

from napari_emcad.core.choices import DEFAULT_THRESHOLDS, SCORINGS
from napari_emcad.core.palettes import PALETTES
from napari_emcad.pipeline import SegmentParameters
from napari_emcad.widgets.desk.settings import Settings
from napari_emcad.widgets.kit.fields import Affixes, Limits, integer_field, number_field
from napari_emcad.widgets.kit.forms import NarrowCombo, enable, form

CRUMBS = {"join a neighbour": "strongest", "drop": "background"}
PIXELS = {"of the model's size": True, "as they are": False}
LOOKS = {"one colour image": False, "a layer for each channel": True}
AGAIN = "Agglomerates again, predicts nothing again."

TIPS = {name: field.description or "" for name, field in SegmentParameters.model_fields.items()} | {
    "crumbs": "Segments below the smallest size join the neighbour they hang on most, or become 0.",
    "black": "Grey level that becomes 0 for the network; takes effect with the next run.",
    "white": "Grey level that becomes 1 for the network; takes effect with the next run.",
    "from_data": "Back to the levels of the data: 0 and 255 for 8 bit that is well used, else percentiles.",
    "exchange": "Exchanges black and white, for stacks whose membranes are brighter than cytoplasm.",
    "pixels": "Pixels that the network sees, if those of the stack are finer or coarser; neurons have all pixels "
    "either way. Takes effect with the next run.",
    "colours": "Colours of neurons; two that touch never have the same.",
    "look": "z is red, y green, x blue; white is inside a neuron.",
}
"""Tooltips of the controls."""


class SettingsForm(QWidget):
    """Crumbs, fragments, scoring, grey levels and the look of affinities."""

    def __init__(self, settings: Settings, parent: QWidget | None = None):
        super().__init__(parent)
        self._settings = settings
        self.min_size = integer_field(Limits(0, 10**9, 50), "voxels")
        self.seed_sigma = number_field(Limits(0, 20, 0.5), 1, "px")
        self.crumbs, self.look, self.pixels = _combo(CRUMBS), _combo(LOOKS), _combo(PIXELS)
        self.colours = _combo({words: words for words in PALETTES})
        self.agglomeration = _combo({name: name for name in DEFAULT_THRESHOLDS})
        self.scoring = _combo({name: name for name in SCORINGS})
        self.black, self.white = (
            number_field(Limits(-1e9, 1e9), 2, Affixes(before=words)) for words in ("black", "white")
        )
        self.from_data, self.exchange = QPushButton("From data"), QPushButton("Exchange")
        self._lay_out()
        self._connect()
        self._update()

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
        rows.add("Pixels", self.pixels)
        rows.add("Affinities as", self.look)
        rows.add("Colours", self.colours)
        buttons = QHBoxLayout()
        buttons.setSpacing(6)
        buttons.addWidget(self.from_data, 1)
        buttons.addWidget(self.exchange, 1)
        rows.add("Grey levels", buttons)
        rows.addRow(levels)
        for name in ("min_size", "black", "white", "from_data", "exchange", "colours"):
            getattr(self, name).setToolTip(TIPS[name])

    def _connect(self) -> None:
        self.min_size.valueChanged.connect(lambda value: self._settings.change(min_size=value))
        self.seed_sigma.valueChanged.connect(lambda value: self._settings.change(seed_sigma=value))
        for name, combo in self._combos.items():
            combo.currentIndexChanged.connect(
                lambda _index, name=name, combo=combo: self._settings.change(**{name: combo.currentData()})
            )
        self.look.currentIndexChanged.connect(self._on_look)
        self.pixels.currentIndexChanged.connect(self._on_pixels)
        self.colours.currentIndexChanged.connect(self._on_palette)
        for field in (self.black, self.white):
            field.valueChanged.connect(self._on_levels)
        self.from_data.clicked.connect(self._on_from_data)
        self.exchange.clicked.connect(self._on_exchange)
        self._settings.changed.connect(self._update)

    @property
    def _combos(self) -> dict[str, QComboBox]:
        return {"crumbs": self.crumbs, "agglomeration": self.agglomeration, "scoring": self.scoring}

    def _on_look(self, _index: int) -> None:
        self._settings.shows_channels = self.look.currentData()

    def _on_pixels(self, _index: int) -> None:
        self._settings.resamples = self.pixels.currentData()

    def _on_palette(self, _index: int) -> None:
        self._settings.palette = self.colours.currentData()

    def _on_levels(self, _value: float) -> None:
        self._settings.change_levels(self.black.value(), self.white.value())

    def _on_from_data(self) -> None:
        if self._settings.levels_of_data is not None:
            self._settings.put_levels(*self._settings.levels_of_data)

    def _on_exchange(self) -> None:
        self._settings.change_levels(self._settings.white, self._settings.black)

    def _update(self) -> None:
        values = self._settings.values
        with QSignalBlocker(self.min_size):
            self.min_size.setValue(values.min_size)
        numbers = {self.black: self._settings.black, self.white: self._settings.white}
        for field, value in (numbers | {self.seed_sigma: values.seed_sigma}).items():
            with QSignalBlocker(field):
                field.setValue(value)
        for name, combo in self._combos.items():
            with QSignalBlocker(combo):
                combo.setCurrentIndex(combo.findData(getattr(values, name)))
        with QSignalBlocker(self.pixels):
            self.pixels.setCurrentIndex(self.pixels.findData(self._settings.resamples))
        with QSignalBlocker(self.colours):
            self.colours.setCurrentIndex(self.colours.findData(self._settings.palette))
        self._enable()

    def _enable(self) -> None:
        why_not = self._settings.why_no_fragments
        enable(self.crumbs, why_not, TIPS["crumbs"])
        enable(self.seed_sigma, why_not, f"{TIPS['seed_sigma']} {AGAIN}")
        enable(self.agglomeration, why_not, f"{TIPS['agglomeration']} {AGAIN}")
        enable(self.look, why_not, TIPS["look"])
        enable(self.pixels, why_not, TIPS["pixels"])
        enable(self.scoring, self._settings.why_no_scoring, f"{TIPS['scoring']} {AGAIN}")


def _combo(choices: Mapping[str, object]) -> NarrowCombo:
    combo = NarrowCombo()
    for words, value in choices.items():
        combo.addItem(words, value)
    return combo
