"""Random damage in the files of sessions, and what becomes of each when it is opened: told, or silently wrong.

    python benchmarks/damaged_sessions.py [--trials 500] [--seed 0]

So many trials in the edit log alone (edits.db, edits.db-wal, edits.db-shm, edits.known), and so many in other files.
"""

import argparse
import collections
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from damaged_sessions import BAD, make_victims, trials


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verbose", action="store_true", help="print each bad outcome")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        victims = make_victims(place)
        for log_only in (True, False):
            chosen = [v for v in victims if v.files(log_only)]
            counts, kinds = collections.Counter(), collections.defaultdict(collections.Counter)
            began = time.monotonic()
            for victim in chosen:
                for trial in trials(victim, -(-options.trials // len(chosen)), options.seed, place, log_only):
                    counts[trial.outcome] += 1
                    part = trial.file if log_only else trial.file.split("/")[0]
                    kinds[f"{victim.name}: {part}"][trial.outcome] += 1
                    if options.verbose and trial.outcome in BAD:
                        print(trial)
            print(f"{'log' if log_only else 'other files'}: {dict(counts)} in {time.monotonic() - began:.0f} s")
            for kind, found in kinds.items():
                print(f"  {kind:60} {dict(found)}")


if __name__ == "__main__":
    main()
