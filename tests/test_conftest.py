"""What conftest.py adds to nbval: deaths noticed at once, failures reported once."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from nbformat import v4

CONFTEST = Path(__file__).parent.parent / "conftest.py"


def test_broken_and_dead_notebooks_are_reported_once_and_at_once(tmp_path):
    cells = {
        "broken": ["assert 1 > 2", "import time; time.sleep(2.5)", "1 / 0", "2", "3"],
        "dead": ["import os; os._exit(1)", "4"],
        "fine": [
            "import os",
            "assert os.environ['OMP_WAIT_POLICY'] == 'PASSIVE'",
            "assert os.path.isabs(os.environ['AELAB_DATA'])",
        ],
    }
    for name, sources in cells.items():
        book = v4.new_notebook(cells=[v4.new_code_cell(text) for text in sources])
        nbformat.write(book, tmp_path / f"{name}.ipynb")
    shutil.copy(CONFTEST, tmp_path)
    options = ["--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=120"]
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "--color=no", *options, "."],
        cwd=tmp_path,
        env={**os.environ, "AELAB_DATA": "lab"},
        capture_output=True,
        text=True,
    )
    assert time.monotonic() - began < 100
    outcomes = {}
    for line in re.finditer(
        r"^(\w+)\W+ipynb::Cell \d+ (\w+)", done.stdout, re.MULTILINE
    ):
        outcomes.setdefault(line[1], []).append(line[2])
    assert outcomes == {
        "broken": ["FAILED", "PASSED", "FAILED", "SKIPPED", "SKIPPED"],
        "dead": ["FAILED", "SKIPPED"],
        "fine": ["PASSED", "PASSED", "PASSED"],
    }
    assert "the kernel died" in done.stdout
