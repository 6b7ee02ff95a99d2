"""Counts, sizes and shapes as people read them."""

from collections.abc import Sequence


def count(number: int, noun: str) -> str:
    """Such as "1 neuron", "1,200 neurons"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size_text(size: int) -> str:
    """Bytes: "1.3 GB" or "80 MB"."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(1, round(size / 1e6))} MB"


def shape_text(shape: Sequence[int]) -> str:
    """Such as "100 x 1024 x 1024"."""
    return " x ".join(str(n) for n in shape)
