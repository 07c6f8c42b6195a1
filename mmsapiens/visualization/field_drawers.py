"""How each field is drawn: a default, and special ones by name.

Images are RGB, uint8 (H, W, 3). Shapes: C channels, H W pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from ..ops.compositing import composite_on
from ..ops.depth_alignment import align_depth
from ..ops.unit_vectors import angles_deg
from ..structures.fields import ALBEDO_MAP, DEPTH_MAP, MATTE_MAP, POINT_MAP, Field
from . import maps as images
from . import panels
from .colors import NO_TARGET, checkerboard, color_values, value_range
from .panels import Bar, Tile

ERROR_COLORS = 'magma'
MAX_ANGLE_DEG = 45.0  # Angle of the last color of an error; larger ones have it as well
MAX_DEPTH_ERROR = 0.25  # Likewise, as a share of the range of the true depth
MAX_ALPHA_ERROR = 0.25  # Likewise of opacities
OUTER_PERCENT = (1, 99)  # Distances of the ends of the colors, as there are points at the horizon


@dataclass(frozen=True)
class Scene:
    """What a drawing may look at beside its map; all of one size.

    People are where ``human_mask`` (H, W) is set, ``gt`` is the true map (C, H, W); None is
    unknown. ``opacity`` is that of classes.
    """

    image: np.ndarray
    human_mask: np.ndarray | None = None
    gt: np.ndarray | None = None
    classes: Sequence[str] = ()
    palette: Sequence[Sequence[int]] = ()
    opacity: float = 0.5
    with_background: bool = False


class FieldDrawer:
    """The default: numbers as colors, or three channels as RGB; others are :data:`DRAWERS`."""

    opacity = 0.9
    """Share of a drawing that lies over its image."""
    in_people = True
    """Whether such a drawing is of people alone, where it is known where they are."""

    def __init__(self, field: Field) -> None:
        self.field = field

    def valid(self, maps: np.ndarray, scene: Scene) -> np.ndarray:
        """Pixels of a map (C, H, W) that have a value, bool (H, W)."""
        finite = np.isfinite(maps).all(axis=0)
        return finite & ~(maps == self.field.fill).all(axis=0) & self.people(scene)

    def people(self, scene: Scene) -> np.ndarray:
        """Pixels of people, bool (H, W); all of them if unknown."""
        mask = scene.human_mask
        return np.ones(scene.image.shape[:2], dtype=bool) if mask is None else mask

    def drawn(self, maps: np.ndarray, scene: Scene) -> np.ndarray:
        """Pixels of a map to draw: where there is a truth, if it is known."""
        finite = reduce(np.logical_and, map(np.isfinite, maps))
        return finite & (self.people(scene) if scene.gt is None else self.valid(scene.gt, scene))

    def draw(self, maps: np.ndarray, scene: Scene, title: str) -> Tile:
        """Draw truth or prediction, (C, H, W)."""
        mask = self.drawn(maps, scene)
        source = maps if scene.gt is None else scene.gt
        low, high = value_range(source, np.broadcast_to(mask, source.shape))
        if len(maps) == 3:
            scaled = (np.moveaxis(maps, 0, -1) - low) / (high - low or 1.0)
            return Tile(title, images.normals_to_rgb(scaled * 2 - 1, mask))
        image = color_values(maps.mean(axis=0), mask, limits=(low, high))
        return Tile(title, image, Bar('viridis', f'{low:.3g}', f'{high:.3g}'))

    def draw_error(self, pred: np.ndarray, gt: np.ndarray, scene: Scene) -> Tile:
        """Draw how far a prediction is from the truth, both (C, H, W)."""
        mask = self.drawn(pred, scene)
        error = masked_error(pred, gt, np.broadcast_to(mask, pred.shape)).mean(axis=0)
        high = value_range(error, mask)[1]
        return error_tile(error, mask, high, f'{high:.3g}', '{:.3g}')

    def extras(self, pred: np.ndarray, scene: Scene) -> list[Tile]:
        """Further drawings of a prediction (C, H, W); none here."""
        return []

    def legend(
        self, maps: Sequence[np.ndarray], scene: Scene, width: int, size: int
    ) -> np.ndarray | None:
        """What the colors of a row of maps (C, H, W) mean, (_, width, 3); None without a legend."""
        return None


def masked_error(pred: np.ndarray, gt: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Absolute differences in a mask, float32; 0 elsewhere."""
    error = np.zeros(pred.shape, dtype=np.float32)
    error[mask] = np.abs(pred[mask] - gt[mask])
    return error


