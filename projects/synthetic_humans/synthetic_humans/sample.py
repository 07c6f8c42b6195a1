"""One image with all labels, from a seed.

``render_sample`` is a function of its settings, the seed and the number of the image: nothing
else, whatever process calls it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from .backgrounds import sample_setting
from .cameras import VIEW_CHANCES, VIEWS, Camera
from .labels import CLASS_ID, CLASSES
from .landmarks import Keypoints, Landmarks, see_keypoints
from .looks import Look, sample_look
from .people import Person
from .raycast import Anatomy, Maps, Renderer, Stopwatch
from .scene import assemble, fit_people, sample_people
from .settings import Settings
from .template import load_template

_EXPOSURE = 0.17
"""Mean linear brightness of people, before the curve."""


@dataclass
class PersonLabels:
    """Labels of one person in an image.

    Args:
        subject (str): Who it is, for splits by subject.
        keypoints (Keypoints | None): None for scans.
        box (tuple[int, int, int, int] | None): x, y, width, height of the visible pixels; None if
            there are none.
        area (int): Visible pixels.
        outline (list[list[int]]): Polygons x, y, x, y, ... around them.
        facts (dict[str, object]): Age, pose, clothes and the like.
    """

    subject: str
    keypoints: Keypoints | None
    box: tuple[int, int, int, int] | None
    area: int
    outline: list[list[int]] = field(default_factory=list)
    facts: dict[str, object] = field(default_factory=dict)


@dataclass
class Sample:
    """An image with its labels.

    Args:
        rgb (NDArray): uint8 (H, W, 3).
        maps (Maps): Labels of pixels.
        people (list[PersonLabels]): Of instances 1, 2, and so on.
        camera (Camera): The camera.
        view (str): One of ``VIEWS``.
        seconds (dict[str, float]): Time by stage.
        facts (dict[str, object]): Of the setting.
    """

    rgb: NDArray[np.uint8]
    maps: Maps
    people: list[PersonLabels]
    camera: Camera
    view: str
    seconds: dict[str, float]
    facts: dict[str, object] = field(default_factory=dict)

    @property
    def has_parts(self) -> bool:
        """Whether the classes of the pixels are known; not for scans."""
        return all(person.keypoints is not None for person in self.people)


@cache
def load_landmarks() -> Landmarks:
    """The landmarks of this process."""
    return Landmarks(load_template())


@cache
def load_anatomy() -> Anatomy:
    """Places of the rest pose that kernels refer to."""
    template = load_template()
    return Anatomy(
        template.eye,
        template.head_center,
        template.heights.neck,
        template.heights.floor,
        template.body.masks,
    )


def render_sample(settings: Settings, index: int) -> Sample:
    """Image number ``index`` of a dataset."""
    watch = Stopwatch()
    rng = np.random.default_rng([settings.seed, index])
    chances = np.array([VIEW_CHANCES[VIEWS.index(v)] for v in settings.views])
    view = str(rng.choice(settings.views, p=chances / chances.sum()))
    template = load_template()
    with watch.stage('body'):
        people, aim = sample_people(settings, view, rng)
        people, camera = fit_people(people, aim, view, settings.size_hw, rng)
    with watch.stage('clothes'):
        looks = [sample_look(p, template.heights, rng) for p in people]
        surface, owner = assemble(people, looks)
    with watch.stage('bvh'):
        renderer = Renderer(
            surface,
            owner,
            looks=np.stack([look.row for look in looks]),
            patterns=np.concatenate([look.pattern_rows() for look in looks]),
            anatomy=load_anatomy(),
            device=settings.device,
        )
    rgb, maps, facts = paint(renderer, camera, view, settings, rng, watch)
    with watch.stage('keypoints'):
        labels = []
        for row, (person, look) in enumerate(zip(people, looks)):
            keypoints = see_keypoints(
                renderer,
                camera,
                load_landmarks().locate(person.body.vertices),
                person=row,
                scale=person.scale,
            )
            mask = maps.instance == row + 1
            box, area = visible_box(mask)
            if box is not None:
                away = person.faces_away_from(camera.center)
                keypoints = keypoints.guessable(box, faces_away=away)
            labels.append(
                PersonLabels(
                    f'anny-{settings.seed}-{index:08d}-{row}',
                    keypoints,
                    box,
                    area,
                    trace_outline(mask),
                    _facts(person, look),
                )
            )
    return Sample(rgb, maps, labels, camera, view, watch.seconds, facts)


def paint(
    renderer: Renderer,
    camera: Camera,
    view: str,
    settings: Settings,
    rng: Generator,
    watch: Stopwatch,
) -> tuple[NDArray[np.uint8], Maps, dict[str, object]]:
    """Labels of pixels, and a photograph of the scene in a random setting.

    Returns:
        tuple: The image, the maps, and facts about the setting.
    """
    setting = sample_setting(
        rng, camera=camera.center, panoramas=settings.panoramas, images=settings.images
    )
    with watch.stage('labels'):
        maps, bands = renderer.trace(camera)
    with watch.stage('soft light'):
        renderer.gather(setting, bands)
    with watch.stage('background'):
        blur = rng.uniform(0.3, 3.0) / 768 * (2 if view == 'face' else 1)
        backdrop = renderer.backdrop(camera, setting, rng, float(blur))
    with watch.stage('shading'):
        seed = int(rng.integers(2**30))
        linear = renderer.color(camera, setting, bands, backdrop, seed)
    with watch.stage('tones'):
        gain = _exposure(linear, maps.instance > 0, rng)
        rgb = renderer.develop(
            linear,
            gain=gain,
            blur=float(rng.uniform(0.3, 0.65)),
            grain=float(rng.uniform(0.002, 0.015)),
            seed=seed + 1,
        )
    image = None if setting.image is None else setting.image.name
    return rgb, maps, {'setting': setting.kind, 'background': image}


def _exposure(linear: NDArray, mask: NDArray, rng: Generator) -> NDArray:
    """Factors (3,) that bring people to a usual brightness."""
    whole = float(linear[::2, ::2].mean())
    people = float(linear[mask].mean()) if mask.any() else whole
    gain = _EXPOSURE / max(people, 1e-3) * np.exp(rng.normal(0, 0.25))
    # Like a camera, do not let a bright background burn out entirely.
    gain = gain * (0.4 + 0.6 * min(1, 0.3 / max(whole * gain, 1e-3)))
    return 0.9 * gain * np.exp(rng.normal(0, 0.05, 3))


def visible_box(mask: NDArray) -> tuple[tuple[int, int, int, int] | None, int]:
    """Box x, y, width, height around set pixels, and their number."""
    rows, columns = mask.any(1).nonzero()[0], mask.any(0).nonzero()[0]
    if not len(rows):
        return None, 0
    left, top = int(columns[0]), int(rows[0])
    width, height = int(columns[-1]) - left + 1, int(rows[-1]) - top + 1
    return (left, top, width, height), int(mask.sum())


def trace_outline(mask: NDArray) -> list[list[int]]:
    """Polygons x, y, x, y, ... around the parts of a mask."""
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return [c.reshape(-1).tolist() for c in found if len(c) >= 3]


def _facts(person: Person, look: Look) -> dict[str, object]:
    return {
        'years': round(person.years, 1),
        'female': person.is_female,
        'pose': person.pose,
        'pose_tries': person.tries,
        'crossing_faces': person.crossings,
        'upper': look.shirt,
        'lower': look.trousers,
        'hair': look.hair,
        'phenotype': {k: round(v, 4) for k, v in person.phenotype.items()},
        'face': {k: round(v, 3) for k, v in person.face.items()},
    }


def is_dressed(sample: Sample) -> bool:
    """Whether everybody seen at full length wears both garments.

    Each visible person whose hips and shoulders are seen must show upper and lower clothing.
    """
    upper, lower = CLASS_ID['Upper_Clothing'], CLASS_ID['Lower_Clothing']
    for row, person in enumerate(sample.people):
        if person.keypoints is None or person.box is None:
            continue
        seen = person.keypoints.visibility
        sides = ('left', 'right')
        whole = all(
            seen[f'{side}_{part}'] == 2 for side in sides for part in ('shoulder', 'hip', 'knee')
        )
        counts = np.bincount(
            sample.maps.label[sample.maps.instance == row + 1], minlength=len(CLASSES)
        )
        if whole and not (counts[upper] and counts[lower]):
            return False
    return True
