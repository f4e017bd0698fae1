"""Settings of every test: quick, without a network, the same on every machine."""

import math
import os
import socket
import time
from queue import Empty

import nbval.plugin
import pytest

# Before anything imports Keras; the kernels of the notebooks inherit them.
SETTINGS = {
    "KERAS_BACKEND": "tensorflow",
    "AELAB_BUDGET": "quick",
    "AELAB_DATASET": "glyphs",
    "MPLBACKEND": "Agg",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # Two threads, which sleep while they wait: on a machine with other work to do,
    # threads that spin in wait for each other can cost ten times the time.
    "OMP_NUM_THREADS": "2",
    "OMP_WAIT_POLICY": "PASSIVE",
    "KMP_BLOCKTIME": "0",
    "TF_NUM_INTRAOP_THREADS": "2",
    "TF_NUM_INTEROP_THREADS": "2",
    "NPROC": "2",  # XLA's
}
for variable, value in SETTINGS.items():
    os.environ.setdefault(variable, value)
# Given from here, while lessons run in their own folder. Without aelab's own function:
# on Colab a lesson's first cell has yet to install the package.
if os.environ.get("AELAB_DATA"):
    os.environ["AELAB_DATA"] = os.path.abspath(
        os.path.expanduser(os.environ["AELAB_DATA"])
    )


class WatchedKernel(nbval.plugin.RunningKernel):
    """A notebook's kernel whose death is noticed at once, not after the timeout."""

    def get_message(self, stream, timeout=None):
        deadline = time.monotonic() + (math.inf if timeout is None else timeout)
        while True:
            left = deadline - time.monotonic()
            try:
                return super().get_message(stream, timeout=max(0, min(1, left)))
            except Empty:
                if not self.is_alive():
                    raise RuntimeError(
                        "the kernel died, as it does where memory runs out"
                    ) from None
                if left <= 1:
                    raise


nbval.plugin.RunningKernel = WatchedKernel


def pytest_collectstart(collector):
    """Error streams and pages differ between machines: nbval compares text alone."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("stderr", "text/html", "text/markdown")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Remember which notebooks broke: by anything but a claim that does not hold."""
    report = yield
    if report.failed and isinstance(item, nbval.plugin.IPyNbCell):
        item.parent.broken = "AssertionError" not in str(report.longrepr)
    return report


def pytest_runtest_setup(item):
    """Where a cell broke, skip those below it: they would fail for want of it."""
    if getattr(item.parent, "broken", False):
        pytest.skip("a cell above it failed")


@pytest.fixture(autouse=True)
def no_network(request, monkeypatch):
    """Let nothing but this machine be reached from a test of the package."""
    if request.node.path.suffix == ".ipynb":
        return
    connect = socket.socket.connect

    def local_only(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = address[0]
            if host not in ("127.0.0.1", "::1", "localhost"):
                raise OSError(f"a test tried to reach {host}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", local_only)


@pytest.fixture(scope="session")
def x():
    """300 glyphs: float32 in [0, 1], shape (300, 28, 28, 1). Read-only."""
    from aelab.data import glyphs

    images = glyphs.draw(300, seed=3).images
    images.flags.writeable = False
    return images
