"""Programs that are killed while they edit, export, save and keep; a thousand of them: benchmarks/kills.py."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = Path(__file__).parents[1] / "benchmarks" / "kills.py"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="programs are forked to be killed")
def test_forty_kills():
    """All kinds but those that take seconds each, which are killed in tests of their own."""
    command = [sys.executable, str(KILLS), "--kills", "40", "--only", "^(?!run by|fine)"]
    paths = os.pathsep.join(path for path in sys.path if path)
    found = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr
