"""The settings that a first run does not need: fragments and crumbs, grey levels, the look of affinities."""

from typing import Any

from napari_emcad.core.palettes import BRIGHT
from napari_emcad.core.pixel_size import OWN
from napari_emcad.networks.card import ModelCard
from napari_emcad.pipeline import SegmentParameters
from napari_emcad.widgets.kit.signals import Signal

OF_CUT = ("min_size", "crumbs")
"""Parameters that act at once on neurons that are shown."""

NO_FRAGMENTS = "A network for optical volumes has no fragments."
ONLY_WATERZ = "Only waterz scores the contacts in several ways."

OF_FRAGMENTS = ("seed_sigma", "agglomeration", "scoring")
"""Parameters that fragments and merge tree depend on."""


class Settings:
    """The parameters of a run besides threshold and device.

    Attributes
    ----------
    values : SegmentParameters
        Parameters `OF_CUT` and `OF_FRAGMENTS`, and the scale; the other fields are not used.
    black, white : float
        Grey levels shown.
    levels_of_data : (float, float) or None
        Grey levels that the data or the model propose; None while they are not known.
    are_levels_edited : bool
        True if a person has chosen the grey levels: only then do they count.

    Signals
    -------
    cut_changed
        The smallest neuron, or the fate of crumbs.
    agglomeration_changed
        Another agglomeration, whose thresholds are others; `fragments_changed` follows.
    fragments_changed
        Seed smoothing, agglomeration or scoring.
    pixels_changed
        The size of the pixels that the network sees.
    look_changed
        The look of affinities.
    palette_changed
        The palette of neurons.
    changed
        Anything that is shown.
    """

    cut_changed = Signal()
    agglomeration_changed = Signal()
    fragments_changed = Signal()
    pixels_changed = Signal()
    look_changed = Signal()
    palette_changed = Signal()
    changed = Signal()

    def __init__(self, palette: str = BRIGHT) -> None:
        self.values = SegmentParameters()
        self._shows_channels, self._palette = False, palette
        self.black = self.white = 0.0
        self.levels_of_data: tuple[float, float] | None = None
        self.are_levels_edited = False
        self._is_optical = False

    @property
    def why_no_fragments(self) -> str:
        """The reason why parameters of fragments, crumbs and affinities do not count; empty if they do."""
        return NO_FRAGMENTS if self._is_optical else ""

    @property
    def why_no_scoring(self) -> str:
        """The reason why the scoring does not count; empty if it does."""
        return self.why_no_fragments or ("" if self.values.agglomeration == "waterz" else ONLY_WATERZ)

    @property
    def shows_channels(self) -> bool:
        """True if affinities are shown as one layer for each channel, not as one colour image."""
        return self._shows_channels

    @shows_channels.setter
    def shows_channels(self, shows: bool) -> None:
        if shows != self._shows_channels:
            self._shows_channels = shows
            self.look_changed.emit()

    @property
    def palette(self) -> str:
        """The palette of neurons, a key of `PALETTES`."""
        return self._palette

    @palette.setter
    def palette(self, palette: str) -> None:
        if palette != self._palette:
            self._palette = palette
            self.palette_changed.emit()

    @property
    def resamples(self) -> bool:
        """True if the network sees pixels of the size that it was trained on; False: those of the stack."""
        return self.values.scale is None

    @resamples.setter
    def resamples(self, resamples: bool) -> None:
        if resamples != self.resamples:
            self.values = self.values.model_copy(update={"scale": None if resamples else OWN})
            self.changed.emit()
            self.pixels_changed.emit()

    @property
    def of_fragments(self) -> dict[str, Any]:
        """The parameters `OF_FRAGMENTS`, by name."""
        return self.values.model_dump(include=set(OF_FRAGMENTS))

    def change(self, **fields: Any) -> None:
        """Change parameters `OF_CUT` or `OF_FRAGMENTS`, as a person does."""
        before, self.values = self.values, SegmentParameters.of(**self.values.model_dump() | fields)
        different = {name for name in (*OF_CUT, *OF_FRAGMENTS) if getattr(before, name) != getattr(self.values, name)}
        if not different:
            return
        self.changed.emit()
        if different & set(OF_CUT):
            self.cut_changed.emit()
        if "agglomeration" in different:
            self.agglomeration_changed.emit()
        if different & set(OF_FRAGMENTS):
            self.fragments_changed.emit()

    def put(self, parameters: SegmentParameters) -> None:
        """Show the parameters of existing neurons; nothing is computed again. Grey levels and pixels stay."""
        self.values = parameters.model_copy(update={"threshold": None, "scale": self.values.scale})
        self.changed.emit()

    def change_levels(self, black: float, white: float) -> None:
        """Choose grey levels, as a person does; they take effect with the next run."""
        self.black, self.white, self.are_levels_edited = black, white, True
        self.changed.emit()

    def put_levels(self, black: float, white: float) -> None:
        """Show the grey levels that data or model propose, and forget those that a person chose."""
        self.levels_of_data = self.black, self.white = black, white
        self.are_levels_edited = False
        self.changed.emit()

    def follow(self, card: ModelCard | None) -> None:
        """Offer the settings that a model knows.

        A foreground network has no fragments, and knows its own grey levels, which count unless a person chose others.
        """
        self._is_optical = card is not None and card.role == "foreground"
        levels = (card.black, card.white) if card is not None and self._is_optical else (None, None)
        if levels[0] is not None and levels[1] is not None and not self.are_levels_edited:
            self.put_levels(levels[0], levels[1])
        else:
            self.changed.emit()

    def parameters(self, threshold: float | None, device: str) -> SegmentParameters:
        """Return the parameters of a run."""
        levels = {"black": self.black, "white": self.white} if self.are_levels_edited else {}
        own = self.values.model_dump(include={*OF_CUT, *OF_FRAGMENTS, "scale"})
        return SegmentParameters(threshold=threshold, device=device, **own, **levels)
