"""Networks as diagrams, drawn with matplotlib alone."""

import re
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, PathPatch
from matplotlib.path import Path
from matplotlib.textpath import TextPath

from aelab.plots import graphs
from aelab.plots.style import WIDTH, describe

# All lengths are inches, and text sizes points.
MARGIN = 0.15
TALLEST = 1.1  # box
LARGEST_TEXT, SMALLEST_TEXT = 8.5, 6.5
LARGEST_UPRIGHT, SMALLEST_UPRIGHT = 7.5, 6
LINE_HEIGHT = 1.25 / 72  # of text, for each point of its size
LEVEL = 0.16  # from one arc to the next

FILLS = {"encoder": "#c9def0", "decoder": "#d3ebcd"}
CODE, CODE_TEXT = "#d9660c", "#9c4500"
ARROW, SKIP = "0.35", "#7a3b9a"


def architecture(model, title=None):
    """Draw a network: one box per layer, from left to right. Lesson 01.

    The taller a box, the more values it hands on (on a logarithmic scale); below it
    stand the type of the layer, the shape of its output without the batch, and its
    name, if it was given one. The code is dark. Connections that pass over boxes, such
    as the skips of a U-Net, are arcs above them; a code that they pass over is called
    a bottleneck. Layers that only reshape, crop, pad or drop out have no box, and
    activations and normalisations are named below the layer that they follow. What is
    too long for one row goes on in the next; with skips the text is turned instead, and
    beyond about 30 boxes the figure is wider than 8 inches.

    Args:
        model: A Keras model with a graph: functional, or Sequential and built. Or an
            object with two such models as `encoder` and `decoder` (an encoder with two
            outputs, as that of a VAE, is followed by a box that draws the code), or
            with one as `network` (a U-Net). Its `corruption`, if it has one, is drawn
            in front.
        title: What the figure shows.

    Returns:
        The Axes, in inches.

    Raises:
        ValueError: If the model has no graph that could be drawn.

    Example:
        >>> import keras
        >>> layers = keras.layers
        >>> model = keras.Sequential(
        ...     [keras.Input((8,)), layers.Dense(2, name="code"), layers.Dense(8)]
        ... )
        >>> architecture(model).figure.alt_text
        'A network: Input 8, Dense 2 (code), Dense 8.'
        >>> plt.close()
    """
    boxes, code = graphs.read(model)
    return _Diagram(boxes, code).draw(title)


