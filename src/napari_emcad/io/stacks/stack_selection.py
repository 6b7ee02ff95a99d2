"""The stack that is meant in a file that holds several: its dataset, and the place on axes that a stack has not."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Self

from napari_emcad.core.errors import UserError

_WRITTEN = re.compile(r"(?P<dataset>.*?)\s*\[(?P<choices>[^\[\]]*=[^\[\]]*)\]")
_KEYS = {"axes": "axes", "c": "channel", "t": "time"}


@dataclass(frozen=True)
class StackSelection:
    """A stack in a file, written as `raw[axes=zyxc,c=1,t=0]`: sessions and layers keep that text as their dataset.

    Attributes
    ----------
    dataset : str or None
        Path inside the file; None = the one that is found.
    axes : str or None
        Names of the array's axes in its own order, such as "zyxc"; None = as the file says.
    channel, time : int or None
        Number of the channel and of the time point, from 0.
    """

    dataset: str | None = None
    axes: str | None = None
    channel: int | None = None
    time: int | None = None

    @classmethod
    def parse(cls, text: str | None) -> Self:
        """Read what `str` writes; a plain name is that of a dataset.

        Raises
        ------
        UserError
            If what stands between the brackets cannot be understood.
        """
        found = _WRITTEN.fullmatch(text or "")
        if not found:
            return cls(text or None)
        try:
            pairs = [choice.split("=") for choice in found["choices"].split(",")]
            stated = {_KEYS[key.strip()]: value.strip() for key, value in pairs}
            numbers = {key: int(stated[key]) for key in ("channel", "time") if key in stated}
        except (KeyError, ValueError):
            raise UserError(
                f'dataset: "raw[axes=zyxc,c=1,t=0]" or a part of it is needed, got "{text}"; write it like that.'
            ) from None
        return cls(found["dataset"] or None, stated.get("axes"), **numbers)

    def __str__(self) -> str:
        values = {"axes": self.axes, "c": self.channel, "t": self.time}
        chosen = ",".join(f"{key}={value}" for key, value in values.items() if value is not None)
        return f"{self.dataset or ''}[{chosen}]" if chosen else self.dataset or ""

    @property
    def places(self) -> list[str]:
        """The channel and the time point in words, such as "channel 1"; what is not chosen is not there."""
        stated = {"channel": self.channel, "time point": self.time}
        return [f"{word} {place}" for word, place in stated.items() if place is not None]

    def named(self, dataset: str | None) -> str | None:
        """Return the text of this selection in the dataset that was found; None if there is nothing to say."""
        return str(replace(self, dataset=dataset)) or None


ANY = StackSelection()
"""The selection of the stack that is found in a file, without a wish."""


@contextmanager
def errors_of(file: str) -> Iterator[None]:
    """Let errors name the options of a file that is not the main one: for "stack" --stack-axes instead of --axes."""
    try:
        yield
    except UserError as error:
        raise type(error)(re.sub(r"--(dataset|axes|channel|time)\b", rf"--{file}-\1", str(error))) from error
