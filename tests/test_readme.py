import re
from pathlib import Path

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.stacks.stack import open_stack

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_example_runs(tmp_path, monkeypatch, capsys):
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(example.strip().splitlines()) <= 12
    monkeypatch.chdir(tmp_path)
    found = {}
    exec(compile(example, "README.md", "exec"), found)
    assert capsys.readouterr().out.count("arand=") == 2
    with open_stack("neurons.tif") as labels:
        assert labels.array.shape == (8, 256, 256)
        assert labels.voxel_size == VoxelSize(30, 6, 6)


def test_the_quick_start_has_exactly_two_commands():
    quick_start = README.split("## Quick start")[1].split("\n## ")[0]
    commands = [c.strip() for c in re.findall(r"```\n(.*?)```", quick_start, re.DOTALL)]
    assert commands == ["python -m pip install tox && tox -e demo", "python -m pip install tox && tox"]


def test_links_lead_somewhere():
    root = Path(__file__).parents[1]
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (root / link).exists()] == []
