import numpy as np

from napari_emcad.proofreading.review.odds import fit_odds


def test_odds_learn_towards_what_was_told():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(400, 2))
    wrong = features[:, 0] + 0.3 * rng.normal(size=400) > 0
    odds = fit_odds(features, wrong)
    assert odds.p(np.array([[2.0, 0]]))[0] > 0.95 > 0.05 > odds.p(np.array([[-2.0, 0]]))[0]
    assert odds.learned(features[:0], wrong[:0]) is odds
    never = odds.learned(np.array([[2.0, 0.0]] * 20), np.zeros(20, bool))
    assert never.p(np.array([[2.0, 0]]))[0] < odds.p(np.array([[2.0, 0]]))[0]
