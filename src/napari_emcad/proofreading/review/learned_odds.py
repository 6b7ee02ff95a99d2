"""The odds of the review's questions: as shipped, moved by the answers in the log."""

import numpy as np
from numpy.typing import NDArray

from napari_emcad.proofreading.review.decisions import Decisions
from napari_emcad.proofreading.review.odds import Odds
from napari_emcad.proofreading.review.questions import QuestionKind
from napari_emcad.proofreading.review.suspects import CUT_ODDS, JOIN_ODDS

SHIPPED: dict[QuestionKind, Odds] = {"join?": JOIN_ODDS, "part?": CUT_ODDS}


class LearnedOdds:
    """The odds of each kind of question; fitted anew when there are more answers.

    Parameters
    ----------
    decisions : Decisions
    learns : bool
        False: the shipped odds, whatever was answered.
    """

    def __init__(self, decisions: Decisions, learns: bool = True):
        self._decisions, self._learns = decisions, learns
        self._fitted: dict[QuestionKind, tuple[NDArray[np.float64], Odds]] = {}  # with the lessons

    def odds_of(self, kind: QuestionKind) -> Odds:
        """Return the odds of an error; the shipped ones while the answers were about other features."""
        shipped = SHIPPED[kind]
        features, wrong = self._decisions.lessons(kind)
        if not self._learns or features.shape[1] != len(shipped.mean):
            return shipped
        if kind not in self._fitted or self._fitted[kind][0] is not features:
            self._fitted[kind] = features, shipped.learned(features, wrong)
        return self._fitted[kind][1]
