"""Analytic surroundings behind people: a room, open air, a studio."""

# ruff: noqa: SIM102, UP018
# A variable that a loop changes starts with a cast in Warp, and both sides of `and` are evaluated.

import warp as wp

from .common import fract, hash_at, noise_at, panorama_at, scaled, step, view_ray
from .skin import lerp
from .structs import Backdrop, Light, Scene, View


@wp.func
def floor_light(scene: Scene, light: Light, backdrop: Backdrop, p: wp.vec3, state: wp.uint32):
    """What people leave of the light on the floor, about [0, 1]."""
    result = float(1.0)
    if p[0] * p[0] + p[1] * p[1] < backdrop.reach * backdrop.reach:
        o = p + wp.vec3(0.0, 0.0, 0.004)
        open = float(0.0)
        for _ in range(4):
            d = wp.sample_unit_hemisphere_surface(state)
            d = wp.normalize(d + wp.vec3(0.0, 0.0, 0.6))
            if not wp.mesh_query_ray_anyhit(scene.mesh, o, d, 3.0):
                open += 0.25
        result = 0.35 + 0.65 * open
        for k in range(light.count):
            direction = light.directions[k]
            if direction[2] > 0.05:
                c = light.colors[k]
                strength = (c[0] + c[1] + c[2]) * direction[2]
                a = backdrop.ambient
                share = strength / (strength + 1.5 * (a[0] + a[1] + a[2]))
                seen = float(0.0)
                for _ in range(3):
                    jitter = wp.vec3(wp.randn(state), wp.randn(state), wp.randn(state))
                    d = wp.normalize(direction + jitter * (light.spreads[k] * 0.5))
                    if not wp.mesh_query_ray_anyhit(scene.mesh, o, d, 20.0):
                        seen += 1.0
                result *= 1.0 - share * (1.0 - seen / 3.0)
    return result


@wp.func
def floor_color(scene: Scene, backdrop: Backdrop, q: wp.vec3):
    """Wood, tiles or a carpet."""
    offset = backdrop.offset
    shade = float(1.0)
    if backdrop.style == 0:
        k = wp.floor(q[0] / 0.12)
        grain = wp.vec3(k * 13.2, q[1] * 1.6, k * 4.0)
        shade += 0.12 * noise_at(scene.noise, grain)
        shade += 0.06 * noise_at(scene.noise, scaled(q, 60.0, 5.0, 60.0, offset))
        if fract(q[0] / 0.12) < 0.03:
            shade *= 0.6
    elif backdrop.style == 1:
        shade += 0.05 * noise_at(scene.noise, scaled(q, 12.0, 12.0, 12.0, offset))
        if fract(q[0] / 0.45) < 0.02 or fract(q[1] / 0.45) < 0.02:
            shade *= 0.65
    else:
        shade += 0.12 * noise_at(scene.noise, scaled(q, 60.0, 60.0, 60.0, offset))
    return backdrop.floor * shade


@wp.func
def wall_color(scene: Scene, backdrop: Backdrop, q: wp.vec3, wall: int, a: float, z: float):
    """A wall with images, shelves and windows on it."""
    n = noise_at(scene.noise, scaled(q, 9.0, 9.0, 9.0, backdrop.offset))
    color = backdrop.walls[wall] * (1.0 + 0.03 * n)
    rects = backdrop.rects
    for r in range(rects.shape[0]):
        da = wp.abs(a - rects[r, 1])
        dz = wp.abs(z - rects[r, 2])
        sa = rects[r, 3]
        sz = rects[r, 4]
        if int(rects[r, 0]) == wall and da < sa and dz < sz:
            first = wp.vec3(rects[r, 5], rects[r, 6], rects[r, 7])
            second = wp.vec3(rects[r, 8], rects[r, 9], rects[r, 10])
            kind = int(rects[r, 11])
            t = float(0.0)
            if kind == 1:
                t = (z - rects[r, 2]) / (2.0 * sz) + 0.5
            elif kind == 2:
                t = 0.5 + 0.3 * noise_at(scene.noise, scaled(q, 6.0, 6.0, 6.0, backdrop.offset))
            elif kind == 3:
                if fract(a * 9.0) < 0.12 or fract(z * 9.0) < 0.12:
                    t = 1.0
            color = lerp(first, second, wp.clamp(t, 0.0, 1.0))
            if kind == 4:
                n2 = noise_at(scene.noise, scaled(q, 3.0, 3.0, 3.0, backdrop.offset))
                color = wp.vec3(1.5, 1.7, 2.2) * (1.0 + 0.2 * n2)
            if da > sa - 0.012 or dz > sz - 0.012:
                color = wp.vec3(0.08, 0.08, 0.08)
    if z < 0.04:
        color = color * 0.5
    return color


