"""Grow the trees of the second opinion: python benchmarks/second_opinion.py RAW LABELS --models FILE ... -o FOLDER.

    [--boxes BOX ...] [--thresholds T ...] [--noise LEVELS ...] [--seed N]

Needs LightGBM and scikit-learn, which the program itself does not. Every box is segmented with every model, also from
affinities with noise, and cut at every threshold; each pair of segments and each cut is answered from the truth. Each
box in turn is left out to calibrate what is learned from the others; the trees that are kept are grown on all.
"""

import argparse
import json
from itertools import product
from pathlib import Path

import lightgbm
import numpy as np
from labelled_volume import parser, segmented
from numpy.typing import NDArray
from second_opinion_lessons import Lessons, lessons_of, with_noise
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

NAMES = {"join?": "join", "part?": "cut"}
LOW, HIGH = 0.002, 0.998
"""Quantiles of the features between which a feature is not strange."""


def main() -> None:
    options = _options()
    groups: dict[str, list[dict]] = {}
    for box, model, noise in product(options.boxes, options.models, options.noise):
        made = segmented(argparse.Namespace(**{**vars(options), "box": box, "model": model}))
        groups.setdefault(box, []).extend(lessons_of(with_noise(made, noise, options.seed), tuple(options.thresholds)))
    write(groups, options.output, options.seed)


def write(groups: dict[str, list[dict]], folder: Path, seed: int = 0) -> None:
    """Write second_opinion.npz and its card from the lessons of each box."""
    arrays, card = {}, {"trained_on": list(groups), "kinds": {}}
    for kind, name in NAMES.items():
        by_box = {box: _joined([lessons[kind] for lessons in some]) for box, some in groups.items()}
        grown, facts = _grown(by_box, seed)
        arrays |= {f"{name}_{field}": value for field, value in grown.items()}
        card["kinds"][kind] = facts
    np.savez_compressed(folder / "second_opinion.npz", **arrays)
    (folder / "second_opinion.json").write_text(json.dumps(card, indent=2) + "\n")


def _joined(lessons: list[Lessons]) -> Lessons:
    return Lessons(*(np.concatenate([getattr(one, f) for one in lessons]) for f in ("features", "wrong", "change")))


def _grown(by_box: dict[str, Lessons], seed: int) -> tuple[dict[str, NDArray], dict]:
    """The trees of all boxes as arrays, and what is said of them on the card."""
    everything = _joined(list(by_box.values()))
    scores, wrong = _left_out(by_box, seed)
    fit = LogisticRegression(C=1e6).fit(scores[:, None], wrong)
    calibration = np.array([fit.coef_[0, 0], fit.intercept_[0]])
    p = fit.predict_proba(scores[:, None])[:, 1]
    facts = {
        "questions": len(wrong),
        "errors": int(wrong.sum()),
        "AUC, each box left out": round(float(roc_auc_score(wrong, p)), 4),
        "calibration, each box left out": _curve(p, wrong),
    }
    arrays = _arrays(_classifier(seed).fit(everything.features, everything.wrong, sample_weight=_weights(everything)))
    low, high = np.quantile(everything.features, (LOW, HIGH), axis=0).astype(np.float32)
    return {**arrays, "calibration": calibration, "low": low, "high": high}, facts


def _left_out(by_box: dict[str, Lessons], seed: int) -> tuple[NDArray, NDArray]:
    """Scores of the lessons of each box by trees that have not seen it, and the answers."""
    scores = []
    for box in by_box:
        others = _joined([lessons for other, lessons in by_box.items() if other != box])
        trees = _classifier(seed).fit(others.features, others.wrong, sample_weight=_weights(others))
        scores.append(trees.predict(by_box[box].features, raw_score=True))
    return np.concatenate(scores), np.concatenate([lessons.wrong for lessons in by_box.values()])


def _classifier(seed: int) -> lightgbm.LGBMClassifier:
    return lightgbm.LGBMClassifier(
        n_estimators=200,
        num_leaves=31,
        learning_rate=0.04,
        min_child_samples=20,
        reg_lambda=5,
        subsample=0.7,
        subsample_freq=1,
        colsample_bytree=0.4,
        random_state=seed,
        verbose=-1,
        n_jobs=1,
    )


def _weights(lessons: Lessons) -> NDArray:
    """A question counts by the root of what its answer changes."""
    return np.sqrt(lessons.change / lessons.change.mean())


def _arrays(classifier: lightgbm.LGBMClassifier) -> dict[str, NDArray]:
    """The trees as `Trees` reads them."""
    grown = [_nodes(tree["tree_structure"]) for tree in classifier.booster_.dump_model()["tree_info"]]
    shape = len(grown), max(map(len, grown))
    kinds = {
        "feature": np.int16,
        "threshold": np.float32,
        "following": np.int16,
        "other": np.int16,
        "value": np.float32,
    }
    arrays = {field: np.zeros(shape, kind) for field, kind in kinds.items()}
    for i, nodes in enumerate(grown):
        for field, column in zip(kinds, zip(*nodes, strict=True), strict=True):
            arrays[field][i, : len(nodes)] = column
    return arrays


def _nodes(tree: dict) -> list[tuple]:
    """The nodes of a tree, a node before those that follow it: feature, threshold, following, other and value."""
    if "split_feature" not in tree:
        return [(-1, 0.0, 0, 0, tree["leaf_value"])]
    sides = [_nodes(tree["left_child"]), _nodes(tree["right_child"])]
    starts = 1, 1 + len(sides[0])
    moved = [
        (f, t, a + start if f >= 0 else 0, b + start if f >= 0 else 0, value)
        for start, nodes in zip(starts, sides, strict=True)
        for f, t, a, b, value in nodes
    ]
    return [(tree["split_feature"], tree["threshold"], *starts, 0.0), *moved]


def _curve(p: NDArray, wrong: NDArray) -> list[list[float]]:
    """Mean probability, share of errors and number of questions between each two tenths."""
    tenth = np.minimum((p * 10).astype(int), 9)
    kinds = [tenth == i for i in range(10) if (tenth == i).any()]
    return [[round(float(p[k].mean()), 4), round(float(wrong[k].mean()), 4), int(k.sum())] for k in kinds]


def _options() -> argparse.Namespace:
    made = parser(__doc__)
    made.add_argument("--boxes", nargs="+", default=("0:20,:,:", "20:40,:,:", "40:60,:,:", "60:80,:,:"))
    made.add_argument("--models", nargs="+", default=("bundled",))
    made.add_argument("--thresholds", nargs="+", type=float, default=(0.25, 0.4, 0.6))
    made.add_argument("--noise", nargs="+", type=float, default=(0, 15))
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("-o", "--output", type=Path, required=True)
    return made.parse_args()


if __name__ == "__main__":
    main()
