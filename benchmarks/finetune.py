"""Fine-tuning on few sections at equal time: the student alone, with the uncorrected sections, and by distillation.

python benchmarks/finetune.py RAW LABELS --student FILE [--teacher FILE] [--minutes 2 | --steps N] [--sections 4 8 16]
    [--train 0:16,256:768,256:768] [--test 80:90,256:768,256:768] [--seeds 0]
    [--modes student student+plain student+ema frozen-teacher joint] [--unlabelled 4:16,256:768,256:768]

Trains on the first sections of the training box, a part of which is held out to choose the best weights and the
threshold; then segments the test box with the model's own defaults. Every run has the same time, all included, or the
same number of steps.
"kept" is the step of the network that is kept. "+plain" and "+ema" learn from unlabelled sections, too: those after
the first ones in the training box, unless others are named.
"""

import argparse
import itertools
import shutil
import tempfile
from pathlib import Path

import numpy as np

from napari_emcad.core.geometry import Box
from napari_emcad.core.hold_out import hold_out
from napari_emcad.core.scores import Scores, score
from napari_emcad.finetuning.crops import CropFiles, CropPlaces, read_crops
from napari_emcad.finetuning.folder import TrainingOrder, write_run
from napari_emcad.finetuning.run import fine_tune
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.pipeline import segment
from napari_emcad.training.params import NEEDS_TEACHER, TrainingParameters


def main() -> None:
    options = _options()
    with open_stack(options.raw) as raw, open_stack(options.labels) as labels:
        box = Box.parse(options.test, raw.array.shape)
        test = np.asarray(raw.array), box, np.asarray(labels.array[box.slices])
    print(f"{options.steps} steps each" if options.steps else f"{options.minutes:g} min each")
    print(f"{'sections':>8}  {'mode':<15}{'seed':>4}{'steps':>7}{'kept':>6}{'VOI':>8}{'ARAND':>9}  threshold")
    _line("-", "before", "-", 0, 0, *_scored(options.student, test))
    modes = [mode for mode in options.modes if options.teacher or mode.partition("+")[0] not in NEEDS_TEACHER]
    for sections, mode, seed in itertools.product(options.sections, modes, options.seeds):
        folder = Path(tempfile.mkdtemp()) / "run"
        try:
            last = _run(options, folder, sections, mode, seed)
            model = folder / last["model"] if last["model"] else options.student
            _line(sections, mode, seed, last["steps"], last["after"]["step"], *_scored(model, test))
        finally:
            shutil.rmtree(folder.parent)


def _run(options: argparse.Namespace, folder: Path, sections: int, mode: str, seed: int) -> dict:
    """The last event of a run on the first sections of the training box."""
    first, rest = options.train.split(",", 1)
    start = int(first.split(":")[0])
    mode, _, consistency = mode.partition("+")
    others = options.unlabelled or f"{start + sections}:{first.split(':')[1]},{rest}"
    places = CropPlaces([f"{start}:{start + sections},{rest}"], unlabelled=[others] if consistency else [])
    crops, _ = read_crops(CropFiles(options.raw, labels=options.labels), places)
    budget = {"steps": options.steps} if options.steps else {"minutes": options.minutes}
    parameters = TrainingParameters(mode=mode, seed=seed, consistency=consistency or "off", **budget)
    teacher = options.teacher if mode in NEEDS_TEACHER else None
    write_run(folder, TrainingOrder(student=options.student, teacher=teacher, parameters=parameters), *hold_out(crops))
    last = {}
    for last in fine_tune(folder):  # noqa: B007 the last one is what is wanted
        pass
    return last


def _scored(model: Path, test: tuple) -> tuple[Scores, float]:
    """Of the test box, with the model's own defaults."""
    raw, box, truth = test
    result = segment(raw, str(model), box)
    return score(result.labels, truth), result.threshold


def _line(sections, mode: str, seed, steps: int, kept: int, found: Scores, threshold: float) -> None:
    scores = f"{found.voi:>8.3f}{found.arand:>9.4f}  {threshold:g}"
    print(f"{sections:>8}  {mode:<15}{seed:>4}{steps:>7}{kept:>6}{scores}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raw", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--student", type=Path, required=True)
    parser.add_argument("--teacher", type=Path)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--steps", type=int, help="of each run, instead of minutes")
    parser.add_argument("--sections", type=int, nargs="+", default=[4, 8, 16])
    ways = ["student", "student+plain", "student+ema", "frozen-teacher", "joint"]
    parser.add_argument("--modes", nargs="+", default=ways)
    parser.add_argument("--unlabelled")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--train", default="0:16,256:768,256:768")
    parser.add_argument("--test", default="80:90,256:768,256:768")
    return parser.parse_args()


if __name__ == "__main__":
    main()