class _Diagram:
    """Boxes on paper: first where they stand, then how they look."""

    def __init__(self, boxes, code):
        self.boxes, self.code = boxes, code
        self.columns = [[] for _ in range(1 + max(box.column for box in boxes))]
        for box in boxes:
            self.columns[box.column].append(box)
        self.skips = graphs.skips(boxes)
        self.levels = _levels(self.skips)
        self.is_passed = code is not None and graphs.is_passed(code, boxes)
        self.mark = "bottleneck" if self.is_passed else "code"
        self.choose_rows()
        self.choose_heights()

    def draw(self, title):
        """Draw everything.

        Args:
            title: String or None.

        Returns:
            The Axes.
        """
        title_height = 0.35 if title else 0.05
        height = title_height + sum(self.row_heights)
        figure = plt.figure(figsize=(self.width, height), layout="none")
        self.ax = figure.add_axes((0, 0, 1, 1))
        self.ax.set(xlim=(0, self.width), ylim=(0, height))
        self.ax.axis("off")
        if title:
            self.ax.text(MARGIN, height - 0.1, title, fontsize=11, va="top", wrap=True)
        self.place_boxes(top=height - title_height)
        for box in self.boxes:
            self.draw_box(box)
            self.draw_label(box)
            for parent in box.parents:
                if (parent, box) in self.skips:
                    self.draw_skip(parent, box)
                else:
                    self.draw_arrow(parent, box)
        if self.code is not None and not self.is_passed and not self.upright:
            self.draw_mark()
        for row, bottom in zip(self.rows, self.bottoms, strict=True):
            self.draw_parts(row, bottom)
        describe(figure, self.words(), title=title)
        return self.ax

    # Where things stand.

    def choose_rows(self):
        """Set `rows` of columns, the `pitch` from box to box, and the text's size."""
        n = len(self.columns)
        self.upright = False
        self.width = WIDTH
        widest = max(map(self.label_width, self.boxes))
        middle = n // 2 if self.code is None else self.code.column + 1
        ways = [[n], [middle, n]]  # one row, or a row for each half; then even rows
        for n_rows in range(3, n + 1):
            ways.append([round(n * (i + 1) / n_rows) for i in range(n_rows)])
        for ends in ways[:1] if self.skips else ways:
            starts = [0, *ends[:-1]]
            self.rows = [
                range(start, end)
                for start, end in zip(starts, ends, strict=True)
                if end > start
            ]
            self.pitch = min((WIDTH - 2 * MARGIN) / max(map(len, self.rows)), 1.1)
            self.text_size = min(LARGEST_TEXT, 0.9 * self.pitch / widest)
            if self.text_size >= SMALLEST_TEXT:
                return
        if self.skips:  # arcs stay in their row, so the text must be turned
            self.upright = True
            lines = 0.5 + max(len(self.lines(box)) for box in self.boxes)
            fits = self.pitch / (lines * LINE_HEIGHT)
            self.text_size = np.clip(fits, SMALLEST_UPRIGHT, LARGEST_UPRIGHT)
            self.pitch = max(self.pitch, lines * self.text_size * LINE_HEIGHT)
            self.width = n * self.pitch + 2 * MARGIN

    def choose_heights(self):
        """Set the heights of each row and of what it is made of, from top to bottom."""
        self.arcs = 0.24 + LEVEL * max(self.levels, default=0)
        self.label_heights, self.zones, self.row_heights = [], [], []
        for row in self.rows:
            columns = [self.columns[column] for column in row]
            boxes = [box for column in columns for box in column]
            if self.upright:
                label = self.text_size * max(map(self.label_width, boxes))
            else:
                lines = max(len(self.lines(box)) for box in boxes)
                label = lines * self.text_size * LINE_HEIGHT
            # Boxes and labels; where boxes stand above each other, so do the labels.
            most = max(map(len, columns))
            zone = max(TALLEST + label + 0.12, most * (label + 0.42))
            self.label_heights.append(label)
            self.zones.append(zone)
            self.row_heights.append(self.arcs + zone + 0.38)

    def place_boxes(self, top):
        """Set the middle `x`, `y` and the `height` of each box, and its `label_y`."""
        self.x, self.y = {}, {}
        self.height, self.label_y = {}, {}
        self.box_width = min(0.5 * self.pitch, 0.4)
        self.row_of, self.bottoms = {}, []  # a bottom is where the labels end
        logs = np.log([box.size for box in self.boxes])
        # Sizes that hardly differ are drawn with hardly different heights.
        span = max(np.ptp(logs), np.log(30))
        left = (self.width - self.pitch * max(map(len, self.rows))) / 2
        for i, row in enumerate(self.rows):
            row_top = top - sum(self.row_heights[:i]) - self.arcs
            self.bottoms.append(row_top - self.zones[i])
            for column in row:
                stacked = self.columns[column]
                slot = self.zones[i] / len(stacked)
                room = slot - self.label_heights[i] - 0.12
                for j, box in enumerate(stacked):
                    fraction = 1 - (logs.max() - np.log(box.size)) / span
                    slot_top = row_top - j * slot
                    self.row_of[box] = i
                    self.x[box] = left + (column - row[0] + 0.5) * self.pitch
                    self.y[box] = slot_top - room / 2
                    self.height[box] = TALLEST * (0.2 + 0.8 * fraction)
                    self.label_y[box] = slot_top - room - 0.06
                    if len(stacked) > 1:  # the label stands close to its box
                        self.height[box] = min(self.height[box], room)
                        self.label_y[box] += (room - self.height[box]) / 2

    # What is written.

    def lines(self, box):
        """The lines below a box, as pairs of a text and its style."""
        bold, grey = {"weight": "bold"}, {"color": "0.3"}
        marked = {"color": CODE_TEXT, **bold}
        notes = [f"+ {note}" for note in box.notes]
        if box.optional:
            notes.append("in training")
        if self.upright:
            second = " ".join(filter(None, [_shape_text(box), box.own_name, *notes]))
            if box is self.code:
                return [(f"{box.kind}: {self.mark}", marked), (second, {})]
            return [(box.kind, bold), (second, {})]
        lines = [(word, bold) for word in _words_of(box.kind)]
        lines.append((_shape_text(box), {}))
        if box.own_name:
            lines.append((box.own_name, {"style": "italic", **grey}))
        lines += [(word, grey) for note in notes for word in _words_of(note)]
        if box is self.code and self.is_passed:
            lines.append((self.mark, marked))
        return lines

    def label_width(self, box):
        """Inches that the longest line below a box takes, for each point of size."""
        widths = []
        for text, style in self.lines(box):
            font = {"weight": style.get("weight", "normal"), "family": "sans-serif"}
            widths.append(TextPath((0, 0), text, size=72, prop=font).get_extents().x1)
        return max(widths) / 72 / 72

    def words(self):
        """The text alternative."""
        told = []
        for box in self.boxes:
            mark = f" ({self.mark})" if box is self.code else ""
            told.append(f"{box.kind} {_shape_text(box)}{mark}")
        text = f"A network: {', '.join(told)}."
        if self.skips:
            pairs = [f"from {start.name} to {end.name}" for start, end in self.skips]
            text += f" Skip connections: {', '.join(pairs)}."
        return text

    # What is drawn.

    def draw_box(self, box):
        fill = FILLS.get(box.part, "0.92")
        if box is self.code:
            fill = CODE
        elif not box.parents or box.optional:
            fill = "white"
        corner = (
            self.x[box] - self.box_width / 2,
            self.y[box] - self.height[box] / 2,
        )
        self.ax.add_patch(
            FancyBboxPatch(
                corner,
                self.box_width,
                self.height[box],
                boxstyle="round,pad=0,rounding_size=0.04",
                facecolor=fill,
                edgecolor=ARROW,
                linestyle="--" if box.optional else "-",
                gid=f"box {box.name}",
            )
        )

    def draw_label(self, box):
        lines = self.lines(box)
        step = self.text_size * LINE_HEIGHT
        write = partial(self.ax.text, ha="center", va="top", fontsize=self.text_size)
        for i, (text, style) in enumerate(lines):
            if self.upright:
                x = self.x[box] + (i - (len(lines) - 1) / 2) * step
                write(x, self.label_y[box], text, rotation=90, **style)
            else:
                write(self.x[box], self.label_y[box] - i * step, text, **style)

    def draw_mark(self):
        """The word above the code."""
        y = self.y[self.code] + self.height[self.code] / 2 + 0.04
        style = {"fontsize": 9, "weight": "bold", "color": CODE_TEXT}
        self.ax.text(self.x[self.code], y, self.mark, ha="center", va="bottom", **style)

    def draw_arrow(self, start, end):
        x_0, y_0 = self.x[start] + self.box_width / 2, self.y[start]
        x_1, y_1 = self.x[end] - self.box_width / 2, self.y[end]
        corners = [(x_0, y_0), (x_1, y_1)]
        if self.row_of[start] != self.row_of[end]:
            # Around the end of one row, below its brackets, to the start of the next.
            right = self.x[start] + 0.48 * self.pitch
            left = self.x[end] - 0.48 * self.pitch
            y = self.bottoms[self.row_of[start]] - 0.34
            corners[1:1] = [(right, y_0), (right, y), (left, y), (left, y_1)]
        self.draw_path(corners, ARROW, gid=f"arrow {start.name} to {end.name}")

    def draw_skip(self, start, end):
        level = self.levels[self.skips.index((start, end))]
        highest = max(self.y[box] + self.height[box] / 2 for box in self.boxes)
        y = highest + 0.02 + LEVEL * level
        # A little to the side, where one arc ends on a box and another begins.
        x_0 = self.x[start] + 0.2 * self.box_width
        x_1 = self.x[end] - 0.2 * self.box_width
        corners = [
            (x_0, self.y[start] + self.height[start] / 2),
            (x_0, y),
            (x_1, y),
            (x_1, self.y[end] + self.height[end] / 2),
        ]
        self.draw_path(corners, SKIP, gid=f"skip {start.name} to {end.name}")

    def draw_path(self, corners, color, gid):
        """A line through corners, with a head at its end."""
        line = PathPatch(_rounded(corners), fill=False, edgecolor=color, gid=gid)
        self.ax.add_patch(line)
        before, end = np.array(corners[-2:])
        back = 0.1 * (before - end) / np.linalg.norm(before - end)
        head = FancyArrowPatch(
            end + back,
            end,
            arrowstyle="-|>,head_length=3.5,head_width=2",
            mutation_scale=1,
            shrinkA=0,
            shrinkB=0,
            color=color,
            linewidth=0.5,
        )
        self.ax.add_patch(head)

    def draw_parts(self, row, bottom):
        """A bracket and a name below each part of a row."""
        places = {}
        for column in row:
            for box in self.columns[column]:
                if box.part is not None:
                    places.setdefault(box.part, []).append(self.x[box])
        for part, xs in places.items():
            left, right = min(xs) - 0.4 * self.pitch, max(xs) + 0.4 * self.pitch
            y = bottom - 0.06
            self.ax.plot(
                [left, left, right, right],
                [y + 0.05, y, y, y + 0.05],
                color="0.5",
                linewidth=1,
            )
            middle = (left + right) / 2
            self.ax.text(middle, y - 0.03, part, ha="center", va="top", fontsize=9)


