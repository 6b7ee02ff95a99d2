"""A first look at stack and model together: grey levels, and warnings before anything is run."""

from functools import partial

from psygnal import Signal

from napari_emcad.core.errors import UserError
from napari_emcad.core.volume import Volume
from napari_emcad.core.wording import pixel_size_note
from napari_emcad.inference.kind_warning import kind_warning
from napari_emcad.widgets.desk.choices import Choices
from napari_emcad.widgets.kit.jobs import Ended, Loop, one_step
from napari_emcad.widgets.kit.layers import volume_of, voxel_size_of

READY = 'Ready: press "Run", or try one section first.'


class FirstLook:
    """Looks at the stack and the model whenever another one is chosen, and warns if they do not fit.

    Attributes
    ----------
    warning : str
        One sentence if the model was made for other volumes than this one; else empty.

    Signals
    -------
    changed
        Another warning.
    """

    changed = Signal()

    def __init__(self, loop: Loop, choices: Choices):
        self._choices, self._message = choices, choices.message
        self._levels, self._comparing = loop.jobs(), loop.jobs()
        self.warning = ""
        choices.stack.changed.connect(self._on_stack)
        choices.model.changed.connect(self._on_model)
        choices.model.failed.connect(self._message.error)
        self._on_stack()

    def close(self) -> None:
        """Stop the threads."""
        self._levels.close()
        self._comparing.close()

    def _on_stack(self) -> None:
        stack = self._choices.stack
        if stack.why_unusable:
            self._message.error(UserError(stack.why_unusable))
        elif stack.layer is not None:
            self._say_ready()
            self._levels.start(one_step(find_levels, volume_of(stack.layer)), self._on_levels)
        self._compare()

    def _on_model(self) -> None:
        self._compare()
        is_idle = not self._choices.jobs.running and not self._choices.why_not
        if is_idle and self._message.kind == "hint":
            self._say_ready()

    def _say_ready(self) -> None:
        trained = self._choices.model.card.voxel_size if self._choices.model.card else None
        self._message.say(pixel_size_note(trained, self._choices.stack.voxel_size) or READY)

    def _on_levels(self, ended: Ended) -> None:
        if ended.result is not None:
            self._choices.settings.put_levels(*ended.result)
            self._choices.settings.follow(self._choices.model.card)
        elif ended.error is not None and not self._choices.jobs.running:
            self._message.error(ended.error)

    def _compare(self) -> None:
        """Compare model and stack in a thread; nothing is said without a usable stack and a card."""
        self._warn("")
        stack, card = self._choices.stack, self._choices.model.card
        if stack.why_not or card is None:
            self._comparing.stop()
        else:
            compare = partial(kind_warning, card, volume_of(stack.layer), voxel_size_of(stack.layer))
            self._comparing.start(one_step(compare), self._on_compared)

    def _on_compared(self, ended: Ended) -> None:
        self._warn(ended.result or "")

    def _warn(self, warning: str) -> None:
        if warning != self.warning:
            self.warning = warning
            self.changed.emit()


def find_levels(volume: Volume) -> tuple[float, float]:
    """Return the grey levels that become black and white for a network; reads a sample of the volume."""
    from napari_emcad.inference.normalisation import Normalisation

    levels = Normalisation.of(volume)
    return levels.low, levels.high
