"""The questions of a review that are left, and the one that is next."""

from dataclasses import dataclass

from napari_emcad.proofreading.review.questions import ReviewQuestion

SHARES = tuple(10.0**-digits for digits in range(3, 10))
"""Shares of all labelled voxels; questions are counted by the first of them that any question reaches."""


@dataclass(frozen=True)
class Outlook:
    """The questions that are left.

    Attributes
    ----------
    matter : int
        About how many can be expected to put at least `share` of the labelled voxels right, each.
    left : int
        All that are open.
    share : float
        0 where nothing is open.
    labelled : float
        The labelled voxels.
    """

    matter: int
    left: int
    share: float
    labelled: float


@dataclass(frozen=True)
class PlannedQuestion:
    """The next question, as it was found.

    Attributes
    ----------
    question : ReviewQuestion or None
        None if nothing is left to ask.
    outlook : Outlook
        What is left, this question among it.
    rows : int
        Rows of the log that it was found for: after more of them another one may be next.
    """

    question: ReviewQuestion | None
    outlook: Outlook
    rows: int
