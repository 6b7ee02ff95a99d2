"""Keys bound on a viewer and given back as they were."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from napari.components import ViewerModel
from napari.layers import Layer

from napari_emcad.widgets.kit.nets import netted
from napari_emcad.widgets.proofread.keys import KEYS


@dataclass(frozen=True)
class Borrowed:
    """A key on a viewer or layer, and the function that it had there before."""

    holder: ViewerModel | Layer
    press: str
    before: Callable[[ViewerModel | Layer], object] | None

    @classmethod
    def of(cls, holder: ViewerModel | Layer, press: str, action: Callable[[], None]) -> Self:
        """Bind a key to an action until it is given back."""
        before = holder.bind_key(press, None)
        holder.bind_key(press, lambda _holder: netted(action)())
        return cls(holder, press, before)

    def give_back(self) -> None:
        """Bind the key as it was before."""
        self.holder.bind_key(self.press, None)
        if self.before is not None:
            self.holder.bind_key(self.press, self.before)


class KeyBinder:
    """Binds keys of the table; contested ones also on whatever layer is active, whose own keys come first."""

    def __init__(self, viewer: ViewerModel):
        self._viewer = viewer
        self._actions: dict[str, Callable[[], None]] = {}
        self._on_viewer: dict[str, Borrowed] = {}
        self._on_layer: dict[str, Borrowed] = {}
        viewer.layers.selection.events.active.connect(self._follow)

    @property
    def bound(self) -> set[str]:
        """Names of the keys that are bound."""
        return set(self._actions)

    def bind(self, name: str, action: Callable[[], None]) -> None:
        """Let a key do something until it is released."""
        self.release(name)
        self._actions[name] = action
        self._on_viewer[name] = Borrowed.of(self._viewer, KEYS[name].press, action)
        self._bind_on_layer(name)

    def release(self, *names: str) -> None:
        """Give keys back."""
        for name in names:
            self._actions.pop(name, None)
            for borrowed in (self._on_layer.pop(name, None), self._on_viewer.pop(name, None)):
                if borrowed is not None:
                    borrowed.give_back()

    def close(self) -> None:
        """Give all keys back."""
        self._viewer.layers.selection.events.active.disconnect(self._follow)
        self.release(*self.bound)

    def _bind_on_layer(self, name: str) -> None:
        layer = self._viewer.layers.selection.active
        if layer is not None and KEYS[name].is_contested:
            self._on_layer[name] = Borrowed.of(layer, KEYS[name].press, self._actions[name])

    @netted
    def _follow(self, _event: object = None) -> None:
        """Bind contested keys on the layer that is active now."""
        for borrowed in self._on_layer.values():
            borrowed.give_back()
        self._on_layer.clear()
        for name in self._actions:
            self._bind_on_layer(name)