@wp.func
def room_at(
    scene: Scene, light: Light, backdrop: Backdrop, origin: wp.vec3, d: wp.vec3, state: wp.uint32
):
    """Radiance of a box room around the origin."""
    best = float(1.0e6)
    axis = int(2)
    for k in range(3):
        dk = d[k]
        if wp.abs(dk) > 1.0e-6:
            low = -backdrop.size[k]
            if k == 2:
                low = 0.0
            bound = low
            if dk > 0.0:
                bound = backdrop.size[k]
            t = (bound - origin[k]) / dk
            if t > 0.0 and t < best:
                best = t
                axis = k
    p = origin + d * best
    normal = wp.vec3(0.0, 0.0, 1.0)
    color = backdrop.ceiling
    shadow = float(1.0)
    if axis == 2:
        if d[2] < 0.0:
            color = floor_color(scene, backdrop, p)
            shadow = floor_light(scene, light, backdrop, p, state)
        else:
            normal = wp.vec3(0.0, 0.0, -1.0)
    elif axis == 0:
        wall = 0
        normal = wp.vec3(1.0, 0.0, 0.0)
        if d[0] > 0.0:
            wall = 1
            normal = wp.vec3(-1.0, 0.0, 0.0)
        color = wall_color(
            scene, backdrop, p, wall, p[1] / backdrop.size[1],
            p[2] / backdrop.size[2],
        )  # fmt: skip
    else:
        wall = 2
        normal = wp.vec3(0.0, 1.0, 0.0)
        if d[1] > 0.0:
            wall = 3
            normal = wp.vec3(0.0, -1.0, 0.0)
        color = wall_color(
            scene, backdrop, p, wall, p[0] / backdrop.size[0],
            p[2] / backdrop.size[2],
        )  # fmt: skip
    lit = backdrop.ambient * 0.9
    for k in range(light.count):
        c = wp.max(wp.dot(normal, light.directions[k]), 0.0)
        lit += light.colors[k] * (0.35 * c)
    return wp.cw_mul(color, lit) * shadow


@wp.func
def sky_at(
    scene: Scene, light: Light, backdrop: Backdrop, origin: wp.vec3, d: wp.vec3, state: wp.uint32
):
    """Radiance of open air: ground, a skyline of houses and trees, clouds."""
    offset = backdrop.offset
    color = panorama_at(light.panorama, d)
    turn = wp.atan2(d[1], d[0])
    if d[2] < 0.0 and -origin[2] / d[2] < 300.0:
        t = -origin[2] / d[2]
        p = origin + d * t
        near = wp.exp(-t / 12.0)
        shade = float(1.0)
        if backdrop.style == 1:
            if fract(p[0] / 0.6) < 0.03 or fract(p[1] / 0.6) < 0.03:
                shade = 0.7
        fine = noise_at(scene.noise, scaled(p, 25.0, 25.0, 25.0, offset))
        wide = noise_at(scene.noise, scaled(p, 1.5, 1.5, 1.5, offset))
        shade *= wp.clamp(1.0 + 0.14 * fine * near + 0.1 * wide, 0.2, 2.0)
        shade *= floor_light(scene, light, backdrop, p, state)
        lit = backdrop.ambient
        for k in range(light.count):
            c = wp.max(light.directions[k][2], 0.0)
            lit += light.colors[k] * (0.3 * c)
        fog = 1.0 - wp.exp(-t / 120.0)
        color = lerp(wp.cw_mul(backdrop.floor, lit) * shade, backdrop.ceiling * 0.8, fog)
    else:
        z = d[2]
        q = wp.vec3(d[0] / (wp.abs(z) + 0.15), d[1] / (wp.abs(z) + 0.15), 0.0)
        n = noise_at(scene.noise, scaled(q, 3.0, 3.0, 3.0, offset))
        cloud = 0.7 * step(0.2, 1.4, n + backdrop.cloud - 0.3)
        color = lerp(color, wp.vec3(1.0, 1.0, 1.05), cloud)
        block = int(wp.floor(turn * 14.0)) + 100
        rough = wp.vec3(turn * 24.0 + offset, 0.0, 0.0)
        top = backdrop.skyline * (0.4 + 0.6 * hash_at(block, offset))
        top += 0.01 * noise_at(scene.noise, rough)
        if z < top:
            tone = 0.1 + 0.35 * hash_at(block, offset + 3.0)
            color = wp.vec3(1.0, 0.95, 0.88) * tone
            column = fract(fract(turn * 14.0) * 6.0)
            if column > 0.45 and fract(z * 60.0) > 0.5:
                color = color * 0.5
            if hash_at(block, offset + 9.0) > 0.55:
                leaf = noise_at(scene.noise, scaled(d, 40.0, 40.0, 40.0, offset))
                color = wp.vec3(0.05, 0.1, 0.03) * (1.0 + 0.5 * leaf)
    return color


@wp.func
def studio_at(scene: Scene, backdrop: Backdrop, d: wp.vec3):
    """Radiance of a painted screen."""
    t = 0.5 + d[2] + 0.4 * d[0]
    if backdrop.style == 1:
        t = 0.5 + 0.6 * noise_at(scene.noise, scaled(d, 9.0, 9.0, 9.0, backdrop.offset))
    elif backdrop.style == 2:
        t = 0.5 + 0.45 * noise_at(scene.noise, scaled(d, 60.0, 60.0, 60.0, backdrop.offset))
    color = lerp(backdrop.color, backdrop.ceiling, wp.clamp(t, 0.0, 1.0))
    return wp.cw_mul(color, backdrop.ambient) * 1.3


@wp.kernel
def draw_backdrop(
    scene: Scene,
    light: Light,
    backdrop: Backdrop,
    view: View,
    scale: float,
    seed: int,
    out: wp.array2d(dtype=wp.vec3),
):
    """The background at a lower resolution; ``scale`` pixels to one."""
    row, column = wp.tid()
    x = (float(column) + 0.5) * scale
    y = (float(row) + 0.5) * scale
    d = wp.normalize(view_ray(view, x, y))
    state = wp.rand_init(seed, row * out.shape[1] + column)
    color = wp.vec3(0.0, 0.0, 0.0)
    if backdrop.kind == 0:
        color = room_at(scene, light, backdrop, view.center, d, state)
    elif backdrop.kind == 1:
        color = sky_at(scene, light, backdrop, view.center, d, state)
    elif backdrop.kind == 2:
        color = studio_at(scene, backdrop, d)
    else:
        color = panorama_at(backdrop.panorama, d)
    out[row, column] = color
