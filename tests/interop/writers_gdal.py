"""GDAL: sections as GeoTIFF and others."""

from programs import png_sections, run, version_of
from writers_kit import dialect, main


def sections(name, *options, suffix="tif", dtype="uint8"):
    @dialect("sections", name, dtype=dtype)
    def write(folder):
        (folder / "out").mkdir()
        for z, file in enumerate(png_sections(folder, dtype)):
            run("gdal_translate", "-q", *options, file, folder / "out" / f"s{z}.{suffix}")
        return folder / "out"


sections("GeoTIFF")
sections("GeoTIFF, with a place", "-a_ullr", "0", "33", "49", "0", "-a_srs", "EPSG:3857")
sections("cloud-optimised", "-of", "COG")
sections("no-data value", "-a_nodata", "0")
sections("PNG", "-of", "PNG", suffix="png")
tiled = ("-co", "TILED=YES", "-co", "COMPRESS=DEFLATE", "-co", "PREDICTOR=2")
sections("tiles, deflate, predictor", *tiled, dtype="uint16")
sections("JPEG 2000", "-of", "JP2OpenJPEG", "-co", "REVERSIBLE=YES", "-co", "QUALITY=100", suffix="jp2")


@dialect("TIFF", "subdatasets")
def subdatasets(folder):
    for z, file in enumerate(png_sections(folder)):
        more = ["-co", "APPEND_SUBDATASET=YES"] if z else []
        run("gdal_translate", "-q", *more, file, folder / "a.tif")
    return folder / "a.tif"


main("GDAL", version_of("gdal_translate", "--version"))