def error_tile(
    error: np.ndarray, mask: np.ndarray, high: float, high_text: str, format_mean: str
) -> Tile:
    """Draw errors between 0 and ``high`` with their mean in the title."""
    image = color_values(error, mask, limits=(0, high), color_map=ERROR_COLORS)
    inside = error[mask & np.isfinite(error)]
    mean = format_mean.format(inside.mean()) if inside.size else 'none'
    bar = Bar(ERROR_COLORS, '0', high_text)
    return Tile(f'error, mean {mean}', image, bar)


class PartsDrawer(FieldDrawer):
    """Colors of classes over the image; wrong pixels in red."""

    def draw(self, maps: np.ndarray, scene: Scene, title: str) -> Tile:
        options: dict[str, Any] = dict(opacity=scene.opacity, with_background=scene.with_background)
        return Tile(title, images.draw_parts(scene.image, maps[0], scene.palette, **options))

    def draw_error(self, pred: np.ndarray, gt: np.ndarray, scene: Scene) -> Tile:
        image, share = images.draw_wrong_parts(scene.image, pred[0], gt[0])
        return Tile(f'wrong: {share:.1%}', image)

    def legend(self, maps: Sequence[np.ndarray], scene: Scene, width: int, size: int) -> np.ndarray:
        ids = images.present_classes(maps, len(scene.palette), scene.with_background)
        entries = [
            (scene.classes[i] if i < len(scene.classes) else f'class {i}', scene.palette[i])
            for i in ids
        ]
        return panels.class_legend(entries, width, size)


class DepthDrawer(FieldDrawer):
    """Near is bright; the error after alignment by scale and shift."""

    def valid(self, maps: np.ndarray, scene: Scene) -> np.ndarray:
        """Without a mask, a depth below 0 is no target."""
        valid = super().valid(maps, scene)
        return valid if scene.human_mask is not None else valid & (maps[0] >= 0)

    def draw(self, maps: np.ndarray, scene: Scene, title: str) -> Tile:
        bar = Bar('inferno', 'far', 'near')
        return Tile(title, images.color_depth(maps[0], self.drawn(maps, scene)), bar)

    def draw_error(self, pred: np.ndarray, gt: np.ndarray, scene: Scene) -> Tile:
        mask = self.drawn(pred, scene)
        low, high = value_range(gt[0], mask)
        aligned = align_depth(pred[0], gt[0], mask)
        error = masked_error(aligned, gt[0], mask) / (high - low or 1.0)
        text = f'{MAX_DEPTH_ERROR:.0%} of the range'
        return error_tile(error, mask, MAX_DEPTH_ERROR, text, '{:.1%}')

    def extras(self, pred: np.ndarray, scene: Scene) -> list[Tile]:
        relief = images.draw_pseudo_normals(pred[0], self.drawn(pred, scene))
        return [Tile('relief of the prediction', relief)]


class NormalsDrawer(FieldDrawer):
    """Normals as RGB; the error as an angle."""

    def draw(self, maps: np.ndarray, scene: Scene, title: str) -> Tile:
        normals = np.moveaxis(maps, 0, -1)
        return Tile(title, images.normals_to_rgb(normals, self.drawn(maps, scene)))

    def draw_error(self, pred: np.ndarray, gt: np.ndarray, scene: Scene) -> Tile:
        error, text = angles_deg(pred, gt), f'>= {MAX_ANGLE_DEG:.0f}°'
        return error_tile(error, self.drawn(pred, scene), MAX_ANGLE_DEG, text, '{:.1f}°')

    def legend(self, maps: Sequence[np.ndarray], scene: Scene, width: int, size: int) -> np.ndarray:
        ball = images.normal_ball(2 * panels.line_height(size), panels.PAPER)
        room = max(1, width - ball.shape[1] - size)
        lines = 'x right: red, y up: green,', 'z towards the camera: blue'
        words = np.concatenate([panels.text_strip(line, room, size) for line in lines])
        return np.concatenate([ball, panels.blank(len(words), size), words], axis=1)


