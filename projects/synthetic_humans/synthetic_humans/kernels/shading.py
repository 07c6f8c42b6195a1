"""Light on people: colors of pixels in linear light."""

# ruff: noqa: SIM102, SIM114, UP018
# A variable that a loop changes starts with a cast in Warp, and both sides of `and` are evaluated.

import warp as wp

from .common import (
    PI,
    corner_weights,
    facing_normal,
    image_at,
    mixed,
    noise_at,
    panorama_at,
    scaled,
    step,
    view_ray,
)
from .materials import paint_at
from .structs import Light, Scene, View

SHADOW_REACH = wp.constant(20.0)
FREE = wp.constant(0.995)
"""Openness of a place that nothing can shade."""
BRIGHTEST = wp.constant(6.0)


@wp.func
def light_at(scene: Scene, face: int, w: wp.vec3):
    """Irradiance and openness interpolated over a triangle."""
    return (
        scene.light[scene.faces[face, 0]] * w[0]
        + scene.light[scene.faces[face, 1]] * w[1]
        + scene.light[scene.faces[face, 2]] * w[2]
    )


@wp.func
def is_open(scene: Scene, light: Light, k: int, origin: wp.vec3, state: wp.uint32):
    """1 if a random point of a key light is seen from a point, else 0."""
    jitter = wp.vec3(wp.randn(state), wp.randn(state), wp.randn(state))
    d = wp.normalize(light.directions[k] + jitter * (light.spreads[k] * 0.5))
    seen = float(1.0)
    if wp.mesh_query_ray_anyhit(scene.mesh, origin, d, SHADOW_REACH):
        seen = 0.0
    return seen


@wp.func
def visible_share(scene: Scene, light: Light, k: int, origin: wp.vec3, state: wp.uint32, rays: int):
    """Share of a key light that is seen from a point.

    Two rays decide; where they disagree the point is in a half shadow and gets four more.
    """
    base = int(state) + k * 97
    total = is_open(scene, light, k, origin, wp.rand_init(base, 0))
    count = float(1.0)
    if rays > 1:
        second = is_open(scene, light, k, origin, wp.rand_init(base, 1))
        if second != total:
            for extra in range(4):
                total += is_open(scene, light, k, origin, wp.rand_init(base, extra + 2))
            count += 4.0
        total += second
        count += 1.0
    return total / count


@wp.func
def shade(
    scene: Scene,
    light: Light,
    face: int,
    w: wp.vec3,
    position: wp.vec3,
    ray: wp.vec3,
    state: wp.uint32,
    rays: int,
):
    """Radiance (3,) that leaves a hit towards the camera."""
    material = scene.material[face]
    paint = paint_at(scene, face, w)
    n = facing_normal(scene, face, w, ray)
    view = -wp.normalize(ray)
    rest = mixed(scene.rest, scene, face, w)
    bumps = wp.vec3(
        noise_at(scene.noise, scaled(rest, 420.0, 420.0, 420.0, 3.0)),
        noise_at(scene.noise, scaled(rest, 420.0, 420.0, 420.0, 14.0)),
        noise_at(scene.noise, scaled(rest, 420.0, 420.0, 420.0, 25.0)),
    )
    bent = wp.normalize(n + bumps * paint.bump)
    around = light_at(scene, face, w)
    open = wp.clamp(around[3], 0.0, 1.0)
    diffuse = wp.vec3(around[0], around[1], around[2]) * (1.0 / PI)
    color = wp.cw_mul(paint.color, diffuse)
    # Mirror image of the surroundings; blurred to the mean if rough.
    nv = wp.clamp(wp.dot(bent, view), 0.0, 1.0)
    grazing = wp.pow(1.0 - nv, 5.0)
    fresnel = paint.gloss + (1.0 - paint.gloss) * grazing * 0.6
    mirror = bent * (2.0 * wp.dot(bent, view)) - view
    sharp = panorama_at(light.panorama, wp.normalize(mirror))
    blur = wp.clamp(paint.roughness / 0.5, 0.0, 1.0)
    reflected = sharp * (1.0 - blur) + diffuse * blur
    color += reflected * (fresnel * open * open * (1.0 - 0.6 * wp.min(paint.roughness, 1.0)))
    is_skin = material == 0
    rough = wp.max(paint.roughness, 0.06)
    alpha2 = rough * rough * rough * rough
    for k in range(light.count):
        direction = light.directions[k]
        nl = wp.dot(bent, direction)
        seen = float(0.0)
        if nl > 0.0 and wp.dot(n, direction) > -0.05:
            count = rays
            if light.spreads[k] < 0.05:
                count = 1
            if around[3] > FREE:
                seen = 1.0
            else:
                seen = visible_share(scene, light, k, position + n * 0.003, state, count)
        w0 = wp.max(nl, 0.0)
        lit = wp.vec3(w0, w0, w0) * seen
        if is_skin:
            # Light that wraps around the terminator, reddest furthest.
            t = step(-0.02, 0.22, nl)
            share = seen * t + (1.0 - t) * open
            lit = (
                wp.vec3(
                    wp.max((nl + 0.3) / 1.3, 0.0),
                    wp.max((nl + 0.12) / 1.12, 0.0),
                    wp.max((nl + 0.07) / 1.07, 0.0),
                )
                * share
            )
        color += wp.cw_mul(wp.cw_mul(paint.color, light.colors[k]), lit) * (1.0 / PI)
        half = wp.normalize(direction + view)
        nh = wp.clamp(wp.dot(bent, half), 0.0, 1.0)
        q = nh * nh * (alpha2 - 1.0) + 1.0
        peak = wp.min(alpha2 / (PI * q * q), 60.0)
        color += light.colors[k] * (peak * fresnel * 0.25 * w0 * seen)
    return color


