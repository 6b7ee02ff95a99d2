"""The device to compute on, known once torch has been imported in a thread."""

from typing import NamedTuple, Protocol

from napari_emcad.core.choices import WISHES, DeviceKind
from napari_emcad.core.errors import UserError
from napari_emcad.widgets.kit.jobs import Ended, Loop, one_step
from napari_emcad.widgets.kit.signals import Signal


class DeviceFacts(Protocol):
    """The facts of an `inference.engines.device.Device`, whose module imports torch."""

    @property
    def kind(self) -> DeviceKind:
        """Its name in torch."""
        ...

    @property
    def name(self) -> str:
        """Its name for people."""
        ...

    @property
    def note(self) -> str:
        """The reason why it is not a faster one, and what to do; empty if there is nothing to say."""
        ...

    @property
    def for_training(self) -> "DeviceFacts":
        """The same device as it is used to train."""
        ...


class FoundDevices(NamedTuple):
    """The devices of this machine."""

    devices: dict[str, DeviceFacts]  # by wish
    missing: dict[str, str]  # wish -> why it is not there


class DevicePick:
    """The choice of a device, and the one that "auto" means.

    Attributes
    ----------
    missing : dict
        Wish -> the reason why that device is not there; empty until somebody has looked.

    Signals
    -------
    changed
        Another one is chosen, or the devices have become known.
    """

    changed = Signal()

    def __init__(self, loop: Loop):
        self._asker = loop.jobs()
        self._found: dict[str, DeviceFacts] = {}
        self._wish = next(iter(WISHES))
        self.missing: dict[str, str] = {}

    @property
    def wish(self) -> str:
        """The device wished for, one of `WISHES`."""
        return self._wish

    @wish.setter
    def wish(self, wish: str) -> None:
        if wish not in WISHES:
            raise ValueError(f'device: one of {", ".join(WISHES)} is needed, got "{wish}".')
        if wish != self._wish:
            self._wish = wish
            self.changed.emit()

    @property
    def device(self) -> DeviceFacts | None:
        """The device that the wish means; None while that is not known."""
        return self._found.get(self.wish)

    @property
    def auto(self) -> DeviceFacts | None:
        """The device that "auto" means; None while that is not known."""
        return self._found.get("auto")

    def ask(self) -> None:
        """Import torch in a thread and look for devices."""
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
    """Return the devices of this machine; imports torch."""
    from napari_emcad.inference.choice import choose_device

    found = FoundDevices({}, {})
    for wish in WISHES:
        try:
            found.devices[wish] = choose_device(wish)
        except UserError as error:
            found.missing[wish] = str(error)
    return found