def _levels(skips):
    """How high each arc runs: 1, or above those that it meets, short ones first."""
    levels = []
    for i, (start, end) in enumerate(skips):
        below = [
            levels[j]
            for j, (other_start, other_end) in enumerate(skips[:i])
            if other_start.column < end.column and start.column < other_end.column
        ]
        levels.append(1 + max(below, default=0))
    return levels


def _shape_text(box):
    sides = ["?" if side is None else str(side) for side in box.shape]
    return "\N{MULTIPLICATION SIGN}".join(sides) or "1"


def _words_of(kind):
    """The words of a type: Conv2DTranspose has two, and so has BatchNormalization."""
    return re.sub(r"(?<=[a-zD])(?=[A-Z][a-z]{3})", "\n", kind).split("\n")


def _rounded(corners, radius=0.07):
    """The path through a list of corners, each of them rounded off."""
    corners = np.array(corners)
    vertices, codes = [corners[0]], [Path.MOVETO]
    for before, corner, after in zip(
        corners[:-2], corners[1:-1], corners[2:], strict=True
    ):
        for neighbour, code in ((before, Path.LINETO), (after, Path.CURVE3)):
            length = np.linalg.norm(neighbour - corner)
            cut = min(radius, length / 2) / max(length, 1e-9)
            if code == Path.CURVE3:
                vertices.append(corner)
                codes.append(code)
            vertices.append(corner + cut * (neighbour - corner))
            codes.append(code)
    return Path([*vertices, corners[-1]], [*codes, Path.LINETO])
