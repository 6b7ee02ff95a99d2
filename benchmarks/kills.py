"""Programs that are killed (kill -9) at random moments, and what the next start finds.

    python benchmarks/kills.py [--kills 1000] [--seed 0] [--only edits]

Half of them are killed after a random time, half just before a random change to the disk. After each, the next start is
looked at: no acknowledged edit is lost, no name is blocked, nothing is left over, and what was there is old or new and
can be read.
"""

import argparse
import re
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from killed_works import WORKS
from killing import run_trials

MEMORY = Path("/dev/shm")
"""Folder in which it is done if there is one; --folder names another disk."""


def main() -> int:
    options = _options()
    began, kills, faults = time.monotonic(), 0, []
    print(f"{'work':<40}{'killed':>8}{'ended':>8}{'faults':>8}{'seconds':>9}")
    for work, share in WORKS:
        if not re.search(options.only, work.name):
            continue
        start = time.monotonic()
        with TemporaryDirectory(dir=options.folder) as folder:
            tally = run_trials(work, Path(folder) / "a", round(options.kills * share), options.seed)
        kills, faults = kills + tally.kills, faults + tally.faults
        seconds = time.monotonic() - start
        print(f"{work.name:<40}{tally.kills:>8}{tally.ended:>8}{len(tally.faults):>8}{seconds:>9.0f}", flush=True)
    print(f"{'all':<40}{kills:>8}{'':>8}{len(faults):>8}{time.monotonic() - began:>9.0f}")
    print(*faults, sep="\n")
    return bool(faults)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=MEMORY if MEMORY.is_dir() else None, help="where it is done")
    parser.add_argument("--only", default="", help="pattern of the names of the works to kill")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
