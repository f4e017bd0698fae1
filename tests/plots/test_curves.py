"""Curves show the numbers they were given, on the axes that were asked for."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from aelab import plots


def draw(x, values, **options):
    return plots.curves(x, values, xlabel="x", ylabel="y", **options)


def labels(axis):
    """Numbers on an axis, inside its limits."""
    axis.axes.figure.canvas.draw()
    low, high = sorted(axis.get_view_interval())
    return [
        tick.label1.get_text()
        for tick in axis.get_major_ticks()
        if low <= tick.get_loc() <= high
    ]


def test_epochs_count_from_one_and_pairs_bring_their_own():
    ax = plots.curves(
        None,
        {"here": [3, 2, 1], "there": ([1, 3], [4, 5])},
        xlabel="epoch",
        ylabel="MSE (per pixel)",
        title="falls",
    )
    here, there = ax.lines
    np.testing.assert_array_equal(here.get_xydata(), [[1, 3], [2, 2], [3, 1]])
    np.testing.assert_array_equal(there.get_xydata(), [[1, 4], [3, 5]])
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["here", "there"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "MSE (per pixel)")
    assert labels(ax.xaxis) == ["1", "2", "3"]
    assert ax.get_title() == "falls"
    assert ax.figure.alt_text == (
        "falls. MSE (per pixel) against epoch: here from 3 to 1, there from 4 to 5."
    )


def test_a_single_number_is_a_dashed_line_across():
    ax = draw([0, 5], {"a": [1, 2], "least": 0.5, "most": np.float32(3)})
    _, least, most = ax.lines
    assert list(least.get_ydata()) == [0.5, 0.5]
    assert list(most.get_ydata()) == [3, 3]
    for line in (least, most):
        assert list(line.get_xdata()) == [0, 1]  # of the Axes: from side to side
        assert line.is_dashed()
        assert line.get_marker() == "None"
    looks = {(line.get_color(), line._unscaled_dash_pattern) for line in (least, most)}
    assert len(looks) == 2


def test_lines_differ_in_dash_and_marker():
    n = 28
    ax = draw([1, 2], {str(i): [i, i] for i in range(n)})
    looks = {(line.get_linestyle(), line.get_marker()) for line in ax.lines}
    assert len(looks) == n
    first, second = ax.lines[:2]
    assert first.get_linestyle() != second.get_linestyle()
    assert first.get_marker() != second.get_marker()


def test_few_points_are_all_marked_and_many_are_not():
    ax = draw(None, {"few": np.ones(12), "many": np.ones(100), "more": np.ones(100)})
    few, many, more = ax.lines
    assert few.get_markevery() is None
    assert many.get_markevery() == (1, 9)
    assert more.get_markevery() == (2, 9)


@pytest.mark.parametrize("log", ["", "x", "y", "xy"])
def test_log_is_for_the_axes_that_it_names(log):
    ax = draw([1, 10], {"a": [1, 2]}, log=log)
    assert (ax.get_xscale() == "log") == ("x" in log)
    assert (ax.get_yscale() == "log") == ("y" in log)
    assert ("log" in ax.get_xlabel()) == ("x" in log)
    assert ("log" in ax.get_ylabel()) == ("y" in log)


def test_log_axes_have_plain_numbers_at_one_two_and_five():
    ax = draw([0.03, 3, 12], {"a": [0.02, 0.001, 0.3]}, log="xy")
    assert labels(ax.yaxis) == [
        *("0.001", "0.002", "0.005", "0.01", "0.02", "0.05", "0.1", "0.2")
    ]
    assert labels(ax.xaxis) == ["0.05", "0.1", "0.2", "0.5", "1", "2", "5", "10"]
    assert len(ax.yaxis.get_minorticklocs()) == 0


def test_log_axes_of_a_narrow_range_still_have_numbers():
    ax = draw([1, 2], {"a": [0.0118, 0.0172]}, log="y")
    assert len(labels(ax.yaxis)) >= 3


def test_powers_of_two_are_labelled_as_such():
    ax = draw([2, 8, 64], {"PCA": [3, 2, 1], "floor": 0.5}, log="xy")
    assert labels(ax.xaxis) == ["2", "4", "8", "16", "32", "64"]


def test_axes_handed_in_are_used_and_described():
    figure, (left, right) = plt.subplots(1, 2)
    assert draw([1], {"a": [1]}, title="Left", ax=left) is left
    assert draw([1], {"b": [2]}, title="Right.", ax=right) is right
    assert plt.get_fignums() == [figure.number]
    assert figure.alt_text == (
        "Left. y against x: a from 1 to 1. Right. y against x: b from 2 to 2."
    )


@pytest.mark.parametrize(
    ("x", "values", "log", "message"),
    [
        ([1, 2], {"a": [1, 2, 3]}, "", r"values\['a'\].*\(3,\) values at x of shape"),
        ([1, 2], {"a": ([1, 2, 3], [1, 2])}, "", r"\(2,\) values at x of shape \(3,\)"),
        ([1, 2], {"a": [[1, 2], [1, 2]]}, "", r"\(2, 2\) values"),
        ([1, 2], {"a": ["1", "2"]}, "", "must hold a number"),
        (None, {"a": None}, "", "must hold a number"),
        (None, {"a": []}, "", "must hold a number"),
        (None, {}, "", "must be a dict"),
        (None, [1, 2], "", "must be a dict"),
        ([1, 2], {"a": [1, 0]}, "y", r"values\['a'\] must be above 0 on the y axis"),
        ([0, 2], {"a": [1, 1]}, "x", "above 0 on the x axis"),
        ([1, 2], {"a": [1, 1], "floor": 0}, "y", r"values\['floor'\]"),
        ([1, 2], {"a": [1, 1]}, "yx", "log must be one of"),
        ([1, 2], {"a": [1, 1]}, True, "log must be one of"),
    ],
)
def test_errors_name_the_line_and_leave_no_figure(x, values, log, message):
    with pytest.raises(ValueError, match=message):
        draw(x, values, log=log)
    assert plt.get_fignums() == []


def test_gaps_are_allowed_in_logs_too():
    ax = draw(None, {"a": [1.0, np.nan, 3.0]}, log="y")
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [1, np.nan, 3])
