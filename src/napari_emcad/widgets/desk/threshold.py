"""The threshold that moves over neurons: recommended by the model until a person moves it."""

from napari_emcad.core.choices import DEFAULT_THRESHOLDS
from napari_emcad.widgets.kit.signals import Signal

NOTHING_YET = "neurons appear here after a run"
HIGHER_MERGES = "Higher merges more, lower splits more."


class Threshold:
    """A number from 0 to 1, in hundredths.

    Attributes
    ----------
    tip : str
        The effect of moving it, and the recommended value.

    Signals
    -------
    moved : float
        A person has moved it.
    changed
        Another number, tip or read-out is to be shown.
    """

    moved = Signal(float)
    changed = Signal()

    def __init__(self) -> None:
        self._is_touched = False
        self._value, self._read_out, self.tip = 0.0, NOTHING_YET, ""
        self.recommend(DEFAULT_THRESHOLDS["waterz"])

    @property
    def value(self) -> float:
        """The threshold."""
        return self._value

    @property
    def touched(self) -> float | None:
        """The threshold if a person chose it, else None."""
        return self._value if self._is_touched else None

    @property
    def read_out(self) -> str:
        """The neurons that it gives, in words."""
        return self._read_out

    @read_out.setter
    def read_out(self, words: str) -> None:
        self._read_out = words
        self.changed.emit()

    def move(self, value: float) -> None:
        """Move it as a person does, and say so in `moved`."""
        value = round(min(max(0.0, value), 1.0), 2)
        if value == self._value:
            return
        self._value, self._is_touched = value, True
        self.changed.emit()
        self.moved.emit(value)

    def put(self, value: float) -> None:
        """Show a threshold without moving anything."""
        self._value = round(value, 2)
        self.changed.emit()

    def forget(self) -> None:
        """Forget that a person chose it: that choice is of no use any more."""
        self._is_touched = False

    def recommend(self, value: float, effect: str = HIGHER_MERGES) -> None:
        """Take over a recommended threshold unless a person has chosen another one; `effect` goes into the tip."""
        self.tip = f"{effect} Recommended here: {value:.2f}."
        self.put(self._value if self._is_touched else value)
