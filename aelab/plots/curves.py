"""Curves: one line per name, told apart without colours too."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import ticker

from aelab import checks
from aelab.plots.style import describe

# Four dashes and seven markers have no common divisor: 28 lines are all different.
DASHES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
MARKED = 12  # markers on a line: more would hide its dashes


def curves(x, values, *, xlabel, ylabel, title=None, log="", ax=None):
    """Values against a quantity, one line per name. Lesson 01.

    Lines differ in colour, in dash and in marker, so that they can be told apart in a
    grey print too. An axis in logs says so in its label, and its ticks are plain
    numbers: at the powers of two if every horizontal position is one, otherwise at 1, 2
    and 5.

    Args:
        x: Numbers for the horizontal axis, or None: 1, 2, ..., n for n values, such as
            the epochs of a history.
        values: Dict from the name of a line to
            - a sequence of as many numbers as `x`; or
            - a tuple `(x_values, y_values)` of two sequences, for a line with a
              horizontal axis of its own; or
            - one number: a baseline, drawn as a horizontal dashed line.
            NaN leaves a gap.
        xlabel: The quantity on the horizontal axis, and its unit.
        ylabel: The quantity on the vertical axis, and its unit.
        title: What the figure shows.
        log: Which axes are in logs: `""`, `"x"`, `"y"` or `"xy"`.
        ax: Axes to draw in. Default: a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: If there is no line, if a line is not as long as its `x`, or if an
            axis is in logs and a number on it is not above 0.

    Example:
        >>> ax = curves(
        ...     [2, 8, 32],
        ...     {"PCA": [0.05, 0.03, 0.02], "average image": 0.07},
        ...     xlabel="code size (values per image)",
        ...     ylabel="MSE (per pixel)",
        ...     log="xy",
        ... )
        >>> [line.get_label() for line in ax.lines]
        ['PCA', 'average image']
        >>> plt.close()
    """
    checks.choice("log", log, ("", "x", "y", "xy"))
    if not isinstance(values, dict) or not values:
        raise ValueError(
            'values must be a dict from names to numbers, such as {"model": losses}. '
            f"Received: values={values!r}"
        )
    lines, baselines = {}, {}
    for name, given in values.items():
        if _is_number(given):
            baselines[name] = float(given)
        else:
            lines[name] = _points(name, given, x)
    _check_logs(lines, baselines, log)

    ax = plt.subplots(layout="constrained")[1] if ax is None else ax
    for i, (name, (line_x, line_y)) in enumerate(lines.items()):
        step = -(-len(line_x) // MARKED)
        ax.plot(
            line_x,
            line_y,
            linestyle=DASHES[i % len(DASHES)],
            marker=MARKERS[i % len(MARKERS)],
            # Lines on top of each other carry their markers at different places.
            markevery=(i % step, step) if step > 1 else None,
            markersize=5,
            label=name,
        )
    for i, (name, value) in enumerate(baselines.items()):
        grey = str(0.55 - 0.5 * i / len(baselines))  # the first one is the lightest
        dashes = (0, (6 - i % 3 * 2, 2))
        ax.axhline(value, color=grey, linestyle=dashes, linewidth=1.5, label=name)

    positions = [line_x for line_x, _ in lines.values()]
    if "x" in log:
        ax.set_xscale("log")
        _label_logs(ax.xaxis, np.concatenate(positions) if positions else [])
    elif x is None and all(line_x.dtype.kind in "iu" for line_x in positions):
        _label_counts(ax.xaxis, max(map(max, positions), default=1))
    if "y" in log:
        ax.set_yscale("log")
        _label_logs(ax.yaxis)
    ax.set(
        xlabel=xlabel + ", log scale" * ("x" in log),
        ylabel=ylabel + ", log scale" * ("y" in log),
    )
    if title:
        ax.set_title(title)
    ax.legend(handlelength=3)
    words = _words(lines, baselines, xlabel, ylabel)
    describe(ax.get_figure(root=True), words, title=title, add=True)
    return ax


def _is_number(given):
    if isinstance(given, tuple | list | dict):
        return False
    given = np.asarray(given)
    return given.ndim == 0 and np.issubdtype(given.dtype, np.number)


def _points(name, given, x):
    """The positions and the values of one line, as two arrays of the same length."""
    if isinstance(given, tuple) and len(given) == 2 and np.ndim(given[0]) == 1:
        x, given = given
    y = np.asarray(given)
    x = np.arange(1, y.size + 1) if x is None else np.asarray(x)
    numbers = all(np.issubdtype(array.dtype, np.number) for array in (x, y))
    if x.ndim != 1 or x.shape != y.shape or not x.size or not numbers:
        raise ValueError(
            f"values[{name!r}] must hold a number for each of x, or be a tuple "
            "(x_values, y_values), or one number. "
            f"Received: {y.shape} values at x of shape {x.shape}"
        )
    return x, y


def _check_logs(lines, baselines, log):
    numbers = {
        name: {"x": line_x, "y": line_y} for name, (line_x, line_y) in lines.items()
    }
    numbers |= {name: {"y": np.array(value)} for name, value in baselines.items()}
    for name, by_axis in numbers.items():
        for axis in log:
            if axis in by_axis and (by_axis[axis] <= 0).any():
                raise ValueError(
                    f"values[{name!r}] must be above 0 on the {axis} axis, which is in "
                    f"logs: drop those values, or take {axis} out of log={log!r}. "
                    f"Received: {by_axis[axis].min():g}"
                )


def _label_counts(axis, most):
    """Label an axis that counts from 1: with 1, and with round integers beyond."""
    round_ones = ticker.MaxNLocator(integer=True, steps=(1, 2, 5, 10))
    ticks = round_ones.tick_values(1, most)
    axis.set_major_locator(ticker.FixedLocator([1, *ticks[ticks > 1]]))


def _label_logs(axis, positions=()):
    """Label a log axis with plain numbers: powers of two, or 1, 2 and 5 per decade."""
    exponents = np.log2(positions) if len(positions) else np.array([0.5])
    if (exponents == np.round(exponents)).all() and np.ptp(exponents) <= 12:
        powers = np.arange(exponents.min(), exponents.max() + 1)
        axis.set_major_locator(ticker.FixedLocator(2.0**powers))
    else:
        axis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(ticker.NullLocator())


def _words(lines, baselines, xlabel, ylabel):
    """The text alternative: what each line begins and ends with."""
    told = [f"{name} from {y[0]:.3g} to {y[-1]:.3g}" for name, (_, y) in lines.items()]
    told += [f"{name} at {value:.3g}" for name, value in baselines.items()]
    return f"{ylabel} against {xlabel}: {', '.join(told)}."
