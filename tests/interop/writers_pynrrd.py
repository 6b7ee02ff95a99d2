"""pynrrd: encodings, and every way to state size, place and axes."""

import nrrd
import numpy as np
from writers_kit import PLACE, SIZE, dialect, greys, main

SPACINGS = {"spacings": [n / 1000 for n in SIZE[::-1]], "units": ["um"] * 3}
DIRECTIONS = {"space dimension": 3, "space directions": np.diag(SIZE[::-1]), "space units": ["nm"] * 3}


def save(name, header, suffix=".nrrd", values=None, **facts):
    @dialect("NRRD", name, **{"size": True} | facts)
    def write(folder):
        given = greys(facts.get("dtype", "uint8")).T if values is None else values
        nrrd.write(str(folder / f"a{suffix}"), given, header, detached_header=suffix == ".nhdr")
        return folder / f"a{suffix}"


for encoding in ("raw", "gzip", "bzip2", "ascii"):
    save(encoding, SPACINGS | {"encoding": encoding})
for dtype in ("uint16", "int16", "float32"):
    save(dtype, SPACINGS, dtype=dtype)
save("big-endian", SPACINGS | {"endian": "big"}, dtype="int16")
save("two files", SPACINGS, ".nhdr")
save("directions", DIRECTIONS)
save("directions and origin", DIRECTIONS | {"space origin": PLACE[::-1]}, place=True)
save("no unit", {"spacings": SIZE[::-1]}, size=False)
turned = {"labels": ["z", "y", "x"], "spacings": list(SIZE), "units": ["nm"] * 3}
save("labels z, y, x", turned, values=greys())
main("pynrrd", nrrd.__version__)
