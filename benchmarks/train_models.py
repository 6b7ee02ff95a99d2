"""The models that come with the package, trained on AC4[0:80] and synthetic stacks; sections 80 to 99 choose the best.

python benchmarks/train_models.py teacher RAW LABELS FOLDER --minutes 240
python benchmarks/train_models.py student RAW LABELS FOLDER --minutes 60 --teacher FOLDER_OF_THE_TEACHER/best_N.pt

FOLDER is that of a run (see `napari_emcad.finetuning.run`): the same command goes on with what is there,
events.jsonl has the curves, best_N.pt and best_N.json are the model and its card. The student begins with the bundled
one and learns with the teacher by all losses of CAD (--mode joint, the default), from a frozen one, or alone.
"""

import argparse
import json
from pathlib import Path

from napari_emcad.core.crop import Crop
from napari_emcad.core.synthetic import synthetic_stack
from napari_emcad.finetuning.crops import CropFiles, CropPlaces, read_crops
from napari_emcad.finetuning.folder import TrainingOrder, write_run
from napari_emcad.finetuning.run import fine_tune
from napari_emcad.networks.zoo import resolve_model
from napari_emcad.training.params import TrainingParameters

TRAIN, HELD_OUT = "0:80,:,:", {"teacher": "80:90,256:768,256:768", "student": "80:100,:,:"}
TEACHER_MAPS = (16, 24, 32, 48, 64)
SYNTHETIC_SEEDS = (11, 12)
DATA = (
    "SNEMI3D training volume (AC4), sections 0-79: Kasthuri et al., Cell 162:648, 2015; and synthetic stacks of "
    "napari-emcad. Validated on sections 80-99."
)
ABOUT = {
    "data": DATA,
    "licence": "BSD-3-Clause; training data ODC-By 1.0 (attribution: Kasthuri et al. 2015)",
    "voxel_size": (30.0, 6.0, 6.0),
}


def main() -> None:
    options = _options()
    if not options.folder.exists():
        write_run(options.folder, _order(options), *_crops(options))
    for event in fine_tune(options.folder):
        if event["event"] != "step" or event["step"] % 100 == 0:
            print(json.dumps(event), flush=True)


def _order(options: argparse.Namespace) -> TrainingOrder:
    told = {
        "minutes": options.minutes,
        "augmentation": "full",
        "ema": 0.99,
        "warm_up": 50,
        "learning_rate": options.rate,
    }
    if options.role == "teacher":
        about = ABOUT | {"title": "Mouse cortex, teacher", "commit": options.commit}
        parameters = TrainingParameters(mode="teacher", **told)
        return TrainingOrder(teacher_maps=TEACHER_MAPS, parameters=parameters, about=about)
    about = ABOUT | {"title": "Mouse cortex", "commit": options.commit}
    parameters = TrainingParameters(mode=options.mode, **told)
    return TrainingOrder(
        student=resolve_model(options.student), teacher=options.teacher, parameters=parameters, about=about
    )


def _crops(options: argparse.Namespace) -> tuple[list[Crop], list[Crop]]:
    train, held_out = read_crops(
        CropFiles(options.raw, labels=options.labels), CropPlaces([TRAIN], [HELD_OUT[options.role]])
    )
    stacks = [synthetic_stack(seed=seed) for seed in SYNTHETIC_SEEDS]
    made = [Crop(s.raw, s.labels, name=f"synthetic {n}") for n, s in zip(SYNTHETIC_SEEDS, stacks, strict=True)]
    return [*train, *made], held_out


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("role", choices=("teacher", "student"))
    parser.add_argument("raw", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--student", default="bundled")
    parser.add_argument("--teacher", type=Path)
    parser.add_argument("--mode", choices=("joint", "frozen-teacher", "student"), default="joint")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--commit", default="", help="of the code, for the card")
    return parser.parse_args()


if __name__ == "__main__":
    main()
