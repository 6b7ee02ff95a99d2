"""Sentences that commands say, and bars of their progress."""

import sys
from contextlib import ExitStack, closing
from typing import TypeVar

from tqdm import tqdm

from napari_emcad.core.progress import Job

T = TypeVar("T")


def follow(job: Job[T]) -> T:
    """Drive a job and show a bar with the time left for each of its stages."""
    bar = None
    with closing(job), ExitStack() as bars:
        while True:
            try:
                progress = next(job)
            except StopIteration as end:
                result: T = end.value
                return result
            if bar is None or bar.desc != progress.stage:
                bars.close()
                bar = bars.enter_context(tqdm(desc=progress.stage, total=progress.total, leave=False, delay=0.5))
                bar.desc = progress.stage
            bar.update(progress.done - bar.n)


def tell(text: str) -> None:
    """Say what was found, at once: another program may listen."""
    sys.stdout.write(f"{_printable(text)}\n")
    sys.stdout.flush()


def warn(sentence: str) -> None:
    """Say what a person should know, on standard error; nothing if it is empty."""
    if sentence:
        sys.stderr.write(f"napari-emcad: {_printable(sentence)}\n")


def _printable(text: str) -> str:
    """Return a text whose control characters, which a terminal would obey, are spelt out."""
    return "".join(c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in text)
