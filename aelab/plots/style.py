"""The look of every figure, and the words for those who cannot see it."""

from functools import partial

import matplotlib.pyplot as plt

WIDTH = 8  # inches, of a figure that fills a notebook
TALLEST = 12  # inches: a higher figure would not fit on a screen


def use_style():
    """Set the look of every figure of the course. Call it once, in the setup cell.

    Example:
        >>> use_style()
        >>> plt.rcParams["axes.titlelocation"]
        'left'
    """
    plt.rcParams.update(
        {
            "figure.figsize": (6, 3.6),
            "figure.dpi": 100,
            "savefig.dpi": 100,
            "figure.constrained_layout.use": True,
            "font.size": 10,
            "axes.titlesize": 11,
            "axes.titlelocation": "left",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.alpha": 0.3,
            "legend.frameon": False,
            "image.cmap": "gray",
            "image.interpolation": "nearest",
        }
    )


def describe(figure, text, title=None, add=False):
    """Give a figure its text alternative, for pages and screen readers.

    In a notebook the text is stored beside the picture, as the metadata `alt` of its
    `image/png`, from where it can be put into a page. All figures of `aelab.plots` are
    described already; call this for a figure of your own, or to say it better.

    Args:
        figure: A matplotlib Figure.
        text: What the figure shows, in one or two sentences.
        title: Put in front as a sentence of its own. Default: none.
        add: Whether the text follows that of the figure's other panels. Otherwise it
            replaces an earlier one.

    Returns:
        The figure. Its text can be read as `figure.alt_text`.

    Example:
        >>> figure, ax = plt.subplots()
        >>> describe(figure, "A parabola.", title="Falls, then rises").alt_text
        'Falls, then rises. A parabola.'
        >>> plt.close(figure)
    """
    if title:
        title = " ".join(title.split())
        text = f"{title}{'' if title[-1] in '.!?' else '.'} {text}"
    if add:
        text = f"{getattr(figure, 'alt_text', '')} {text}".strip()
    figure.alt_text = text
    # IPython asks the object itself before it draws it. The answer holds no picture, so
    # IPython draws the figure as it always does, and adds the metadata.
    figure._repr_mimebundle_ = partial(_metadata, text)
    return figure


def _metadata(text, include=None, exclude=None):
    """What `_repr_mimebundle_` answers: no data, and metadata for the picture."""
    return {}, {"image/png": {"alt": text}}
