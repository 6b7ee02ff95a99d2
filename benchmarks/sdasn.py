"""SDASN on optical volumes: Dice on synthetic ones, and seconds beside a plain 3D U-Net of three levels.

    python benchmarks/sdasn.py CHECKPOINT [--seeds 3] [--side 300] [--unet-side 100] [--runs 3] [--picture OUT.png]

Dice: voxels found at the card's threshold against the hidden truth of synthetic volumes. Seconds: prediction alone, of
cubes of noise, by the same tiles for both networks, in fp32 and, where the CPU multiplies in it, in bf16. The U-Net has
32, 64 and 128 maps, two convolutions to a level, BatchNorm and ReLU (Cicek et al., MICCAI 2016, with fewer levels) and
random weights, as speed does not depend on them. It is measured on a smaller cube, as it takes long: one of 100 voxels
takes a tile of 124, and one of 300 takes 27 of them, so that seconds per megavoxel may be compared.
"""

import argparse
import platform
import statistics
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from napari_emcad.core.geometry import Box
from napari_emcad.core.neurites import dice
from napari_emcad.core.progress import drive
from napari_emcad.core.synthetic.optical import synthetic_optical
from napari_emcad.core.wording import shape_text
from napari_emcad.inference import predict_by_tiles
from napari_emcad.inference.engines.device import Device, multiplies_bf16, reuse_memory
from napari_emcad.inference.normalisation import Normalisation
from napari_emcad.inference.predict_foreground import predict_foreground
from napari_emcad.inference.prediction import Prediction
from napari_emcad.networks.checkpoint import load_foreground
from napari_emcad.networks.sdasn import BLACK, WHITE, SdasnConfig
from napari_emcad.optical import find_neurites

SDASN, CPU = "SDASN, fp32", Device("cpu", "CPU")

SHAPE = (64, 160, 160)
"""Of the synthetic volumes that Dice is told for."""


class UNet(nn.Module):
    """A plain 3D U-Net; its tiles are those of SDASN."""

    def __init__(self, maps: tuple[int, int, int] = (32, 64, 128)):
        super().__init__()
        self.config = SdasnConfig()
        self.down = nn.ModuleList([_convs(a, b, b) for a, b in pairwise((1, *maps))])
        self.up = nn.ModuleList([nn.ConvTranspose3d(b, b, 2, stride=2) for b in maps[:0:-1]])
        self.merge = nn.ModuleList([_convs(a + b, a, a) for a, b in reversed(list(pairwise(maps)))])
        self.head = nn.Conv3d(maps[0], 1, 1)

    def forward(self, crops: Tensor) -> Tensor:
        """(n, 1, z, y, x) -> logits (n, 1, z, y, x)."""
        skips, x = [], self.down[0](crops)
        for convs in self.down[1:]:
            skips.append(x)
            x = convs(nn.functional.max_pool3d(x, 2))
        for up, merge in zip(self.up, self.merge, strict=True):
            x = merge(torch.cat([skips.pop(), up(x)], dim=1))
        return self.head(x)


def main() -> None:
    options = _options()
    reuse_memory()
    pictures = [_dice(options.checkpoint, seed) for seed in range(options.seeds)]
    if options.picture:
        _save(options.picture, pictures)
    sdasn = load_foreground(options.checkpoint)[0]
    rows = {SDASN: (sdasn, options.side, torch.float32)}
    if multiplies_bf16(CPU):
        rows["SDASN, bf16"] = sdasn, options.side, torch.bfloat16
    rows["3D U-Net, 32-64-128 maps"] = UNet().eval(), options.unet_side, torch.float32
    seconds = {name: [] for name in rows}
    for _ in range(options.runs):
        for name, of in rows.items():
            seconds[name].append(_seconds(*of))
    _table(rows, {name: statistics.median(times) for name, times in seconds.items()}, options.runs)


def _dice(checkpoint: Path, seed: int) -> np.ndarray:
    """Print the scores of one volume; its maximum projections side by side: raw, truth, probability."""
    volume = synthetic_optical(SHAPE, seed)
    found = find_neurites(volume.raw, str(checkpoint), device="cpu", min_size=0)
    mine, truth = found.labels > 0, volume.labels > 0
    both = (mine & truth).sum()
    print(
        f"synthetic {shape_text(SHAPE)}, seed {seed}: Dice {dice(mine, truth):.3f}, "
        f"precision {both / mine.sum():.3f}, recall {both / truth.sum():.3f}, foreground {truth.mean():.2%}"
    )
    raw = (volume.raw.max(0).clip(100, 500) - 100.0) / 400
    return np.hstack([raw, truth.max(0), found.probability.max(0) / 255])


def _table(rows: dict[str, tuple[nn.Module, int, torch.dtype]], seconds: dict[str, float], runs: int) -> None:
    print(
        f"\n{_cpu()}, {torch.get_num_threads()} threads, torch {torch.__version__}, medians of {runs} alternating runs"
    )
    print(f"{'network':<28}{'values':>12}{'cube':>8}{'seconds':>10}{'s per megavoxel':>18}{'ratio':>8}")
    per = {name: seconds[name] / side**3 * 1e6 for name, (_, side, _) in rows.items()}
    for name, (network, side, _) in rows.items():
        values = sum(v.numel() for v in network.state_dict().values())
        ratio = per[name] / per[SDASN]
        print(f"{name:<28}{values:>12,}{side:>6}^3{seconds[name]:>10.1f}{per[name]:>18.2f}{ratio:>8.1f}")


def _seconds(network, side: int, precision: torch.dtype) -> float:
    predict_by_tiles.fastest_precision = lambda *_: precision
    volume = np.random.default_rng(0).normal(120, 15, (side,) * 3).astype(np.uint16)
    out, levels = np.zeros(volume.shape, np.uint8), Normalisation(BLACK, WHITE, clips=False)
    start = time.perf_counter()
    drive(predict_foreground(network, volume, out, Prediction(Box.whole(volume.shape), levels, CPU)))
    return time.perf_counter() - start


def _convs(*maps: int) -> nn.Sequential:
    blocks = ((nn.Conv3d(a, b, 3, padding=1), nn.BatchNorm3d(b), nn.ReLU(inplace=True)) for a, b in pairwise(maps))
    return nn.Sequential(*(layer for block in blocks for layer in block))


def _cpu() -> str:
    told = Path("/proc/cpuinfo")
    names = [s for s in told.read_text().splitlines() if s.startswith("model name")] if told.is_file() else []
    return names[0].partition(":")[2].strip() if names else platform.processor()


def _save(path: Path, pictures: list[np.ndarray]) -> None:
    from skimage.io import imsave

    imsave(path, (np.kron(np.vstack(pictures), np.ones((2, 2))) * 255).astype(np.uint8), check_contrast=False)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--side", type=int, default=300)
    parser.add_argument("--unet-side", type=int, default=100)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--picture", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
