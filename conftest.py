"""Settings of every test: quick, without a network, the same on every machine."""

import os
import socket
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("AELAB_BUDGET", "quick")
os.environ.setdefault("AELAB_DATASET", "glyphs")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path[:0] = [str(ROOT / "notebooks"), str(ROOT / "benchmarks")]


def pytest_collectstart(collector):
    """Error streams and pages differ between machines: nbval compares text alone."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("stderr", "text/html", "text/markdown")


@pytest.fixture(autouse=True)
def no_network(request, monkeypatch):
    """Let nothing but this machine be reached from a test of the package."""
    if request.node.fspath.ext == ".ipynb":
        return
    connect = socket.socket.connect

    def local_only(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = address[0]
            if host not in ("127.0.0.1", "::1", "localhost"):
                raise OSError(f"a test tried to reach {host}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", local_only)
