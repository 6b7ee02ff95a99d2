"""The device to compute on, known once torch has been imported in a thread."""

from typing import NamedTuple

from psygnal import Signal

from napari_emcad.core.choices import WISHES
from napari_emcad.core.errors import UserError
from napari_emcad.widgets.kit.jobs import Ended, Loop, one_step


class FoundDevices(NamedTuple):
    """The devices of this machine."""

    devices: dict[str, object]  # wish -> Device
    missing: dict[str, str]  # wish -> why it is not there


class DevicePick:
    """The device chosen, and what "auto" means.

    Attributes
    ----------
    missing : dict
        Wish -> why that device is not there; empty while nobody has looked.

    Signals
    -------
    changed
        Another one is chosen, or it has become known what there is.
    """

    changed = Signal()

    def __init__(self, loop: Loop):
        self._asker = loop.jobs()
        self._found: dict[str, object] = {}
        self._wish = next(iter(WISHES))
        self.missing: dict[str, str] = {}

    @property
    def wish(self) -> str:
        """One of `WISHES`."""
        return self._wish

    @wish.setter
    def wish(self, wish: str) -> None:
        if wish not in WISHES:
            raise ValueError(f'device: one of {", ".join(WISHES)} is needed, got "{wish}".')
        if wish != self._wish:
            self._wish = wish
            self.changed.emit()

    @property
    def device(self):
        """The `Device` that the wish means; None while that is not known."""
        return self._found.get(self.wish)

    @property
    def auto(self):
        """The `Device` that "auto" means; None while that is not known."""
        return self._found.get("auto")

    def ask(self) -> None:
        """Import torch in a thread and look what there is."""
        if not self._found and not self._asker.running:
            self._asker.start(one_step(find_devices), self._on_found)

    def close(self) -> None:
        """Stop asking."""
        self._asker.close()

    def _on_found(self, ended: Ended) -> None:
        if ended.result is not None:
            self._found, self.missing = ended.result
            self.changed.emit()


def find_devices() -> FoundDevices:
    """Look which devices there are; imports torch."""
    from napari_emcad.inference.choice import choose_device

    found = FoundDevices({}, {})
    for wish in WISHES:
        try:
            found.devices[wish] = choose_device(wish)
        except UserError as error:
            found.missing[wish] = str(error)
    return found
