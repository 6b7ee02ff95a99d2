"""hdf5storage: files of MATLAB 7.3, whose axes are y, x, z."""

import hdf5storage
from writers_kit import dialect, greys, main


@dialect("MATLAB 7.3", "y, x, z")
def matlab(folder):
    hdf5storage.savemat(str(folder / "a.mat"), {"em": greys().transpose(1, 2, 0)}, format="7.3")
    return folder / "a.mat"


main("hdf5storage", hdf5storage.__version__)
