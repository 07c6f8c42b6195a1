"""Arrays and structures of the kernels on a device."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import warp as wp
from numpy.typing import ArrayLike, NDArray

from .backgrounds import KINDS, Setting
from .cameras import Camera
from .geometry import noise_volume, sphere_directions
from .kernels import structs
from .lights import KeyLight

GATHER_DIRECTIONS = 40

_NUMPY = {wp.int32: np.int32, wp.float32: np.float32, wp.uint8: np.uint8}


def choose_device(name: str | None = None) -> str:
    """A Warp device: the given one, else CUDA if there is one.

    Raises:
        ValueError: If Warp does not have that device.
    """
    quiet_warp()
    if name is None:
        return 'cuda:0' if wp.is_cuda_available() else 'cpu'
    try:
        return str(wp.get_device(name))
    except ValueError as error:
        known = [str(device) for device in wp.get_devices()]
        raise ValueError(f'`device` must be one of {known}, but got {name!r}') from error


@cache
def quiet_warp() -> None:
    """Start Warp without its banner and without gradients."""
    wp.config.log_level = wp.LOG_WARNING
    wp.config.enable_backward = False
    wp.init()


def to_array(values: ArrayLike, dtype: Any, device: str) -> wp.array:
    """Numbers on a device."""
    data = np.ascontiguousarray(values, _NUMPY[dtype])
    return wp.array(data, dtype=dtype, device=device)


def to_vectors(values: ArrayLike, device: str) -> wp.array:
    """Vectors (N, 3) on a device."""
    data = np.ascontiguousarray(values, np.float32)
    return wp.array(data, dtype=wp.vec3, device=device)


def to_image(values: NDArray, device: str) -> wp.array:
    """An image (H, W, 3) as vectors (H, W) on a device."""
    data = np.ascontiguousarray(values, np.float32)
    return wp.array(data, dtype=wp.vec3, ndim=2, device=device)


def to_view(camera: Camera) -> Any:
    """A camera for the kernels."""
    view: Any = structs.View()
    view.rotation = wp.mat33(*camera.rotation.ravel().tolist())
    view.center = wp.vec3(*camera.center.tolist())
    view.focal = float(camera.focal)
    view.cx, view.cy = (float(x) for x in camera.principal_point)
    return view


def to_light(setting: Setting, device: str) -> Any:
    """Panorama and key lights for the kernels."""
    dark = KeyLight(np.array([0, 0, 1.0]), np.zeros(3), 0)
    keys = setting.keys or [dark]  # a device array is never empty
    light: Any = structs.Light()
    light.panorama = to_image(setting.light, device)
    light.directions = to_vectors([key.direction for key in keys], device)
    light.colors = to_vectors([key.color for key in keys], device)
    light.spreads = to_array([k.spread for k in keys], wp.float32, device)
    light.count = len(setting.keys)
    return light


def to_backdrop(setting: Setting, reach: float, device: str) -> Any:
    """A background for the kernels.

    Args:
        setting (Setting): Which one.
        reach (float): Metres from the origin where shadows may fall.
        device (str): A Warp device.
    """
    out: Any = structs.Backdrop()
    out.kind, out.style = KINDS.index(setting.kind), setting.style
    out.offset = setting.offset
    for name in ('size', 'ambient', 'floor', 'ceiling', 'color'):
        values = (float(x) for x in getattr(setting, name))
        setattr(out, name, wp.vec3(*values))
    out.walls = to_vectors(setting.walls, device)
    out.rects = to_array(setting.rects, wp.float32, device)
    out.cloud, out.skyline = setting.cloud, setting.skyline
    out.reach = reach
    panorama = setting.panorama
    out.panorama = to_image(setting.light if panorama is None else panorama, device)
    return out


@cache
def shared_array(device: str, name: str) -> wp.array:
    """Arrays that all scenes on a device read."""
    if name == 'noise':
        return wp.array(noise_volume(), dtype=wp.float32, device=device)
    directions = sphere_directions(GATHER_DIRECTIONS).astype(np.float32)
    return wp.array(directions, dtype=wp.vec3, device=device)
