"""Charts of the keypoint vocabularies: where each index is on a person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from PIL import Image

from mmsapiens.keypoints.keypoint_sets import KEYPOINT_SETS, KeypointSet, get_keypoint_set
from .chart_parts import CHARTS, PARTS, frame, links_to_draw, select
from mmsapiens.visualization.keypoints import GROUP_COLORS, group_of_each
from .label_placement import place_labels
from .template_layout import layout, sketch

DPI = 100
FONT_PX = 14
DIGIT_WH = (0.64, 0.8)
"""Size of a digit as a share of the font size."""
TEXT_SHADE = 0.6
LEADER_PX = 26
LINE_STEP_PX = 3
COLORS = 256

Color = tuple[float, ...] | str


class _Chart:
    """A figure whose coordinates are pixels from the upper left corner."""

    def __init__(self, vocabulary: KeypointSet, part: str) -> None:
        self.vocabulary = vocabulary
        self.part = part
        self.scale = PARTS[part].scale
        self.box = frame(vocabulary, part)
        self.size_wh = np.round((self.box[2:] - self.box[:2]) * self.scale)
        self.points = self.to_pixels(layout(vocabulary.name))
        self.labelled = [] if PARTS[part].zooms else select(vocabulary, part)
        self.groups = group_of_each(vocabulary)
        self.lines: list[np.ndarray] = []
        self.figure = Figure(figsize=tuple(self.size_wh / DPI), dpi=DPI)
        self.canvas = FigureCanvasAgg(self.figure)
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set_axis_off()
        self.axes.set_xlim(0, self.size_wh[0])
        self.axes.set_ylim(self.size_wh[1], 0)

    def to_pixels(self, points: np.ndarray) -> np.ndarray:
        """From units of the layout, (P, 2)."""
        return (points - self.box[:2]) * self.scale

    def color(self, group: str, shade: float = 1.0) -> Color:
        """Color of a group, darker with a smaller shade."""
        return tuple(shade * value / 255 for value in GROUP_COLORS[group])

    def draw_line(self, line: np.ndarray, **style: Any) -> None:
        """Draw a line (P, 2) that labels should not cross."""
        self.axes.plot(*line.T, **style)
        for start, end in zip(line, line[1:]):
            steps = 1 + int(np.linalg.norm(end - start) / LINE_STEP_PX)
            self.lines.append(np.linspace(start, end, steps + 1))

    def draw_sketch(self) -> None:
        """Draw the outline of head and face."""
        for line in sketch():
            self.draw_line(self.to_pixels(line), color='0.84', lw=1.2)
        if PARTS[self.part].is_whole:
            # Too dense at this size for labels to keep clear of it.
            self.lines.clear()

    def draw_links(self) -> None:
        """Draw the links between points that are labelled."""
        is_whole = PARTS[self.part].is_whole
        for link in links_to_draw(self.vocabulary):
            if not is_whole and not set(link) <= set(self.labelled):
                continue
            groups = [self.groups[index] for index in link]
            small = [group for group in groups if group != 'body']
            color = self.color(small[0] if small else 'body')
            self.draw_line(self.points[list(link)], color=color, lw=1.6, alpha=0.6)

    def draw_points(self) -> None:
        """Draw all points, those that are labelled larger."""
        indices = np.arange(len(self.points))
        is_small = ~np.isin(indices, self.labelled)
        colors = np.array([self.color(group) for group in self.groups])
        for index, area in ((is_small, 4), (~is_small, 24)):
            x, y = self.points[index].T
            self.axes.scatter(x, y, s=area, c=colors[index], lw=0, zorder=3)

    def draw_labels(self) -> None:
        """Write the indices, with a thin line to those further away."""
        texts = [str(index) for index in self.labelled]
        if not texts:
            return
        width, height = np.array(DIGIT_WH) * FONT_PX
        points = self.points[self.labelled]
        centers = place_labels(
            points,
            np.array([(width * len(text), height) for text in texts]),
            points,
            np.concatenate([np.zeros((0, 2)), *self.lines]),
            tuple(self.size_wh),
        )
        for text, point, center in zip(texts, points, centers):
            color = self.color(self.groups[int(text)], TEXT_SHADE)
            self.write(text, center, color)
            if np.linalg.norm(center - point) > LEADER_PX:
                ends = np.stack([point, center])
                self.axes.plot(*ends.T, color=color, lw=0.6, zorder=2)

    def write(self, text: str, place: np.ndarray, color: Color, ha: str = 'center') -> None:
        """Write a text at a place (x, y), with a white rim."""
        self.axes.text(
            float(place[0]),
            float(place[1]),
            text,
            color=color,
            fontsize=FONT_PX * 72 / DPI,
            ha=ha,
            va='center_baseline',
            zorder=4,
            path_effects=[withStroke(linewidth=2, foreground='white')],
        )

    def draw_zooms(self) -> None:
        """Frames of the charts that have the indices."""
        for zoom in PARTS[self.part].zooms:
            points = self.points[select(self.vocabulary, zoom)]
            low, high = points.min(axis=0) - 9, points.max(axis=0) + 9
            corners = [low, (high[0], low[1]), high, (low[0], high[1]), low]
            self.axes.plot(*np.array(corners).T, color='0.3', lw=1, ls='--')
            place = low - (0, 10)
            self.write(zoom.replace('_', ' '), place, '0.2', ha='left')

    def draw_sides(self) -> None:
        """Which side of the image is the person's right."""
        if not PARTS[self.part].is_whole:
            return
        for share, side in ((0.14, 'right'), (0.86, 'left')):
            place = np.array([self.size_wh[0] * share, 30])
            self.write(f"person's\n{side}", place, '0.3')

    def to_image(self) -> Image.Image:
        """The image, with a palette."""
        self.canvas.draw()
        pixels = np.asarray(self.canvas.buffer_rgba())[..., :3]
        image = Image.fromarray(np.ascontiguousarray(pixels))
        return image.quantize(COLORS, dither=Image.Dither.NONE)


def draw_chart(vocabulary: str, part: str) -> Image.Image:
    """Draw a part of a vocabulary with its indices.

    The same arguments give the same pixels, with the same releases of matplotlib and Pillow.

    Args:
        vocabulary (str): A key of :data:`CHARTS`.
        part (str): A key of :data:`PARTS`.

    Returns:
        Image.Image: With a palette.
    """
    chart = _Chart(get_keypoint_set(vocabulary), part)
    chart.draw_sketch()
    chart.draw_links()
    chart.draw_points()
    chart.draw_labels()
    chart.draw_zooms()
    chart.draw_sides()
    return chart.to_image()


def chart_file(vocabulary: str, part: str) -> str:
    """File name of a chart."""
    suffix = '' if len(CHARTS[vocabulary]) == 1 else f'_{part}'
    return f'vocabulary_{vocabulary}{suffix}.png'


def write_charts(folder: str | Path) -> list[Path]:
    """Write the charts of all vocabularies.

    Args:
        folder (str | Path): Made if it does not exist.

    Returns:
        list[Path]: The files.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for vocabulary in KEYPOINT_SETS:
        for part in CHARTS[vocabulary]:
            path = folder / chart_file(vocabulary, part)
            draw_chart(vocabulary, part).save(path, optimize=True)
            files.append(path)
    return files
