"""A misspelt parameter is an error of the type checker."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CALLS = Path(__file__).with_name("calls.py")
TOP = Path(__file__).parents[2]


@pytest.mark.slow
def test_mypy_sees_the_wrong_calls_and_no_others():
    pytest.importorskip("mypy")
    command = [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", "--follow-imports=silent", str(CALLS)]
    environment = os.environ | {"MYPYPATH": str(TOP / "src")}
    done = subprocess.run(command, cwd=TOP, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    found = {int(line.split(":")[1]) for line in done.stdout.splitlines() if ": error: " in line}
    expected = {n for n, line in enumerate(CALLS.read_text().splitlines(), 1) if line.endswith("# error")}
    assert found == expected, done.stdout
