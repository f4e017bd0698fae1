"""Curves: errors and rates, one line a name."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import ticker


def training_curves(curves, title, ylabel="MSE (per pixel)", ax=None, log=True):
    """Values for each epoch, one line a name.

    Args:
        curves: Dict from a name to a sequence of values for epochs 1, 2, ..., or to
            a pair `(epochs, values)` where only some epochs are known.
        title: What the figure shows.
        ylabel: Quantity and unit.
        ax: Axes to draw in. Default: a new figure.
        log: Whether the vertical axis is logarithmic.

    Returns:
        The Axes. Pairs are drawn as points, sequences as lines.
    """
    ax = ax or plt.subplots()[1]
    for name, values in curves.items():
        if isinstance(values, tuple):
            ax.plot(*values, "o", label=name)
        else:
            ax.plot(range(1, len(values) + 1), values, label=name)
    if log:
        ax.set_yscale("log")
        _plain_log_ticks(ax.yaxis)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set(xlabel="epoch", ylabel=ylabel, title=title)
    ax.legend()
    return ax


def error_against_size(sizes, errors, title, ylabel="MSE (per pixel)", ax=None):
    """Error against the size of the code, one line a method, both axes in logs.

    Args:
        sizes: Sequence of code sizes.
        errors: Dict from the name of a method to its errors, one for each size, or
            to one number: a floor, drawn as a dashed line.
        title: What the figure shows.
        ylabel: Quantity and unit.
        ax: Axes to draw in. Default: a new figure.

    Returns:
        The Axes.
    """
    ax = ax or plt.subplots()[1]
    for name, values in errors.items():
        if np.ndim(values) == 0:
            ax.axhline(values, color="grey", linestyle="--", label=name)
        else:
            ax.plot(sizes, values, "o-", label=name)
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xticks(sizes, labels=map(str, sizes))
    _plain_log_ticks(ax.yaxis)
    ax.set(xlabel="code size (numbers an image)", ylabel=ylabel, title=title)
    ax.legend()
    return ax


def error_curves(x, curves, title, xlabel, ylabel="MSE (per pixel)", ax=None):
    """Values against a quantity, one line a name.

    Args:
        x: Sequence of numbers, for the horizontal axis.
        curves: Dict from a name to as many values.
        title: What the figure shows.
        xlabel: The quantity of `x` and its unit.
        ylabel: The quantity of the values and its unit.
        ax: Axes to draw in. Default: a new figure.

    Returns:
        The Axes.
    """
    ax = ax or plt.subplots()[1]
    for name, values in curves.items():
        ax.plot(x, values, "o-", label=name)
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    ax.set_ylim(bottom=0)
    ax.legend()
    return ax


def rate_distortion(curves, title, ax=None):
    """Error against bits, one line a method: the lower left is the better.

    Args:
        curves: Dict from the name of a method to a pair `(bits, errors)`: bits a
            pixel, and MSE per pixel.
        title: What the figure shows.
        ax: Axes to draw in. Default: a new figure.

    Returns:
        The Axes, both in logs.
    """
    ax = ax or plt.subplots()[1]
    for name, (bits, errors) in curves.items():
        ax.plot(bits, errors, "o-", label=name)
    for axis, scale in ((ax.xaxis, ax.set_xscale), (ax.yaxis, ax.set_yscale)):
        scale("log")
        _plain_log_ticks(axis)
    ax.set(xlabel="rate (bits / pixel)", ylabel="MSE (per pixel)", title=title)
    ax.legend()
    return ax


def _plain_log_ticks(axis):
    """Label a log axis with plain numbers at 1, 2 and 5 of each decade."""
    axis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(ticker.NullFormatter())
