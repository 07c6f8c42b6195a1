"""Color and gloss of a point, by its material."""

# ruff: noqa: SIM102, UP018
# A variable that a loop changes starts with a cast in Warp, and both sides of `and` are evaluated.

import warp as wp

from .common import fract, mixed, mixed_extra, noise_at, scaled, step, texel
from .skin import Paint, eye_paint, lerp, look_color, skin_paint
from .structs import Scene


@wp.func
def pattern_value(scene: Scene, row: int, p: wp.vec3, arm: float):
    """Share of the second color of a cloth at a rest position."""
    kind = int(scene.patterns[row, 6])
    f = scene.patterns[row, 7]
    seed = scene.patterns[row, 8]
    a = p[2]
    b = wp.atan2(p[0], -p[1]) * 0.15
    if wp.abs(p[0]) > 0.2:
        a = arm * 0.3
        b = p[1]
    t = float(0.0)
    if kind == 1:
        n = noise_at(scene.noise, scaled(p, 40.0, 40.0, 40.0, seed))
        t = wp.clamp(0.5 + 0.3 * n, 0.0, 1.0)
    elif kind == 2:
        if fract(a * f) < 0.5:
            t = 1.0
    elif kind == 3:
        if fract(b * f * 1.3) < 0.4:
            t = 1.0
    elif kind == 4:
        if fract(a * f) < 0.5:
            t += 0.5
        if fract(b * f) < 0.5:
            t += 0.5
    elif kind == 5:
        x = fract(a * f) - 0.5
        y = fract(b * f) - 0.5
        if x * x + y * y < 0.07:
            t = 1.0
    elif kind == 6:
        if noise_at(scene.noise, scaled(p, 14.0, 14.0, 14.0, seed)) > 0.2:
            t += 0.6
        if noise_at(scene.noise, scaled(p, 14.0, 14.0, 14.0, seed + 7.0)) > 0.7:
            t += 0.4
    elif kind == 7:
        inside = wp.abs(p[0]) < 0.09 and wp.abs(p[2] - 0.36) < 0.08
        if inside and p[1] < 0.0:
            if noise_at(scene.noise, scaled(p, 25.0, 25.0, 25.0, seed)) > -0.2:
                t = 1.0
    return t


@wp.func
def cloth_paint(scene: Scene, face: int, w: wp.vec3, person: int, p: wp.vec3, slot: int):
    """A cloth; ``slot`` is its row among a person's patterns."""
    row = 5 * person + slot
    arm = mixed_extra(scene, face, w, 2)
    seed = scene.patterns[row, 8]
    first = wp.vec3(scene.patterns[row, 0], scene.patterns[row, 1], scene.patterns[row, 2])
    second = wp.vec3(scene.patterns[row, 3], scene.patterns[row, 4], scene.patterns[row, 5])
    color = lerp(first, second, pattern_value(scene, row, p, arm))
    weave = noise_at(scene.noise, scaled(p, 300.0, 300.0, 300.0, seed + 4.0))
    worn = noise_at(scene.noise, scaled(p, 12.0, 12.0, 12.0, seed + 6.0))
    paint = Paint()
    paint.color = color * wp.clamp(1.0 + 0.05 * weave + 0.05 * worn, 0.3, 1.7)
    paint.roughness = scene.patterns[row, 9]
    paint.gloss = 0.02
    paint.bump = 0.06
    if slot == 3:
        paint.roughness = 0.35
        paint.bump = 0.02
        if p[2] < scene.floor + 0.022:
            sole = scene.looks[person, 17]
            paint.color = wp.vec3(sole, sole, sole)
    return paint


@wp.func
def hair_paint(scene: Scene, person: int, p: wp.vec3):
    """Hair: strands that run down the head, or curls."""
    seed = scene.looks[person, 12]
    d = p - scene.head
    t = float(0.0)
    if scene.looks[person, 16] > 0.5:
        t = noise_at(scene.noise, scaled(p, 230.0, 230.0, 120.0, seed))
        t += 0.5 * noise_at(scene.noise, scaled(p, 60.0, 60.0, 40.0, seed + 1.0))
    else:
        turn = wp.atan2(d[0], -d[1]) * 0.2
        q = wp.vec3(turn, 0.06 * d[2], 0.05 * d[1])
        t = noise_at(scene.noise, scaled(q, 260.0, 200.0, 200.0, seed))
        t += 0.7 * noise_at(scene.noise, scaled(q, 900.0, 400.0, 400.0, seed + 3.0))
    paint = Paint()
    paint.color = look_color(scene, person, 3) * wp.clamp(1.0 + 0.38 * t, 0.2, 2.4)
    paint.roughness = 0.5
    paint.gloss = 0.035
    paint.bump = 0.16
    return paint


@wp.func
def plain_paint(color: wp.vec3, roughness: float):
    """A uniform paint."""
    paint = Paint()
    paint.color = color
    paint.roughness = roughness
    paint.gloss = 0.03
    paint.bump = 0.0
    return paint


@wp.func
def teeth_paint(p: wp.vec3):
    """Teeth with dark gaps."""
    g = wp.abs(wp.sin(wp.atan2(p[0], -(p[1] + 0.02)) * 13.0))
    shade = 0.45 + 0.55 * step(0.0, 0.25, g)
    return plain_paint(wp.vec3(0.72, 0.68, 0.6) * shade, 0.2)


@wp.func
def scan_paint(scene: Scene, face: int, w: wp.vec3, p: wp.vec3):
    """Texture of a scan, or the colors of its vertices."""
    color = p
    if scene.texture.shape[0] > 1:
        u = fract(mixed_extra(scene, face, w, 0))
        v = fract(mixed_extra(scene, face, w, 1))
        color = wp.vec3(
            texel(scene.texture, u, v, 0),
            texel(scene.texture, u, v, 1),
            texel(scene.texture, u, v, 2),
        )
    linear = wp.vec3(
        wp.pow(wp.max(color[0], 0.0), 2.2),
        wp.pow(wp.max(color[1], 0.0), 2.2),
        wp.pow(wp.max(color[2], 0.0), 2.2),
    )
    return plain_paint(linear, 0.8)


@wp.func
def paint_at(scene: Scene, face: int, w: wp.vec3):
    """Paint of a hit."""
    material = scene.material[face]
    person = wp.max(scene.person[face], 0)
    p = mixed(scene.rest, scene, face, w)
    paint = plain_paint(wp.vec3(0.3, 0.24, 0.2), 0.6)
    if material == 0:
        paint = skin_paint(scene, face, w, person, p)
    elif material == 1:
        paint = eye_paint(scene, person, p)
    elif material == 2 or material == 3:
        paint = teeth_paint(p)
    elif material == 4:
        n = noise_at(scene.noise, scaled(p, 300.0, 300.0, 300.0, 0.0))
        paint = plain_paint(wp.vec3(0.45, 0.13, 0.13) * (1.0 + 0.08 * n), 0.3)
    elif material == 5:
        paint = plain_paint(wp.vec3(0.015, 0.012, 0.01), 0.6)
    elif material >= 6 and material <= 9:
        paint = cloth_paint(scene, face, w, person, p, material - 6)
    elif material == 10:
        paint = hair_paint(scene, person, p)
    elif material == 11:
        paint = cloth_paint(scene, face, w, person, p, 4)
    elif material == 13:
        paint = scan_paint(scene, face, w, p)
    paint.color = wp.vec3(
        wp.clamp(paint.color[0], 0.003, 0.95),
        wp.clamp(paint.color[1], 0.003, 0.95),
        wp.clamp(paint.color[2], 0.003, 0.95),
    )
    return paint
