"""Damaged inputs of all kinds: none may end in a traceback, hang, eat memory, or be read wrong without a word.

    python benchmarks/fuzz.py [--trials 10000] [--kinds tiff zarr ...] [--seed 0] [--only NUMBER]

Each trial writes a small input, damages it at random (bytes, lengths, numbers, keys, files), and reads it in a process
with 2 GB and 20 s. `tests/fuzzing` holds the kinds, the ways to damage them and how outcomes are judged. A fault is
printed with what repeats it; the exit status is 1 if there is one. Runs on Linux.
"""

import argparse
import sys
import time
from collections import Counter, defaultdict
from contextlib import suppress
from itertools import count, islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from fuzzing.kinds import KINDS
from fuzzing.pool import run_trials
from fuzzing.trials import FAULTS, Outcome, Result, Trial

_COLUMNS = {
    "same": (Outcome.SAME,),
    "voxels": (Outcome.VALUES,),
    "stated": (Outcome.STATED,),
    "told": (Outcome.TOLD, Outcome.SENTENCE),
    **{outcome.name.lower(): (outcome,) for outcome in FAULTS},
}
"""Columns of the table: read the same, other voxels where there is no checksum, read as it now states, told."""


def main() -> int:
    options = _options()
    names = [name for name in KINDS if not options.kinds or any(name.startswith(part) for part in options.kinds)]
    if options.only is not None:
        trials = [Trial(name, options.seed, options.only) for name in names]
    else:
        trials = list(islice((Trial(name, options.seed, n) for n in count() for name in names), options.trials))
    start, counts, faults = time.monotonic(), defaultdict[str, Counter[Outcome]](Counter), list[Result]()
    with suppress(KeyboardInterrupt):  # the table of what was tried until then
        for result in run_trials(trials, options.processes):
            counts[result.trial.kind][result.outcome] += 1
            if result.outcome in FAULTS:
                faults.append(result)
            if options.verbose:
                print(_line(result), flush=True)
    _print_table(counts)
    _print_faults(faults)
    done = sum(found.total() for found in counts.values())
    print(f"{done} trials in {time.monotonic() - start:.0f} s, seed {options.seed}: {len(faults)} faults")
    return 1 if faults else 0


def _print_table(counts: dict[str, Counter[Outcome]]) -> None:
    print(f"{'kind':24}{'trials':>8}" + "".join(f"{name:>11}" for name in _COLUMNS))
    for name, found in [*counts.items(), ("all", sum(counts.values(), Counter[Outcome]()))]:
        cells = (sum(found[outcome] for outcome in column) for column in _COLUMNS.values())
        print(f"{name:24}{found.total():>8}" + "".join(f"{cell or '':>11}" for cell in cells))


def _print_faults(faults: list[Result]) -> None:
    """Print one fault of each sort, and how many are like it."""
    sorts = defaultdict[tuple[str, str], list[Result]](list)
    for fault in faults:
        sorts[fault.outcome, fault.words.partition(":")[0] + fault.words.rpartition("[")[2]].append(fault)
    for alike in sorted(sorts.values(), key=len, reverse=True):
        print(f"{len(alike):5} x {_line(alike[0])}")


def _line(result: Result) -> str:
    trial, done = result.trial, result.damage
    return (
        f"{result.outcome.upper() if result.outcome in FAULTS else result.outcome}: {trial.kind} ({done.way}, "
        f"{done.file} {done.start}-{done.stop}): {result.words}  --kinds '{trial.kind}' --seed {trial.seed} "
        f"--only {trial.number}"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--kinds", nargs="*", default=[], help="beginnings of names; left out: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="number of one trial of each kind")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--verbose", action="store_true", help="print each trial")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
