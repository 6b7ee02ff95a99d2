"""ImageJ on TIFF: values, size and place as its window shows them. It is the package `imagej` of Debian and Ubuntu.

It takes whole numbers of 32 bits for signed ones and shows them as floats: ids are exact up to 2^24, and negative from
2^31 on.
"""

import subprocess
import tempfile
from pathlib import Path

import numpy as np
from readers_kit import Truth, Wrong, in_nm, main

JAR = "/usr/share/java/ij.jar"

MACRO = """
parts = split(getArgument(), "|");
if (parts[0] == "version") print(getVersion());
else {
    if (endsWith(parts[0], ".tif")) open(parts[0]); else run("Image Sequence...", "open=[" + parts[0] + "/] sort");
    getVoxelSize(width, height, depth, unit);
    x = 0; y = 0; z = 0;
    toScaled(x, y, z);
    getDimensions(columns, rows, channels, slices, frames);
    print(slices + " " + rows + " " + columns);
    print(d2s(depth, 9) + " " + d2s(height, 9) + " " + d2s(width, 9));
    print(d2s(z, 9) + " " + d2s(y, 9) + " " + d2s(x, 9));
    print(unit);
    saveAs("Raw Data", parts[1]);
}
run("Quit");
"""


def run(argument: str, folder: str) -> list[str]:
    macro = Path(folder) / "read.ijm"
    macro.write_text(MACRO, "utf-8")
    java = ["xvfb-run", "-a", "java", "-Xmx512m", "-Dfile.encoding=UTF-8", "-jar", JAR, "-ijpath", folder]
    said = subprocess.run([*java, "-batch", str(macro), argument], capture_output=True, encoding="utf-8", timeout=120)
    return said.stdout.splitlines()


def tiff(path: Path, truth: Truth) -> str:
    labels = truth.array("labels32")
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "values.raw"
        shape, size, place, unit = run(f"{path}|{raw}", folder)
        values = np.fromfile(raw, ">f4")
    said = truth.check_stated(*(in_nm([float(n) for n in text.split()], [unit] * 3) for text in (size, place)))
    if shape.split() != [str(n) for n in labels.shape]:
        raise Wrong(f"shape {shape} for {labels.shape}")
    if not np.array_equal(values, labels.astype(np.int32).astype(np.float32).ravel()):
        raise Wrong("values are others")
    return " ".join(["v as floats,", *said])


with tempfile.TemporaryDirectory() as empty:
    main("ImageJ", {"TIFF": tiff, "TIFF series": tiff}, run("version", empty)[0])
