"""The probability of an error: a logistic regression that comes with weights and goes on learning from answers.

What ships is the prior. The answers of a session move the weights to the posterior mode (ridge towards the prior
instead of towards nothing), found by a few Newton steps.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

FREEDOM_OF_CONSTANT = 1.0
"""Spread of the Gaussian prior around the shipped constant."""

FREEDOM_OF_WEIGHTS = 0.3
"""Spread of the Gaussian prior around the shipped weight of each feature."""

NEWTON_STEPS = 20
"""Steps at most; five are usually enough."""

SMALL = 1e-9
"""A step of weights below which nothing changes any more."""


@dataclass(frozen=True)
class Odds:
    """Log odds of an error, linear in features that are counted from their means in units of their spreads.

    Attributes
    ----------
    weights : (1 + f,) float
        The constant, and one for each feature.
    mean, spread : (f,) float
        Mean and spread of the features in the data that the weights were fitted on.
    """

    weights: tuple[float, ...]
    mean: tuple[float, ...]
    spread: tuple[float, ...]

    def p(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of an error, (k,), from features, (k, f)."""
        found: NDArray[np.float64] = expit(self._columns(features) @ np.array(self.weights))
        return found

    def learned(self, features: NDArray[np.float64], wrong: NDArray[np.bool_]) -> "Odds":
        """Return the odds with weights moved by answers; these odds themselves if there are none.

        Parameters
        ----------
        features : (k, f) float
            Features of the questions that were answered.
        wrong : (k,) bool
            True where there was an error.
        """
        if not len(wrong):
            return self
        trust = np.array([FREEDOM_OF_CONSTANT, *[FREEDOM_OF_WEIGHTS] * len(self.mean)], float) ** -2
        prior = np.array(self.weights)
        weights = _most_probable(self._columns(features), np.asarray(wrong, float), prior, trust)
        return Odds(tuple(weights.tolist()), self.mean, self.spread)

    def _columns(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return a column of ones and the scaled features, (k, 1 + f)."""
        scaled = (np.asarray(features, np.float64).reshape(-1, len(self.mean)) - self.mean) / self.spread
        return np.column_stack([np.ones(len(scaled)), scaled])


def fit_odds(features: NDArray[np.float64], wrong: NDArray[np.bool_], ridge: float = 1e-2) -> Odds:
    """Fit odds to questions whose answers are known.

    Parameters
    ----------
    features : (k, f) float
    wrong : (k,) bool
        True where there was an error.
    ridge : float
        Keeps weights finite if a feature parts the answers perfectly.
    """
    mean, spread = features.mean(axis=0), features.std(axis=0)
    nothing = np.zeros(1 + len(mean))
    flat = Odds(tuple(nothing.tolist()), tuple(mean.tolist()), tuple(spread.tolist()))
    weights = _most_probable(flat._columns(features), np.asarray(wrong, float), nothing, ridge + nothing)
    return Odds(tuple(weights.tolist()), flat.mean, flat.spread)


def _most_probable(
    columns: NDArray[np.float64], wrong: NDArray[np.float64], prior: NDArray[np.float64], trust: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the mode of the posterior of the weights, (w,).

    Strategy: Newton steps on the logarithm of the posterior; a step that goes too far is halved until it does not.

    Parameters
    ----------
    columns : (k, w) float
    wrong : (k,) float
        1 = error, 0 = none.
    prior, trust : (w,) float
        Mean of the Gaussian prior, and one over its variances.
    """

    def unlikeliness(weights: NDArray[np.float64]) -> float:
        odds = columns @ weights
        return float(np.logaddexp(0, odds).sum() - odds @ wrong + 0.5 * trust @ (weights - prior) ** 2)

    weights, now = prior, unlikeliness(prior)
    for _ in range(NEWTON_STEPS):
        p = expit(columns @ weights)
        slope = columns.T @ (wrong - p) - trust * (weights - prior)
        step = np.linalg.solve((columns.T * (p * (1 - p))) @ columns + np.diag(trust), slope)
        while (then := unlikeliness(weights + step)) > now and np.abs(step).max() > SMALL:
            step = step / 2
        if then >= now:
            break
        weights, now = weights + step, then
    return weights
