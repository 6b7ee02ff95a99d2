"""How probable an error is: a logistic regression that comes with weights and goes on learning from answers.

What ships is the prior. The answers of a session move the weights to the posterior mode (ridge towards the prior
instead of towards nothing), found by a few Newton steps.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

FREEDOM = (1.0, 0.3)
"""Spread of the Gaussian prior round the shipped weights: that of the constant, and of the weight of each feature."""

NEWTON_STEPS = 20
"""At most; five are mostly enough."""

SMALL = 1e-9
"""Steps of weights below which nothing changes any more."""


@dataclass(frozen=True)
class Odds:
    """Log odds of an error, linear in features that are counted from their means in units of their spreads.

    Attributes
    ----------
    weights : (1 + f,) float
        The constant, and one for each feature.
    mean, spread : (f,) float
        Of the features in the data that the weights were fitted on.
    """

    weights: tuple[float, ...]
    mean: tuple[float, ...]
    spread: tuple[float, ...]

    def p(self, features: NDArray) -> NDArray[np.float64]:
        """Probability of an error, (k,), from features (k, f)."""
        return expit(self._columns(features) @ np.array(self.weights))

    def learned(self, features: NDArray, wrong: NDArray) -> "Odds":
        """With the weights moved by what turned out; where nothing did, these odds themselves.

        Parameters
        ----------
        features : (k, f) float
            Of the questions that were answered.
        wrong : (k,) bool
            Whether there was an error.
        """
        if not len(wrong):
            return self
        trust = np.array([FREEDOM[0], *[FREEDOM[1]] * len(self.mean)], float) ** -2
        weights = _most_probable(self._columns(features), np.asarray(wrong, float), np.array(self.weights), trust)
        return Odds(tuple(weights.tolist()), self.mean, self.spread)

    def _columns(self, features: NDArray) -> NDArray[np.float64]:
        scaled = (np.asarray(features, np.float64).reshape(-1, len(self.mean)) - self.mean) / self.spread
        return np.column_stack([np.ones(len(scaled)), scaled])


def fitted(features: NDArray, wrong: NDArray, ridge: float = 1e-2) -> Odds:
    """Odds from questions whose answers are known.

    Parameters
    ----------
    features : (k, f) float
    wrong : (k,) bool
    ridge : float
        Keeps weights finite where a feature parts the answers perfectly.
    """
    mean, spread = features.mean(axis=0), features.std(axis=0)
    nothing = np.zeros(1 + len(mean))
    flat = Odds(tuple(nothing.tolist()), tuple(mean.tolist()), tuple(spread.tolist()))
    weights = _most_probable(flat._columns(features), np.asarray(wrong, float), nothing, ridge + nothing)
    return Odds(tuple(weights.tolist()), flat.mean, flat.spread)


def _most_probable(columns: NDArray, wrong: NDArray, prior: NDArray, trust: NDArray) -> NDArray[np.float64]:
    """The mode of the posterior, by Newton steps that are halved where they go too far.

    Parameters
    ----------
    columns : (k, w) float
    wrong : (k,) float
        1 = error, 0 = none.
    prior, trust : (w,) float
        Mean of the Gaussian prior, and one over its variances.
    """

    def unlikely(weights: NDArray) -> float:
        odds = columns @ weights
        return float(np.logaddexp(0, odds).sum() - odds @ wrong + 0.5 * trust @ (weights - prior) ** 2)

    weights, now = prior, unlikely(prior)
    for _ in range(NEWTON_STEPS):
        p = expit(columns @ weights)
        slope = columns.T @ (wrong - p) - trust * (weights - prior)
        step = np.linalg.solve((columns.T * (p * (1 - p))) @ columns + np.diag(trust), slope)
        while (then := unlikely(weights + step)) > now and np.abs(step).max() > SMALL:
            step = step / 2
        if then >= now:
            break
        weights, now = weights + step, then
    return weights
