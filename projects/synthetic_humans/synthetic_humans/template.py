"""Static fields of the body: limb coordinates, hair line, jaw, garments."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial import cKDTree

from .bodies import NEUTRAL, BodyModel, load_body_model
from .geometry import compact, face_sums, mean_of_neighbors, subdivide, unit, with_midpoints


@dataclass(frozen=True)
class Sheet:
    """A part of the base mesh from which cloth or hair is made.

    Args:
        vertices (NDArray): Base-mesh numbers.
        faces (NDArray): Triangles of these vertices.
        edges (NDArray): Edges whose midpoints follow the vertices.
        fine_faces (NDArray): Triangles of vertices and midpoints.
        rest (NDArray): Rest positions of vertices and midpoints.
        smooth (sparse.csr_matrix): Mean of neighbors, coarse.
        fine_smooth (sparse.csr_matrix): The same with midpoints.
        sums (sparse.csr_matrix): Sums over triangles at vertices, coarse.
        fine_sums (sparse.csr_matrix): The same with midpoints.
    """

    vertices: NDArray
    faces: NDArray
    edges: NDArray
    fine_faces: NDArray
    rest: NDArray
    smooth: sparse.csr_matrix
    fine_smooth: sparse.csr_matrix
    sums: sparse.csr_matrix
    fine_sums: sparse.csr_matrix

    def refine(self, values: NDArray) -> NDArray:
        """Values of the base mesh at vertices and midpoints."""
        return with_midpoints(values[self.vertices], self.edges)

    def normals(self, points: NDArray) -> NDArray:
        """Unit normals of vertices, or of vertices and midpoints."""
        fine = len(points) == len(self.rest)
        faces = self.fine_faces if fine else self.faces
        a, b, c = (points[faces[:, k]] for k in range(3))
        sums = self.fine_sums if fine else self.sums
        return unit(sums @ np.cross(b - a, c - a))


def make_sheet(body: BodyModel, faces: NDArray) -> Sheet:
    """A sheet of triangles given with base-mesh numbers."""
    vertices, coarse = compact(faces, len(body.rest))
    edges, fine = subdivide(coarse, len(vertices))
    rest = with_midpoints(body.rest[vertices], edges)
    return Sheet(
        vertices,
        coarse,
        edges,
        fine,
        rest,
        mean_of_neighbors(coarse, len(vertices)),
        mean_of_neighbors(fine, len(rest)),
        face_sums(coarse, len(vertices)),
        face_sums(fine, len(rest)),
    )


@dataclass(frozen=True)
class Heights:
    """Heights of the rest pose in meters."""

    hip: float
    knee: float
    ankle: float
    neck: float
    floor: float


class Template:
    """Fields on the base mesh in its rest pose, one value for each vertex.

    Attributes:
        arm (NDArray): Along an arm: 0 shoulder, 1 elbow, 2 wrist; -0.3 on the rest of the body.
        leg (NDArray): Along a leg: 0 hip, 1 knee, 2 ankle.
        arm_weight (NDArray): How much a vertex moves with an arm.
        trunk_height (NDArray): z, raised on the arms above any hem.
        scalp (NDArray): Metres above the hair line; -1 below the head.
        jaw (NDArray): 0 on the upper and 1 on the lower lip.
        eye (NDArray): Center of the left eyeball.
        head_center (NDArray): Middle of the head at the height of the eyes.
        mirror (NDArray): The vertex on the other side.
        suit (Sheet): Surface a few millimetres off the skin.
        skirt (Sheet): A long skirt.
        strands (Sheet): Long hair.
    """

    def __init__(self, body: BodyModel) -> None:
        self.body = body
        rest, joints = body.rest, body.rest_joints
        soles = rest[body.vertices_of('body'), 2].min()
        self.heights = Heights(
            hip=float(joints['upperleg01.L'][2]),
            knee=float(joints['lowerleg01.L'][2]),
            ankle=float(joints['foot.L'][2]),
            neck=float(joints['neck01'][2]),
            floor=float(soles),
        )
        self._add_limbs()
        self._add_head()
        self.mirror: NDArray = cKDTree(rest).query(rest * [-1, 1, 1])[1]
        self.suit = make_sheet(body, body.triangles_of('helper-tights'))
        self.skirt = make_sheet(body, body.triangles_of('helper-skirt'))
        self.strands = make_sheet(body, body.triangles_of('helper-hair'))

    def _add_limbs(self) -> None:
        rest, joints = self.body.rest, self.body.rest_joints
        weight = self.body.weight_of('upperarm', 'lowerarm', 'wrist', 'finger', 'metacarpal')
        along = np.full(len(rest), -0.3)
        for side in 'LR':
            shoulder = joints[f'upperarm01.{side}']
            elbow = joints[f'lowerarm01.{side}']
            wrist = joints[f'wrist.{side}']
            upper, lower = elbow - shoulder, wrist - elbow
            bisector = unit(unit(upper) + unit(lower))
            on_upper = (rest - shoulder) @ upper / (upper @ upper)
            on_lower = (rest - elbow) @ lower / (lower @ lower)
            value = np.where(
                (rest - elbow) @ bisector < 0, np.minimum(on_upper, 1), 1 + np.maximum(on_lower, 0)
            )
            mine = (rest[:, 0] > 0) == (side == 'L')
            along[mine] = value[mine]
        self.arm_weight: NDArray = weight
        self.arm: NDArray = weight * along + (1 - weight) * -0.3
        tall = self.heights
        self.trunk_height: NDArray = rest[:, 2] * (1 - weight) + weight * (tall.hip + 0.3)
        self.leg: NDArray = self.leg_coordinate(self.trunk_height)

    def leg_coordinate(self, height: NDArray) -> NDArray:
        """0 at the hip, 1 at the knee, 2 at the ankle."""
        tall = self.heights
        return np.where(
            height > tall.knee,
            (tall.hip - height) / (tall.hip - tall.knee),
            1 + (tall.knee - height) / (tall.knee - tall.ankle),
        )

    def _add_head(self) -> None:
        body, rest = self.body, self.body.rest
        self.eye: NDArray = rest[body.vertices_of('helper-l-eye')].mean(0)
        # Telling the lips apart by height fails at the corners of the mouth.
        opened = body.pose({}, NEUTRAL, {'jawOpen': 1.0}).vertices
        self.jaw: NDArray = np.clip((rest[:, 2] - opened[:, 2]) / 0.012, 0, 1)
        weight = body.weights[:, body.bone_names.index('head')]
        y = rest[weight > 0.9, 1]
        self.head_center: NDArray = np.array([0, 0.5 * (y.min() + y.max()) + 0.01, self.eye[2]])
        self.head_weight: NDArray = weight
        to_head = rest - self.head_center
        azimuth = np.degrees(np.abs(np.arctan2(to_head[:, 0], -to_head[:, 1])))
        hair_line = np.interp(
            azimuth,
            [0, 25, 45, 58, 70, 80, 88, 100, 112, 125, 180],
            [.068, .066, .056, .035, .018, -.012, .03, .035, 0, -.045, -.075],
        )  # fmt: skip
        self.scalp: NDArray = np.where(weight > 0.3, to_head[:, 2] - hair_line, -1.0)


@cache
def load_template() -> Template:
    """The template of this process."""
    return Template(load_body_model())
