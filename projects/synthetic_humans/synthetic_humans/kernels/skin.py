"""Color and gloss of skin and eyes."""

import warp as wp

from .common import mixed_extra, noise_at, scaled, step, texel
from .structs import Scene


@wp.struct
class Paint:
    """Diffuse color, roughness, reflectance and depth of fine bumps."""

    color: wp.vec3
    roughness: float
    gloss: float
    bump: float


@wp.func
def look_color(scene: Scene, person: int, column: int):
    """Three numbers of a person's look."""
    return wp.vec3(
        scene.looks[person, column],
        scene.looks[person, column + 1],
        scene.looks[person, column + 2],
    )


@wp.func
def lerp(a: wp.vec3, b: wp.vec3, t: float):
    """From ``a`` at 0 to ``b`` at 1."""
    return a * (1.0 - t) + b * t


@wp.func
def ramp(x: float, x0: float, y0: float, x1: float, y1: float):
    """Linear from (x0, y0) to (x1, y1), constant outside."""
    return y0 + (y1 - y0) * wp.clamp((x - x0) / (x1 - x0), 0.0, 1.0)


@wp.func
def brow_distance(scene: Scene, p: wp.vec3):
    """Distance from the middle of the brow in half widths; 9 elsewhere."""
    x = wp.abs(p[0]) - scene.eye[0]
    middle = ramp(x, -0.019, 0.015, -0.006, 0.019)
    if x > -0.006:
        middle = ramp(x, -0.006, 0.019, 0.008, 0.021)
    if x > 0.008:
        middle = ramp(x, 0.008, 0.021, 0.024, 0.0125)
    width = ramp(x, -0.02, 0.0035, -0.01, 0.0048)
    if x > -0.01:
        width = ramp(x, -0.01, 0.0048, 0.012, 0.0035)
    if x > 0.012:
        width = ramp(x, 0.012, 0.0035, 0.025, 0.0008)
    result = wp.abs(p[2] - scene.eye[2] - middle) / width
    if x < -0.021 or x > 0.026 or p[1] > -0.06:
        result = 9.0
    return result


@wp.func
def face_paint(scene: Scene, person: int, p: wp.vec3, scalp: float, lips: float, base: wp.vec3):
    """Skin of the head: cheeks, brows, beard, shadow of the hair."""
    seed = scene.looks[person, 12]
    hair = look_color(scene, person, 3)
    color = base
    z = scene.eye[2] - p[2]
    cheek_x = wp.abs(p[0]) - 0.042
    cheek_z = 0.045 - z
    red = wp.exp(-(cheek_x * cheek_x + cheek_z * cheek_z) / 0.0006)
    if p[1] < -0.1:
        nose_z = 0.04 - z
        red += wp.exp(-(p[0] * p[0] + nose_z * nose_z) / 0.0002)
    color = wp.cw_mul(color, wp.vec3(1.0, 1.0, 1.0) + wp.vec3(0.12, -0.1, -0.08) * red)
    color = lerp(color, look_color(scene, person, 9), lips)
    strands = noise_at(scene.noise, scaled(p, 420.0, 420.0, 147.0, seed))
    brow = brow_distance(scene, p) + 0.22 * strands
    t = step(1.3, 0.35, brow) * 0.85 * scene.looks[person, 13]
    color = lerp(color, hair * 0.8, t)
    beard = scene.looks[person, 14]
    if beard > 0.0 and p[1] < -0.01:
        side = 0.02 * step(0.03, 0.06, wp.abs(p[0]))
        t = step(0.055, 0.075, z + side) * step(0.175, 0.14, z)
        stubble = noise_at(scene.noise, scaled(p, 420.0, 420.0, 420.0, seed + 5.0))
        t *= step(0.0, 0.25, 0.9 - lips) * beard * 0.85
        t *= wp.clamp(0.85 + 0.15 * stubble, 0.0, 1.0)
        color = lerp(color, hair, t)
    t = step(-0.006, 0.004, scalp) * scene.looks[person, 15]
    return lerp(color, hair, t)


@wp.func
def skin_paint(scene: Scene, face: int, w: wp.vec3, person: int, p: wp.vec3):
    """Skin with its spots, nails, lips and inside of the mouth."""
    seed = scene.looks[person, 12]
    region = scene.region[face]
    u = mixed_extra(scene, face, w, 0)
    v = mixed_extra(scene, face, w, 1)
    coarse = noise_at(scene.noise, scaled(p, 18.0, 18.0, 18.0, seed))
    fine = noise_at(scene.noise, scaled(p, 140.0, 140.0, 140.0, seed + 1.0))
    color = look_color(scene, person, 0) * wp.clamp(1.0 + 0.06 * coarse + 0.035 * fine, 0.5, 1.6)
    paint = Paint()
    paint.roughness = 0.42
    paint.gloss = 0.028
    paint.bump = 0.014
    if region == 6:
        color = wp.vec3(0.25, 0.05, 0.05)
    elif region == 1:
        lips = texel(scene.masks, u, v, 0)
        ears = texel(scene.masks, u, v, 1)
        tint = wp.vec3(0.12, -0.1, -0.08) * (0.8 * ears)
        color = wp.cw_mul(color, wp.vec3(1.0, 1.0, 1.0) + tint)
        scalp = mixed_extra(scene, face, w, 5)
        color = face_paint(scene, person, p, scalp, lips, color)
        paint.roughness = 0.42 - 0.12 * lips
    elif region >= 2 and region <= 5:
        nails = wp.max(texel(scene.masks, u, v, 2), texel(scene.masks, u, v, 3))
        warm = wp.vec3(1.06, 0.95, 0.96)
        color = wp.cw_mul(color, warm)
        nail = color * 0.6 + wp.vec3(0.25, 0.22, 0.2)
        color = lerp(color, nail, nails)
        paint.roughness = 0.42 - 0.2 * nails
    freckles = noise_at(scene.noise, scaled(p, 900.0, 900.0, 900.0, seed + 9.0))
    paint.color = color * (1.0 - 0.2 * step(2.6, 3.1, freckles))
    return paint


@wp.func
def eye_paint(scene: Scene, person: int, p: wp.vec3):
    """White, iris with fibres and a dark rim, pupil."""
    center = scene.eye
    if p[0] < 0.0:
        center = wp.vec3(-scene.eye[0], scene.eye[1], scene.eye[2])
    d = wp.normalize(p - center)
    angle = wp.acos(wp.clamp(-d[1], -1.0, 1.0)) * 57.29578
    turn = wp.atan2(d[2], d[0])
    q = wp.vec3(wp.cos(turn) * 9.0, wp.sin(turn) * 9.0, angle * 0.09)
    fibres = wp.clamp(1.0 + 0.35 * noise_at(scene.noise, q), 0.3, 2.0)
    white = wp.vec3(0.78, 0.74, 0.72) * (1.0 - 0.15 * step(25.0, 60.0, angle))
    inside = step(25.0, 23.0, angle)
    rim = step(20.0, 23.5, angle) * inside
    iris = look_color(scene, person, 6) * fibres * (1.0 - 0.6 * rim)
    color = lerp(white, iris, inside)
    color = lerp(color, wp.vec3(0.005, 0.005, 0.005), step(9.5, 8.5, angle))
    paint = Paint()
    paint.color = color
    paint.roughness = 0.08
    paint.gloss = 0.04
    paint.bump = 0.0
    return paint
