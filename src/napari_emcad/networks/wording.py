"""How lists of names are told in a sentence."""

from collections.abc import Sequence


def first_few(names: Sequence[str], most: int = 3) -> str:
    """The first names of a list, and how many more there are: "a, b, c and 155 more"."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