class PointsDrawer(FieldDrawer):
    """The distance along the camera's axis, near is bright; the error in space."""

    def valid(self, maps: np.ndarray, scene: Scene) -> np.ndarray:
        """Points in front of the camera."""
        with np.errstate(invalid='ignore'):
            return super().valid(maps, scene) & (maps[2] > 0)

    def drawn(self, maps: np.ndarray, scene: Scene) -> np.ndarray:
        """Points in front of the camera, where there is a truth, if it is known."""
        mask = self.valid(maps, scene)
        return mask if scene.gt is None else mask & self.valid(scene.gt, scene)

    def draw(self, maps: np.ndarray, scene: Scene, title: str) -> Tile:
        mask = self.drawn(maps, scene)
        source = maps if scene.gt is None else scene.gt
        if not mask.any():
            image = color_values(maps[2], mask)
            return Tile(title, image, Bar('inferno', 'no points', ''))
        low, high = np.percentile(source[2][mask], OUTER_PERCENT)
        image = color_values(-maps[2], mask, limits=(-high, -low), color_map='inferno')
        return Tile(title, image, Bar('inferno', f'{high:.3g} m', f'{low:.3g} m'))

    def draw_error(self, pred: np.ndarray, gt: np.ndarray, scene: Scene) -> Tile:
        mask = self.drawn(pred, scene)
        error = np.linalg.norm(masked_error(pred, gt, np.broadcast_to(mask, pred.shape)), axis=0)
        error *= 100
        high = value_range(error, mask)[1]
        return error_tile(error, mask, high, f'{high:.3g} cm', '{:.3g} cm')

    def extras(self, pred: np.ndarray, scene: Scene) -> list[Tile]:
        relief = images.draw_pseudo_normals(pred[2], self.drawn(pred, scene))
        return [Tile('relief of the prediction', relief)]


class AlbedoDrawer(FieldDrawer):
    """Colors as they are."""

    opacity = 1.0

    def draw(self, maps: np.ndarray, scene: Scene, title: str) -> Tile:
        mask = self.drawn(maps, scene)
        colors = np.moveaxis(np.where(mask, maps, 0), 0, -1)
        image = (colors.clip(0, 1) * 255).round().astype(np.uint8)
        image[~mask] = NO_TARGET
        return Tile(title, image)


class MatteDrawer(FieldDrawer):
    """What is in front, on a checkerboard; the error of the opacity."""

    opacity = 1.0
    in_people = False

    def valid(self, maps: np.ndarray, scene: Scene) -> np.ndarray:
        """All of them: nothing in front is a value."""
        return np.isfinite(maps).all(axis=0)

    def draw(self, maps: np.ndarray, scene: Scene, title: str) -> Tile:
        matte = np.ascontiguousarray(np.moveaxis(maps, 0, -1), dtype=np.float32)
        return Tile(title, composite_on(matte, checkerboard(*maps.shape[1:])))

    def draw_error(self, pred: np.ndarray, gt: np.ndarray, scene: Scene) -> Tile:
        error, mask = np.abs(pred[3] - gt[3]), self.drawn(pred, scene)
        return error_tile(error, mask, MAX_ALPHA_ERROR, f'>= {MAX_ALPHA_ERROR}', '{:.3f}')


DRAWERS: dict[str, type[FieldDrawer]] = {
    DEPTH_MAP.name: DepthDrawer,
    POINT_MAP.name: PointsDrawer,
    ALBEDO_MAP.name: AlbedoDrawer,
    MATTE_MAP.name: MatteDrawer,
}
"""Name of a field -> its special drawing."""


def drawer_of(field: Field) -> FieldDrawer:
    """The drawing of a field by its name, else by kind: class ids, directions, and numbers."""
    if field.name in DRAWERS:
        return DRAWERS[field.name](field)
    if field.is_labels:
        return PartsDrawer(field)
    if field.is_vector and field.channels == 3:
        return NormalsDrawer(field)
    return FieldDrawer(field)


def draw_field(
    field: Field, scene: Scene, pred: np.ndarray | None, title: str, *, with_error: bool = True
) -> list[np.ndarray]:
    """Images of a field beside each other and, if there is one, its legend, for
    :func:`.panels.stack`; with the error of a prediction (C, H, W) where the scene has the
    truth."""
    drawer, what = drawer_of(field), field.name.replace('_', ' ')
    tiles, maps = [Tile(title, scene.image)], []
    if scene.gt is not None:
        maps.append(scene.gt)
        tiles.append(drawer.draw(scene.gt, scene, f'true {what}'))
    if pred is not None:
        maps.append(pred)
        tiles.append(drawer.draw(pred, scene, f'predicted {what}'))
        if with_error and scene.gt is not None:
            tiles.append(drawer.draw_error(pred, scene.gt, scene))
        tiles += drawer.extras(pred, scene)
    height, width = scene.image.shape[:2]
    size = panels.font_size(height, width)
    pieces = [panels.join_row(tiles, size)]
    legend = drawer.legend(maps, scene, panels.row_width(len(tiles) - 1, width, size), size)
    if legend is not None and legend.size:
        pieces.append(panels.indent(legend, size))
    return pieces
