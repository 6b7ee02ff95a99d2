"""The generalist: the small student from scratch on mouse, fly and synthetic tissue, for as long as it is let.

python train.py [FOLDER] --data FOLDER [--synthetic ...] [--from MODEL] [--cool STEPS]

goes on with FOLDER/last.pt where there is one; stop it at any time. `last.pt` is written every 500 steps and kept as
`step_NNNNNN.pt` every 10,000; its `model_weights` are the running mean of the weights, which is scored and used.
A new run begins with drawn weights, or with those of MODEL, of which nothing but the weights is known.
The learning rate is constant, so that the run has no end planned: with --cool it goes down to nothing over the given
number of steps from where the run stands, and ends as `cooled.pt` (last.pt stays as it was, so that both can go on).

Losses are made by numba and all else by torch, which take the same threads: give both one number, OMP_NUM_THREADS=1
NUMBA_NUM_THREADS=1, or wherever another program wants a core, they wait for each other at ten times the price.
"""

import argparse
import copy
import math
import os
import time
from collections import defaultdict
from pathlib import Path

import torch
from batches import Batches
from loss import fused
from torch import Tensor, nn
from torch.utils.data import DataLoader

from napari_emcad.inference.engines.device import reuse_memory
from napari_emcad.networks.checkpoint import load_student
from napari_emcad.networks.small_student import SmallStudent

RATE, WARM_UP, DECAY, CLIP = 1e-3, 300, 1e-2, 1.0
MEAN = 0.999
"""What stays of the running mean of the weights at each step; less in the first thousand."""

SAVE, KEEP, TELL = 500, 10_000, 50


class Run:
    """A network, its optimiser, the running mean of its weights and the number of steps made."""

    def __init__(self, model: Path | None = None):
        network = load_student(model)[0].train() if model else SmallStudent()
        self.network = network.to(memory_format=torch.channels_last)
        self.mean = copy.deepcopy(self.network).requires_grad_(False)
        decayed = [p for p in self.network.parameters() if p.ndim > 1]
        others = [p for p in self.network.parameters() if p.ndim < 2]
        groups = [{"params": decayed, "weight_decay": DECAY}, {"params": others, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=RATE)
        self.step = 0

    def load(self, path: Path) -> None:
        kept = torch.load(path, weights_only=True)
        self.network.load_state_dict(kept["raw_weights"])
        self.mean.load_state_dict(kept["model_weights"])
        self.optimiser.load_state_dict(kept["optimiser"])
        self.step = kept["current_iter"]

    def save(self, path: Path) -> None:
        """All that is needed to go on; written beside and then renamed."""
        kept = {
            "model_weights": self.mean.state_dict(),
            "raw_weights": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "current_iter": self.step,
        }
        beside = path.with_suffix(".part")
        torch.save(kept, beside)
        os.replace(beside, path)

    def learn(self, greys: Tensor, labels: Tensor, rate: float) -> Tensor:
        """One step; the loss of each channel, (7,)."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        with torch.autocast("cpu", torch.bfloat16):
            embeddings = self.network(greys.contiguous(memory_format=torch.channels_last))
        parts, gradients = fused(*embeddings, labels)
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(embeddings, gradients)
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
        if torch.isfinite(norm):
            self.optimiser.step()
        self.step += 1
        self._follow()
        return parts

    @torch.no_grad()
    def _follow(self) -> None:
        stays = min(MEAN, (1 + self.step) / (10 + self.step))
        for mean, new in zip(self.mean.state_dict().values(), self.network.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(new, 1 - stays)
            else:
                mean.copy_(new)


def main() -> None:
    options = _options()
    reuse_memory()
    torch.manual_seed(options.seed)
    run, last = Run(options.model), options.folder / "last.pt"
    options.folder.mkdir(parents=True, exist_ok=True)
    if last.exists():
        run.load(last)
        print(f"goes on from step {run.step}", flush=True)
    begun = run.step
    batches = Batches(options.data, options.synthetic, run.step)
    began, told = time.time(), defaultdict(list)
    for greys, labels, _ in DataLoader(batches, batch_size=None, num_workers=1, prefetch_factor=4):
        told["parts"].append(run.learn(greys, labels, _rate(run.step, run.step - begun, options.cool)))
        if run.step % TELL == 0:
            parts = torch.stack(told.pop("parts")).mean(0).tolist()
            pace = (time.time() - began) / (run.step - begun)
            near = " ".join(f"{part:.4f}" for part in parts[:3])
            losses = f"loss {sum(parts[:3]) / 3:.4f} zyx {near} far {sum(parts[3:]) / 4:.4f}"
            print(f"{time.strftime('%H:%M:%S')} step {run.step} {losses} {pace:.2f} s/step", flush=True)
        if options.cool and run.step - begun >= options.cool:
            run.save(options.folder / "cooled.pt")
            return
        if run.step % SAVE == 0:
            run.save(options.folder / "cooling.pt" if options.cool else last)
        if run.step % KEEP == 0 and not options.cool:
            run.save(options.folder / f"step_{run.step:06d}.pt")


def _rate(step: int, since: int, cool: int) -> float:
    """Constant after the warm-up; a cosine to one hundredth where the run cools down."""
    fall = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, since / cool))) if cool else 1.0
    return RATE * min(1.0, (step + 1) / WARM_UP) * fall


def _options() -> argparse.Namespace:
    here = Path(__file__).parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=here / "run")
    parser.add_argument("--data", type=Path, required=True, help="folder with ac4, fib25 and cremi_b")
    parser.add_argument("--synthetic", type=Path, default=here / "synthetic")
    parser.add_argument("--from", dest="model", type=Path, help="model whose weights a new run begins with")
    parser.add_argument("--cool", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
