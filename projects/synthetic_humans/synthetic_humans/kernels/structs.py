"""What kernels read: the scene, the light, the camera."""

import warp as wp


@wp.struct
class Scene:
    """Triangles of all people. Shapes: V vertices, F faces, P people.

    Attributes of vertices and faces are those of ``surfaces.py``. Vertices of scans keep their
    color in ``rest``.
    """

    mesh: wp.uint64
    faces: wp.array2d(dtype=int)  # (F, 3)
    normals: wp.array(dtype=wp.vec3)  # (V,) world
    rest: wp.array(dtype=wp.vec3)  # (V,)
    extra: wp.array2d(dtype=float)  # (V, 6) u v arm leg jaw scalp
    light: wp.array(dtype=wp.vec4)  # (V,) irradiance, openness
    material: wp.array(dtype=int)  # (F,)
    region: wp.array(dtype=int)  # (F,)
    person: wp.array(dtype=int)  # (F,) from 0
    looks: wp.array2d(dtype=float)  # (P, 20)
    patterns: wp.array2d(dtype=float)  # (5 P, 10)
    noise: wp.array3d(dtype=float)
    masks: wp.array3d(dtype=wp.uint8)  # (1024, 1024, 4)
    texture: wp.array3d(dtype=wp.uint8)  # of a scan; 1x1 if there is none
    eye: wp.vec3
    head: wp.vec3
    neck: float
    floor: float


@wp.struct
class Light:
    """Light from everywhere, and key lights from directions."""

    panorama: wp.array2d(dtype=wp.vec3)  # radiance by direction
    directions: wp.array(dtype=wp.vec3)
    colors: wp.array(dtype=wp.vec3)
    spreads: wp.array(dtype=float)
    count: int


@wp.struct
class View:
    """A pinhole camera, OpenCV's axes."""

    rotation: wp.mat33  # world to camera
    center: wp.vec3
    focal: float
    cx: float
    cy: float


@wp.struct
class Backdrop:
    """An analytic background; which fields count depends on the kind."""

    kind: int  # 0 room, 1 sky, 2 studio, 3 panorama
    style: int
    offset: float  # of the noise
    size: wp.vec3
    walls: wp.array(dtype=wp.vec3)
    rects: wp.array2d(dtype=float)
    ambient: wp.vec3
    floor: wp.vec3
    ceiling: wp.vec3
    color: wp.vec3
    cloud: float
    skyline: float
    reach: float  # where people cast shadows on the floor
    panorama: wp.array2d(dtype=wp.vec3)
