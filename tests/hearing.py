"""An ear for tests of signals."""

from typing import Any

from psygnal import SignalInstance


def heard(signal: SignalInstance) -> list[tuple[Any, ...]]:
    """Return a list that gets the values of each emission from now on."""
    values: list[tuple[Any, ...]] = []
    signal.connect(lambda *emitted: values.append(emitted))
    return values
