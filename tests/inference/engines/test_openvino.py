import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from drawings import STUDENTS, uneven

from napari_emcad.core.errors import UserError
from napari_emcad.inference.engines import extras
from napari_emcad.inference.engines.device import Device
from napari_emcad.inference.engines.openvino import OpenVinoEngine

pytestmark = pytest.mark.skipif(not extras.has_openvino(), reason=extras.install_command("openvino"))
DEVICE = Device("cpu", "CPU by OpenVINO", engine="openvino")


@pytest.fixture
def openvino():
    """Never imported by its name alone: it would report that."""
    return extras.import_openvino()


@pytest.fixture
def affinities(predicted):
    return partial(predicted, device=DEVICE)


def no_conversion(*_, **__):
    pytest.fail("converted again")


@pytest.mark.parametrize("student", STUDENTS, indirect=True)
@pytest.mark.parametrize(("shape", "tile"), [((3, 17, 31), None), ((2, 33, 609), 61), ((1, 301, 323), 162)])
def test_it_gives_what_torch_gives(affinities, predicted, shape, tile):
    volume = uneven(shape)
    np.testing.assert_allclose(affinities(volume, tile=tile), predicted(volume, tile=tile), atol=1.01)


def test_features_stay_valid(student):
    engine = OpenVinoEngine(student)
    first = engine.encode(np.zeros((16, 32), np.float32))
    kept = [values.copy() for values in first]
    engine.encode(np.ones((16, 32), np.float32))
    for values, before in zip(first, kept, strict=True):
        np.testing.assert_array_equal(values, before)


def test_a_network_is_exported_once(affinities, cache, openvino, monkeypatch):
    volume = uneven((2, 16, 20))
    expected = affinities(volume)
    assert sorted(p.suffix for p in (cache / "openvino").iterdir()) == [".bin", ".bin", ".xml", ".xml"]
    monkeypatch.setattr(openvino, "convert_model", no_conversion)
    np.testing.assert_array_equal(affinities(volume), expected)


@pytest.mark.parametrize("content", [b"", b"<net"])
def test_a_damaged_export_is_made_again(affinities, cache, content):
    volume = uneven((2, 16, 20))
    expected = affinities(volume)
    for file in (cache / "openvino").glob("*.xml"):
        file.write_bytes(content)
    np.testing.assert_array_equal(affinities(volume), expected)
    assert all(file.stat().st_size > 1000 for file in (cache / "openvino").glob("*.xml"))


def test_without_room_for_exports_it_works_all_the_same(affinities, cache):
    volume = uneven((2, 16, 20))
    cache.write_text("no folder")
    assert affinities(volume).any()
    assert cache.read_text() == "no folder"


def test_a_save_that_fails_leaves_nothing(affinities, cache, openvino, monkeypatch):
    def full(_, path, **__):
        path.write_text("half")
        raise RuntimeError("No space left on device")

    monkeypatch.setattr(openvino, "save_model", full)
    assert affinities(uneven((2, 16, 20))).any()
    assert list((cache / "openvino").iterdir()) == []


def test_where_it_is_missing_the_command_is_told(student, monkeypatch):
    monkeypatch.setattr(extras, "has_openvino", lambda: False)
    with pytest.raises(UserError) as error:
        OpenVinoEngine(student)
    assert str(error.value) == (
        'device: OpenVINO is not installed; install it with: python -m pip install "napari-emcad[openvino]", '
        "or choose auto or cpu."
    )


def test_it_tells_its_makers_nothing():
    code = """
        import sys
from functools import partial
        from napari_emcad.inference.engines.extras import import_openvino
        import_openvino().convert_model
        assert sys.modules["openvino_telemetry"] is None
    """
    subprocess.run([sys.executable, "-c", "\n".join(line.strip() for line in code.splitlines())], check=True)
