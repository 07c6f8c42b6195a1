"""Functions that several kernels use."""

import warp as wp

from .structs import Scene, View

PI = wp.constant(3.14159265)


@wp.func
def step(low: float, high: float, x: float):
    """Cubic step from 0 at ``low`` to 1 at ``high``."""
    t = wp.clamp((x - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


@wp.func
def fract(x: float):
    """Part after the point, in [0, 1)."""
    return x - wp.floor(x)


@wp.func
def scaled(p: wp.vec3, x: float, y: float, z: float, offset: float):
    """Cells of the noise volume at a point."""
    return wp.vec3(p[0] * x + offset, p[1] * y + 1.7 * offset, p[2] * z + 2.3 * offset)


@wp.func
def noise_at(volume: wp.array3d(dtype=float), p: wp.vec3):
    """Tiled noise, about normal with deviation 1; ``p`` in cells."""
    bx = wp.floor(p[0])
    by = wp.floor(p[1])
    bz = wp.floor(p[2])
    fx = p[0] - bx
    fy = p[1] - by
    fz = p[2] - bz
    x0 = int(bx) & 63
    y0 = int(by) & 63
    z0 = int(bz) & 63
    x1 = (x0 + 1) & 63
    y1 = (y0 + 1) & 63
    z1 = (z0 + 1) & 63
    a = volume[x0, y0, z0] * (1.0 - fz) + volume[x0, y0, z1] * fz
    b = volume[x0, y1, z0] * (1.0 - fz) + volume[x0, y1, z1] * fz
    c = volume[x1, y0, z0] * (1.0 - fz) + volume[x1, y0, z1] * fz
    d = volume[x1, y1, z0] * (1.0 - fz) + volume[x1, y1, z1] * fz
    return (a * (1.0 - fy) + b * fy) * (1.0 - fx) + (c * (1.0 - fy) + d * fy) * fx


@wp.func
def hash_at(i: int, seed: float):
    """A number in [0, 1) for an integer."""
    state = wp.rand_init(int(seed * 1000.0), i)
    return wp.randf(state)


@wp.func
def panorama_at(image: wp.array2d(dtype=wp.vec3), d: wp.vec3):
    """Radiance from a direction; row 0 is straight up, middle column -y."""
    rows = image.shape[0]
    columns = image.shape[1]
    u = wp.atan2(d[0], -d[1]) / (2.0 * PI) + 0.5
    v = wp.acos(wp.clamp(d[2], -1.0, 1.0)) / PI
    x = u * float(columns) - 0.5
    y = wp.clamp(v * float(rows) - 0.5, 0.0, float(rows) - 1.001)
    bx = wp.floor(x)
    y0 = int(y)
    x0 = (int(bx) + columns) % columns
    x1 = (x0 + 1) % columns
    y1 = wp.min(y0 + 1, rows - 1)
    fx = x - bx
    fy = y - float(y0)
    top = image[y0, x0] * (1.0 - fx) + image[y0, x1] * fx
    low = image[y1, x0] * (1.0 - fx) + image[y1, x1] * fx
    return top * (1.0 - fy) + low * fy


@wp.func
def image_at(image: wp.array2d(dtype=wp.vec3), u: float, v: float):
    """Bilinear value of an image; (0, 0) and (1, 1) are its corners."""
    rows = image.shape[0]
    columns = image.shape[1]
    x = wp.clamp(u * float(columns) - 0.5, 0.0, float(columns) - 1.001)
    y = wp.clamp(v * float(rows) - 0.5, 0.0, float(rows) - 1.001)
    x0 = int(x)
    y0 = int(y)
    x1 = wp.min(x0 + 1, columns - 1)
    y1 = wp.min(y0 + 1, rows - 1)
    fx = x - float(x0)
    fy = y - float(y0)
    top = image[y0, x0] * (1.0 - fx) + image[y0, x1] * fx
    low = image[y1, x0] * (1.0 - fx) + image[y1, x1] * fx
    return top * (1.0 - fy) + low * fy


@wp.func
def texel(image: wp.array3d(dtype=wp.uint8), u: float, v: float, channel: int):
    """Bilinear value in [0, 1] of a texture whose row 0 is v = 1."""
    rows = image.shape[0]
    columns = image.shape[1]
    x = wp.clamp(u * float(columns) - 0.5, 0.0, float(columns) - 1.001)
    y = wp.clamp((1.0 - v) * float(rows) - 0.5, 0.0, float(rows) - 1.001)
    x0 = int(x)
    y0 = int(y)
    x1 = wp.min(x0 + 1, columns - 1)
    y1 = wp.min(y0 + 1, rows - 1)
    fx = x - float(x0)
    fy = y - float(y0)
    a = float(image[y0, x0, channel]) * (1.0 - fx)
    a += float(image[y0, x1, channel]) * fx
    b = float(image[y1, x0, channel]) * (1.0 - fx)
    b += float(image[y1, x1, channel]) * fx
    return (a * (1.0 - fy) + b * fy) / 255.0


@wp.func
def view_ray(view: View, x: float, y: float):
    """Direction of a pixel with unit z in the camera's frame.

    Distances along it are depths.
    """
    d = wp.vec3((x - view.cx) / view.focal, (y - view.cy) / view.focal, 1.0)
    return wp.transpose(view.rotation) * d


@wp.func
def corner_weights(u: float, v: float):
    """Weights of the three corners of a hit."""
    return wp.vec3(u, v, 1.0 - u - v)


@wp.func
def mixed(values: wp.array(dtype=wp.vec3), scene: Scene, face: int, w: wp.vec3):
    """A vector interpolated over a triangle."""
    a = scene.faces[face, 0]
    b = scene.faces[face, 1]
    c = scene.faces[face, 2]
    return values[a] * w[0] + values[b] * w[1] + values[c] * w[2]


@wp.func
def mixed_extra(scene: Scene, face: int, w: wp.vec3, column: int):
    """A column of ``extra`` interpolated over a triangle."""
    a = scene.faces[face, 0]
    b = scene.faces[face, 1]
    c = scene.faces[face, 2]
    return (
        scene.extra[a, column] * w[0]
        + scene.extra[b, column] * w[1]
        + scene.extra[c, column] * w[2]
    )


@wp.func
def is_sheet(material: int):
    """Whether both sides of a material are seen: lash, cloth, hair."""
    return material == 5 or (material >= 6 and material <= 11)


@wp.func
def facing_normal(scene: Scene, face: int, w: wp.vec3, ray: wp.vec3):
    """Unit normal, on the visible side of the surface.

    Interpolated normals at the outline may point away from the viewer; they are turned back until
    they are perpendicular to the ray.
    """
    n = wp.normalize(mixed(scene.normals, scene, face, w))
    d = wp.normalize(ray)
    along = wp.dot(n, d)
    material = scene.material[face]
    if along > 0.0 and is_sheet(material):
        a = scene.faces[face, 0]
        points = wp.mesh_get(scene.mesh).points
        p = points[a]
        side = wp.cross(points[scene.faces[face, 1]] - p, points[scene.faces[face, 2]] - p)
        if wp.dot(side, d) > 0.0:
            n = -n
            along = -along
    if along > 0.0:
        n = wp.normalize(n - d * (along + 0.001))
    return n
