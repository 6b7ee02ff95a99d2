"""npy2bdv: BigDataViewer's HDF5 with its XML."""

from importlib.metadata import version

import npy2bdv
from writers_kit import SIZE, dialect, greys, main


def save(name, channels=1, times=1, steps=((1, 1, 1),), opened="a.h5", **facts):
    @dialect("BigDataViewer HDF5", name, dtype="uint16", size=True, **facts)
    def write(folder):
        blocks = ((4, 16, 16),) * len(steps)
        file = npy2bdv.BdvWriter(str(folder / "a.h5"), nchannels=channels, subsamp=steps, blockdim=blocks)
        for time in range(times):
            for channel in range(channels):
                is_last = (time, channel) == (times - 1, channels - 1)
                values = greys("uint16") if is_last else greys("uint16")[::-1]
                file.append_view(values, time=time, channel=channel, voxel_size_xyz=SIZE[::-1], voxel_units="nm")
        file.write_xml()
        file.close()
        return folder / opened


save("one image")
save("by its XML", opened="a.xml")
save("pyramid", steps=((1, 1, 1), (1, 2, 2)))
save("second setup", channels=2, select="[c=1]")
save("second time point", times=2, select="[t=1]")
save("second of each", channels=2, times=2, select="[c=1,t=1]")
main("npy2bdv", version("npy2bdv"))
