"""A first look at stack and model together: grey levels, and warnings before anything is run."""

import re
from functools import partial

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import triple
from napari_emcad.core.pixel_size import pixel_size_note
from napari_emcad.core.volume import Volume
from napari_emcad.inference.kind_warning import contrast_note, kind_warning, stretch_note
from napari_emcad.inference.normalisation import Normalisation, is_exchanged, trained_greys
from napari_emcad.networks.card import GreyRange
from napari_emcad.widgets.desk.choices import Choices
from napari_emcad.widgets.kit.jobs import Ended, Loop, one_step
from napari_emcad.widgets.kit.layers import volume_of, voxel_size_of
from napari_emcad.widgets.kit.signals import Signal
from napari_emcad.workers.estimates import is_foreground

READY = 'Ready: try it on this section first, or press "Run" at once.'


_AS_IN_THE_DOCK = r'black \1 and white \2 under "Advanced"'
"""Options of the command line for grey levels, as the dock has them."""


class FirstLook:
    """Looks at the stack and the model whenever another one is chosen, and warns if they do not fit.

    Signals
    -------
    changed
        Other warnings.
    """

    changed = Signal()

    def __init__(self, loop: Loop, choices: Choices):
        self._choices, self._message = choices, choices.message
        self._levels, self._comparing = loop.jobs(), loop.jobs()
        self._warnings: dict[str, str] = {}
        self._trained: GreyRange | None = None
        self._is_exchanged = self._has_model_failed = False
        choices.settings.changed.connect(self._on_settings)
        choices.settings.pixels_changed.connect(self._look_at_pixels)
        choices.stack.changed.connect(self._on_stack)
        choices.model.changed.connect(self._on_model)
        choices.model.failed.connect(self._on_model_failed)
        self._on_stack()

    @property
    def warning(self) -> str:
        """Warnings until they are settled, a sentence a line: the kind of the volume, its pixels, its grey levels."""
        return "\n".join(self._warnings[name] for name in ("kind", "pixels", "greys") if self._warnings.get(name))

    def close(self) -> None:
        """Stop the threads."""
        self._levels.close()
        self._comparing.close()

    def _on_stack(self) -> None:
        stack = self._choices.stack
        if stack.why_unusable:
            self._message.error(UserError(stack.why_unusable))
        elif stack.layer is not None:
            self._message.say(READY)
            self._find_levels()
        elif self._message.kind == "hint" and self._message.text:
            self._message.say(stack.why_not)  # what was there to run on has gone
        self._look_at_pixels()
        self._compare()

    def _on_model(self) -> None:
        is_new = self._choices.model.card is not None and self._trained != self._trained_greys
        if is_new and self._choices.stack.layer is not None and not self._choices.settings.are_levels_edited:
            self._find_levels()
        if self._has_model_failed and not self._choices.model.why_not:
            self._has_model_failed = False
            self._message.succeed()
        self._look_at_pixels()
        self._compare()
        if self._message.kind == "hint" and not self._choices.jobs.running and not self._choices.why_not:
            self._message.say(READY)

    def _on_model_failed(self, error: Exception) -> None:
        self._has_model_failed = True
        self._message.error(error)

    def _look_at_pixels(self) -> None:
        card, stack, note = self._choices.model.card, self._choices.stack, ""
        if card is not None and stack.layer is not None and not stack.why_not:
            scale = self._choices.scale(triple(volume_of(stack.layer).shape))
            note = pixel_size_note(stack.voxel_size, card.voxel_size, scale)
        self._warn("pixels", note)

    @property
    def _trained_greys(self) -> GreyRange | None:
        """The range of grey levels that the model was trained on; None if it takes 8 bits as they are."""
        card = self._choices.model.card
        return None if is_foreground(card) else trained_greys(card)

    def _find_levels(self) -> None:
        self._trained = self._trained_greys
        self._warn("greys", "")
        volume = volume_of(self._choices.stack.layer)
        self._levels.start(one_step(find_levels, volume, self._trained), self._on_levels)

    def _on_settings(self) -> None:
        settings = self._choices.settings
        if settings.are_levels_edited:
            self._warn("greys", "")
        exchanged = settings.are_levels_edited and is_exchanged(settings.black, settings.white)
        if exchanged != self._is_exchanged:
            self._is_exchanged = exchanged
            self._compare()

    def _on_levels(self, ended: Ended) -> None:
        if ended.result is not None:
            *levels, pale = ended.result
            self._choices.settings.put_levels(*levels)
            self._choices.settings.follow(self._choices.model.card)
            self._look_at_greys(pale)
        elif ended.error is not None and not self._choices.jobs.running:
            self._message.error(ended.error)

    def _look_at_greys(self, pale: str) -> None:
        """Warn that 8-bit grey levels are stretched, or pale."""
        layer, settings = self._choices.stack.layer, self._choices.settings
        if layer is not None and not is_foreground(self._choices.model.card):
            note = stretch_note(volume_of(layer), settings.black, settings.white) or pale
            self._warn("greys", re.sub(r"--black (\S+) --white (\S+\d)", _AS_IN_THE_DOCK, note))

    def _compare(self) -> None:
        """Compare model and stack in a thread; nothing is said without a usable stack and a card."""
        self._warn("kind", "")
        stack, card = self._choices.stack, self._choices.model.card
        if stack.why_not or card is None:
            self._comparing.stop()
        else:
            place = volume_of(stack.layer), voxel_size_of(stack.layer)
            compare = partial(kind_warning, card, *place, self._is_exchanged)
            self._comparing.start(one_step(compare), self._on_compared)

    def _on_compared(self, ended: Ended) -> None:
        self._warn("kind", ended.result or "")

    def _warn(self, name: str, warning: str) -> None:
        if warning != self._warnings.get(name, ""):
            self._warnings[name] = warning
            self.changed.emit()


def find_levels(volume: Volume, trained: GreyRange | None = None) -> tuple[float, float, str]:
    """Return the grey levels that become black and white for a network, and one sentence if they are pale, else "".

    A sample of the volume is read.
    """
    levels = Normalisation.of(volume, trained)
    return levels.low, levels.high, contrast_note(volume, trained) if trained else ""
