"""Nets under callbacks: what they raise is told, and whoever called them goes on."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

Tell = Callable[[Exception], None]
"""Tells a person of an error."""


def report(error: Exception) -> None:
    """Hand an error to the program as one that nobody caught: napari shows it, and so does the dock."""
    sys.excepthook(type(error), error, error.__traceback__)


def netted(callback: Callable[P, T]) -> Callable[P, T | None]:
    """Return a callback for an event of napari that never raises; in place of that it returns None.

    napari calls the listeners of an event in a row, the youngest first, and stops at the first that raises: what it has
    to do itself, such as taking a layer off the canvas, would be left undone.
    """

    @wraps(callback)
    def call(*arguments: P.args, **named: P.kwargs) -> T | None:
        try:
            return callback(*arguments, **named)
        except Exception as error:  # noqa: BLE001 - an event has no caller who could mend it
            report(error)
        return None

    return call