@wp.func
def radiance_at(
    scene: Scene,
    light: Light,
    view: View,
    backdrop: wp.array2d(dtype=wp.vec3),
    x: float,
    y: float,
    size: wp.vec2,
    state: wp.uint32,
):
    """Radiance of a point of the image."""
    d = view_ray(view, x, y)
    color = image_at(backdrop, x / size[0], y / size[1])
    q = wp.mesh_query_ray(scene.mesh, view.center, d, 1.0e4)
    if q.result:
        w = corner_weights(q.u, q.v)
        p = view.center + d * q.t
        color = shade(scene, light, q.face, w, p, d, state, 1)
    return wp.vec3(
        wp.min(color[0], BRIGHTEST), wp.min(color[1], BRIGHTEST), wp.min(color[2], BRIGHTEST)
    )


@wp.kernel
def color_band(
    scene: Scene,
    light: Light,
    view: View,
    backdrop: wp.array2d(dtype=wp.vec3),
    row: int,
    width: int,
    height: int,
    seed: int,
    hit: wp.array(dtype=int),
    where: wp.array(dtype=wp.vec2),
    edge: wp.array(dtype=wp.uint8),
    out: wp.array(dtype=wp.vec3),
):
    """Colors of a band of rows; four more rays at edges.

    ``hit`` and ``where`` come from ``trace_band``.
    """
    i = wp.tid()
    x = float(i % width) + 0.5
    y = float(row + i / width) + 0.5
    size = wp.vec2(float(width), float(height))
    state = wp.rand_init(seed, row * width + i)
    color = image_at(backdrop, x / size[0], y / size[1])
    face = hit[i]
    if face >= 0:
        w = corner_weights(where[i][0], where[i][1])
        d = view_ray(view, x, y)
        p = view.center * 1.0
        points = wp.mesh_get(scene.mesh).points
        p = (
            points[scene.faces[face, 0]] * w[0]
            + points[scene.faces[face, 1]] * w[1]
            + points[scene.faces[face, 2]] * w[2]
        )
        color = shade(scene, light, face, w, p, d, state, 2)
    if edge[i] > wp.uint8(0):
        color = wp.vec3(
            wp.min(color[0], BRIGHTEST), wp.min(color[1], BRIGHTEST), wp.min(color[2], BRIGHTEST)
        )
        color += radiance_at(
            scene, light, view, backdrop, x - 0.25, y - 0.375, size, state + wp.uint32(1)
        )
        color += radiance_at(
            scene, light, view, backdrop, x + 0.375, y - 0.125, size, state + wp.uint32(2)
        )
        color += radiance_at(
            scene, light, view, backdrop, x - 0.375, y + 0.25, size, state + wp.uint32(3)
        )
        color += radiance_at(
            scene, light, view, backdrop, x + 0.125, y + 0.375, size, state + wp.uint32(4)
        )
        color = color * 0.2
    out[i] = color


@wp.kernel
def find_edges(
    scene: Scene,
    width: int,
    rows: int,
    hit: wp.array(dtype=int),
    label: wp.array(dtype=wp.uint8),
    instance: wp.array(dtype=wp.uint8),
    depth: wp.array(dtype=float),
    normal: wp.array(dtype=wp.vec3),
    edge: wp.array(dtype=wp.uint8),
):
    """Mark pixels that differ from a neighbor."""
    i = wp.tid()
    x = i % width
    y = i / width
    found = int(0)
    for k in range(4):
        dx = 1 - k
        dy = 0
        if k == 1:
            dx = 0
            dy = 1
        elif k == 3:
            dx = 0
            dy = -1
        elif k == 2:
            dx = -1
        u = x + dx
        v = y + dy
        if u >= 0 and u < width and v >= 0 and v < rows:
            j = v * width + u
            if label[i] != label[j] or instance[i] != instance[j]:
                found = 1
            elif (hit[i] < 0) != (hit[j] < 0):
                found = 1
            elif hit[i] >= 0:
                here = scene.material[hit[i]]
                if here != scene.material[hit[j]]:
                    found = 1
                elif wp.abs(depth[i] - depth[j]) > 0.02:
                    found = 1
                elif depth[i] > 0.0:
                    if wp.dot(normal[i], normal[j]) < 0.75:
                        found = 1
    edge[i] = wp.uint8(found)
