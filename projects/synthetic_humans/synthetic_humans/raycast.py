"""A scene on a device, and the passes that make an image of it.

Shapes: H, W size of the image, N points.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import warp as wp
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from .backgrounds import Setting, read_background
from .cameras import Camera
from .device import (
    quiet_warp,
    shared_array,
    to_array,
    to_backdrop,
    to_image,
    to_light,
    to_vectors,
    to_view,
)
from .geometry import mean_of_neighbors
from .kernels import backdrop as backdrop_kernels
from .kernels import shading, structs, tones, tracing
from .labels import MATERIAL
from .surfaces import NORMAL, REST, UV, Surface

BAND_PIXELS = 1 << 20
"""Pixels that are worked on at once."""

GATHER_REACH = 1.5
_NEAR = 0.05


@dataclass(frozen=True)
class Anatomy:
    """Places of the rest pose that colors and labels refer to."""

    eye: NDArray
    head: NDArray
    neck: float
    floor: float
    masks: NDArray


NO_ANATOMY = Anatomy(np.zeros(3), np.zeros(3), 0.0, 0.0, np.zeros((1, 1, 4), np.uint8))
"""For scenes without parametric people."""


@dataclass
class Stopwatch:
    """Seconds by stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of a ``with`` block to a stage."""
        start = time.perf_counter()
        yield
        spent = time.perf_counter() - start
        self.seconds[name] = self.seconds.get(name, 0.0) + spent


@dataclass
class Maps:
    """Labels of every pixel, one ray through its middle.

    Args:
        label (NDArray): Class ids, uint8 (H, W).
        instance (NDArray): Person from 1, 0 outside, uint8 (H, W).
        depth (NDArray): Metres along the axis, 0 outside, float32 (H, W).
        normal (NDArray): Unit vectors, x right, y up, z to the camera, 0 outside, float32 (H, W,
            3).
    """

    label: NDArray[np.uint8]
    instance: NDArray[np.uint8]
    depth: NDArray[np.float32]
    normal: NDArray[np.float32]


class Renderer:
    """The triangles of one scene on a device.

    Args:
        surface (Surface): All triangles.
        person (NDArray): Owner of each triangle from 0; props any.
        looks (NDArray): Rows (P, 20) of the people.
        patterns (NDArray): Rows (5 P, 10).
        anatomy (Anatomy): Of parametric people.
        texture (NDArray | None): Of a scan, uint8 (h, w, 3). Defaults to None.
        device (str): A Warp device. Defaults to 'cpu'.
    """

    def __init__(
        self,
        surface: Surface,
        person: NDArray,
        *,
        looks: NDArray,
        patterns: NDArray,
        anatomy: Anatomy,
        texture: NDArray | None = None,
        device: str = 'cpu',
    ) -> None:
        quiet_warp()
        self.device = device
        self.surface = surface
        attributes = surface.attributes
        self._points = self._vectors(surface.positions)
        self._mesh = wp.Mesh(self._points, self._numbers(surface.faces.reshape(-1), wp.int32))
        scene: Any = structs.Scene()
        scene.mesh = self._mesh.id
        scene.faces = self._numbers(surface.faces, wp.int32)
        scene.normals = self._vectors(attributes[:, NORMAL])
        scene.rest = self._vectors(attributes[:, REST])
        scene.extra = self._numbers(attributes[:, UV.start :], wp.float32)
        scene.light = wp.zeros(len(attributes), wp.vec4, device=device)
        scene.material = self._numbers(surface.material, wp.int32)
        scene.region = self._numbers(surface.region, wp.int32)
        scene.person = self._numbers(person, wp.int32)
        scene.looks = self._numbers(looks, wp.float32)
        scene.patterns = self._numbers(patterns, wp.float32)
        scene.noise = shared_array(device, 'noise')
        scene.masks = self._numbers(anatomy.masks, wp.uint8)
        if texture is None:
            texture = np.zeros((1, 1, 3), np.uint8)
        scene.texture = self._numbers(texture, wp.uint8)
        scene.eye = wp.vec3(*(float(x) for x in anatomy.eye))
        scene.head = wp.vec3(*(float(x) for x in anatomy.head))
        scene.neck, scene.floor = anatomy.neck, anatomy.floor
        self.scene = scene

    def _numbers(self, values: ArrayLike, dtype: Any) -> wp.array:
        return to_array(values, dtype, self.device)

    def _vectors(self, values: ArrayLike) -> wp.array:
        return to_vectors(values, self.device)

    def _launch(self, kernel: Any, size: int | tuple[int, ...], *inputs: Any) -> None:
        wp.launch(kernel, dim=size, inputs=list(inputs), device=self.device)

    def first_hits(self, origin: NDArray, directions: NDArray) -> tuple[NDArray, NDArray]:
        """What rays from one point meet first.

        Args:
            origin (NDArray): (3,).
            directions (NDArray): (N, 3), any length.

        Returns:
            tuple: Distances (N,) in lengths of the directions and the people they belong to; -1 for
            nothing.
        """
        count = len(directions)
        distance = wp.empty(count, wp.float32, device=self.device)
        person = wp.empty(count, wp.int32, device=self.device)
        self._launch(
            tracing.first_hits,
            count,
            self.scene,
            wp.vec3(*origin.tolist()),
            self._vectors(directions),
            distance,
            person,
        )
        return distance.numpy(), person.numpy()

    def trace(self, camera: Camera) -> tuple[Maps, list[_Band]]:
        """Labels of all pixels, and what coloring needs of the bands."""
        height, width = camera.size_hw
        view = to_view(camera)
        maps = Maps(
            np.empty((height, width), np.uint8),
            np.empty((height, width), np.uint8),
            np.empty((height, width), np.float32),
            np.empty((height, width, 3), np.float32),
        )
        bounds = wp.vec4(*self._bounds(camera))
        bands = []
        step = max(1, BAND_PIXELS // width)
        for top in range(0, height, step):
            rows = min(step, height - top)
            band = _Band(top, rows, width, self.device)
            self._launch(
                tracing.trace_band, rows * width, self.scene, view,
                bounds, top, width, band.hit, band.where, band.label,
                band.instance, band.depth, band.normal,
            )  # fmt: skip
            part = slice(top, top + rows)
            maps.label[part] = band.label.numpy().reshape(rows, width)
            maps.instance[part] = band.instance.numpy().reshape(rows, width)
            maps.depth[part] = band.depth.numpy().reshape(rows, width)
            maps.normal[part] = band.normal.numpy().reshape(rows, width, 3)
            self._launch(
                shading.find_edges, rows * width, self.scene, width, rows,
                band.hit, band.label, band.instance, band.depth, band.normal,
                band.edge,
            )  # fmt: skip
            band.finish()
            bands.append(band)
        return maps, bands

    def _bounds(self, camera: Camera) -> list[float]:
        """Least and greatest x and y of the scene in the image."""
        height, width = camera.size_hw
        pixels, depth = camera.project(self.surface.positions)
        if depth.min() < _NEAR:
            return [0.0, 0.0, float(width), float(height)]
        return [*(pixels.min(0) - 1).tolist(), *(pixels.max(0) + 1).tolist()]

    def gather(self, setting: Setting, bands: list[_Band]) -> None:
        """Soft light at the vertices around visible triangles."""
        faces = self.surface.faces
        seen: NDArray = np.zeros(len(faces), bool)
        for band in bands:
            hits = band.hits()
            seen[hits[hits >= 0]] = True
        used: NDArray = np.zeros(len(self.surface.attributes), bool)
        used[faces[seen]] = True
        vertices = np.nonzero(used)[0]
        if not len(vertices):
            return
        directions = shared_array(self.device, 'directions')
        radiances = wp.empty_like(directions)
        self._launch(
            tracing.look_up, len(directions),
            to_light(setting, self.device), directions, radiances,
        )  # fmt: skip
        self._launch(
            tracing.gather_light, len(vertices), self.scene, radiances,
            self._numbers(vertices, wp.int32), self._points, directions,
            GATHER_REACH, self.scene.light,
        )  # fmt: skip
        self._soften_skin(used)

    def _soften_skin(self, used: NDArray) -> None:
        """Blur the red light on the skin: it spreads below the surface."""
        surface = self.surface
        faces = surface.faces[(surface.material == MATERIAL['skin']) & used[surface.faces].all(1)]
        if not len(faces):
            return
        ids, local = np.unique(faces, return_inverse=True)
        smooth = mean_of_neighbors(local.reshape(-1, 3), len(ids))
        light = self.scene.light.numpy()
        red, green = light[ids, 0], light[ids, 1]
        for _ in range(3):
            red = 0.5 * red + 0.5 * (smooth @ red)
        green = 0.7 * green + 0.3 * (smooth @ green)
        light[ids, 0], light[ids, 1] = red, green
        self.scene.light = wp.array(light, dtype=wp.vec4, device=self.device)

    def backdrop(
        self, camera: Camera, setting: Setting, rng: Generator, blur: float
    ) -> NDArray[np.float32]:
        """What is behind people, linear, at half the size or less.

        Args:
            camera (Camera): The camera.
            setting (Setting): Light and background.
            rng (Generator): Source of noise and of crops of photographs.
            blur (float): Deviation in shares of the width.
        """
        height, width = camera.size_hw
        scale = max(2, int(np.ceil(max(height, width) / 1024)))
        small = max(1, height // scale), max(1, width // scale)
        if setting.image is not None:
            out = read_background(setting.image, small, rng)
        else:
            canvas = wp.zeros(small, wp.vec3, device=self.device)
            spread = np.abs(self.surface.positions[:, :2]).max()
            reach = float(spread + 2.5)
            self._launch(
                backdrop_kernels.draw_backdrop, small, self.scene,
                to_light(setting, self.device),
                to_backdrop(setting, reach, self.device),
                to_view(camera), float(width / small[1]),
                int(rng.integers(2**30)), canvas,
            )  # fmt: skip
            out = canvas.numpy()
        sigma = blur * small[1]
        return cv2.GaussianBlur(out, (0, 0), sigma) if sigma > 0.2 else out

    def color(
        self, camera: Camera, setting: Setting, bands: list[_Band], backdrop: NDArray, seed: int
    ) -> NDArray[np.float32]:
        """Linear colors (H, W, 3), with four more rays at edges."""
        height, width = camera.size_hw
        out: NDArray = np.empty((height, width, 3), np.float32)
        light, view = to_light(setting, self.device), to_view(camera)
        behind = to_image(backdrop, self.device)
        for band in bands:
            count = band.rows * width
            colors = wp.empty(count, wp.vec3, device=self.device)
            self._launch(
                shading.color_band, count, self.scene, light, view, behind,
                band.top, width, height, seed, band.hit, band.where, band.edge,
                colors,
            )  # fmt: skip
            part = slice(band.top, band.top + band.rows)
            out[part] = colors.numpy().reshape(band.rows, width, 3)
        return out

    def develop(
        self, linear: NDArray[np.float32], *, gain: NDArray, blur: float, grain: float, seed: int
    ) -> NDArray[np.uint8]:
        """Exposure, curve, blur of the lens and noise.

        Args:
            linear (NDArray): Linear colors (H, W, 3).
            gain (NDArray): Factors of the channels (3,).
            blur (float): Deviation in pixels.
            grain (float): Deviation of the noise, 1 is full scale.
            seed (int): Of the noise.
        """
        height, width = linear.shape[:2]
        image = self._vectors(linear.reshape(-1, 3))
        count = height * width
        self._launch(tones.tone, count, image, wp.vec3(*(float(x) for x in gain)))
        soft = cv2.GaussianBlur(image.numpy().reshape(height, width, 3), (0, 0), blur)
        out = wp.empty((count, 3), wp.uint8, device=self.device)
        self._launch(
            tones.quantise, count, self._vectors(soft.reshape(-1, 3)),
            float(grain), seed, out,
        )  # fmt: skip
        return out.numpy().reshape(height, width, 3)


class _Band:
    """Rows of an image between the passes."""

    def __init__(self, top: int, rows: int, width: int, device: str) -> None:
        self.top, self.rows, count = top, rows, rows * width
        self.hit = wp.empty(count, wp.int32, device=device)
        self.where = wp.empty(count, wp.vec2, device=device)
        self.edge = wp.empty(count, wp.uint8, device=device)
        self.label = wp.empty(count, wp.uint8, device=device)
        self.instance = wp.empty(count, wp.uint8, device=device)
        self.depth = wp.empty(count, wp.float32, device=device)
        self.normal = wp.empty(count, wp.vec3, device=device)

    def finish(self) -> None:
        """Free what coloring does not read."""
        del self.label, self.instance, self.depth, self.normal

    def hits(self) -> NDArray:
        """Triangles of the pixels, -1 for none."""
        return self.hit.numpy()
