"""Rays from the camera, their labels, and rays between points."""

# ruff: noqa: UP018
# A variable that a loop changes starts with a cast in Warp.

import warp as wp

from .common import corner_weights, facing_normal, mixed, mixed_extra, panorama_at, texel, view_ray
from .structs import Light, Scene, View

FAR = wp.constant(1.0e4)
GRAZING = wp.constant(0.1)


@wp.func
def sided(left: int, rest: wp.vec3):
    """Id of a class on the side of a point, given that of the left one."""
    result = left
    if rest[0] <= 0.0:
        result = left + 9
    return result


@wp.func
def skin_class(scene: Scene, face: int, w: wp.vec3, rest: wp.vec3):
    """Class of a point of the skin."""
    region = scene.region[face]
    arm = mixed_extra(scene, face, w, 2)
    leg = mixed_extra(scene, face, w, 3)
    x = wp.abs(rest[0])
    result = 21  # Torso
    if region == 1:
        result = 2  # Face_Neck
        u = mixed_extra(scene, face, w, 0)
        v = mixed_extra(scene, face, w, 1)
        if texel(scene.masks, u, v, 0) > 0.5:
            result = 24  # Upper_Lip
            if mixed_extra(scene, face, w, 4) > 0.5:
                result = 23
    elif region == 6:
        result = 2
    elif region == 2 or region == 3:
        result = sided(5, rest)
    elif region == 4 or region == 5:
        result = sided(4, rest)
    elif arm > -0.02:
        result = sided(10, rest)
        if arm >= 1.0:
            result = sided(6, rest)
    elif leg > 0.06:
        result = sided(11, rest)
        if leg >= 1.0:
            result = sided(7, rest)
        if leg > 2.02:
            result = sided(4, rest)
    else:
        collar = scene.neck - 0.035 - 0.25 * wp.clamp(x - 0.05, 0.0, 0.2)
        if rest[2] > collar and x < 0.13:
            result = 2
    return result


@wp.func
def class_at(scene: Scene, face: int, w: wp.vec3):
    """Id of the class at a hit; 0 for props, 255 for scans."""
    material = scene.material[face]
    rest = mixed(scene.rest, scene, face, w)
    result = 0
    if material == 0:
        result = skin_class(scene, face, w, rest)
    elif material == 1 or material == 5:
        result = 2  # eye, lash: Face_Neck
    elif material == 2:
        result = 26
    elif material == 3:
        result = 25
    elif material == 4:
        result = 27
    elif material == 6:
        result = 22
    elif material == 7:
        result = 12
    elif material == 8:
        result = sided(9, rest)
    elif material == 9:
        result = sided(8, rest)
    elif material == 10:
        result = 3
    elif material == 11:
        result = 1
    elif material == 13:
        result = 255
    return result


@wp.kernel
def trace_band(
    scene: Scene,
    view: View,
    bounds: wp.vec4,
    row: int,
    width: int,
    hit: wp.array(dtype=int),
    where: wp.array(dtype=wp.vec2),
    label: wp.array(dtype=wp.uint8),
    instance: wp.array(dtype=wp.uint8),
    depth: wp.array(dtype=float),
    normal: wp.array(dtype=wp.vec3),
):
    """Labels of a band of rows, one ray through the middle of each pixel.

    ``bounds`` are the least and greatest x and y where anything can be.
    """
    i = wp.tid()
    x = float(i % width) + 0.5
    y = float(row + i / width) + 0.5
    hit[i] = -1
    label[i] = wp.uint8(0)
    instance[i] = wp.uint8(0)
    depth[i] = 0.0
    normal[i] = wp.vec3(0.0, 0.0, 0.0)
    if x < bounds[0] or y < bounds[1] or x > bounds[2] or y > bounds[3]:
        return
    d = view_ray(view, x, y)
    q = wp.mesh_query_ray(scene.mesh, view.center, d, FAR)
    if q.result:
        hit[i] = q.face
        where[i] = wp.vec2(q.u, q.v)
        w = corner_weights(q.u, q.v)
        found = class_at(scene, q.face, w)
        if found > 0:
            label[i] = wp.uint8(found)
            instance[i] = wp.uint8(scene.person[q.face] + 1)
            depth[i] = q.t
            n = view.rotation * facing_normal(scene, q.face, w, d)
            normal[i] = wp.vec3(n[0], -n[1], -n[2])


@wp.kernel
def first_hits(
    scene: Scene,
    origin: wp.vec3,
    directions: wp.array(dtype=wp.vec3),
    distance: wp.array(dtype=float),
    person: wp.array(dtype=int),
):
    """Distance and owner of what rays from one point meet; -1 for nothing."""
    i = wp.tid()
    q = wp.mesh_query_ray(scene.mesh, origin, directions[i], FAR)
    distance[i] = -1.0
    person[i] = -1
    if q.result:
        distance[i] = q.t
        person[i] = scene.person[q.face]


@wp.kernel
def look_up(light: Light, directions: wp.array(dtype=wp.vec3), out: wp.array(dtype=wp.vec3)):
    """Radiance from directions."""
    i = wp.tid()
    out[i] = panorama_at(light.panorama, directions[i])


@wp.kernel
def gather_light(
    scene: Scene,
    radiances: wp.array(dtype=wp.vec3),
    vertices: wp.array(dtype=int),
    points: wp.array(dtype=wp.vec3),
    directions: wp.array(dtype=wp.vec3),
    reach: float,
    out: wp.array(dtype=wp.vec4),
):
    """Irradiance and openness of vertices.

    What blocks a direction sends back a part of the light from there. Directions along the surface
    weigh little and are left out.
    """
    i = vertices[wp.tid()]
    n = scene.normals[i]
    o = points[i] + n * 0.002
    total = wp.vec3(0.0, 0.0, 0.0)
    open = float(0.0)
    weight = float(0.0)
    for k in range(directions.shape[0]):
        d = directions[k]
        c = wp.dot(n, d)
        if c > GRAZING:
            weight += c
            radiance = radiances[k]
            if wp.mesh_query_ray_anyhit(scene.mesh, o, d, reach):
                total += wp.cw_mul(radiance, wp.vec3(0.16, 0.11, 0.09)) * c
            else:
                open += c
                total += radiance * c
    weight = wp.max(weight, 1.0e-6)
    scale = 3.14159265 / weight
    out[i] = wp.vec4(total[0] * scale, total[1] * scale, total[2] * scale, open / weight)
