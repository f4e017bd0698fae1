"""The text alternative of a figure reaches the notebook."""

import matplotlib.pyplot as plt
import pytest

from aelab import plots


def test_the_description_is_stored_beside_the_picture():
    formatters = pytest.importorskip("IPython.core.formatters")
    pylabtools = pytest.importorskip("IPython.core.pylabtools")
    figure, _ = plt.subplots()
    plots.describe(figure, "First.")
    plots.describe(figure, "Second.", title="A\ntitle")
    formatter = formatters.DisplayFormatter()
    png = formatter.formatters["image/png"]
    png.for_type(type(figure), lambda f: pylabtools.print_figure(f, base64=True))
    data, metadata = formatter.format(figure)
    plt.close(figure)
    assert data["image/png"]
    assert metadata["image/png"] == {"alt": "A title. Second."}
