"""What a person looks like: colors, garments, hair, accessories, sampled.

Everybody wears an upper and a lower garment. Lengths of sleeves and legs are in the limb
coordinates of the template: 0 shoulder or hip, 1 elbow or knee, 2 wrist or ankle.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from .people import Person
from .template import Heights

SKINS = (
    (0.93, 0.78, 0.69), (0.88, 0.70, 0.58), (0.82, 0.62, 0.49),
    (0.74, 0.54, 0.41), (0.63, 0.44, 0.32), (0.50, 0.34, 0.24),
    (0.38, 0.25, 0.18), (0.28, 0.18, 0.13),
)  # fmt: skip
HAIRS = (
    (0.06, 0.05, 0.045), (0.12, 0.08, 0.05), (0.22, 0.14, 0.08),
    (0.38, 0.25, 0.13), (0.62, 0.46, 0.25), (0.75, 0.62, 0.40),
    (0.45, 0.16, 0.06), (0.60, 0.60, 0.60), (0.85, 0.84, 0.82),
)  # fmt: skip
HAIR_CHANCES = (0.28, 0.22, 0.16, 0.10, 0.07, 0.04, 0.04, 0.05, 0.04)
IRISES = (
    (0.25, 0.15, 0.07), (0.16, 0.10, 0.06), (0.28, 0.38, 0.50),
    (0.30, 0.36, 0.22), (0.40, 0.28, 0.12),
)  # fmt: skip

PATTERNS: dict[str, float] = {
    'solid': 0.38,
    'noise': 0.16,
    'hstripe': 0.11,
    'vstripe': 0.05,
    'check': 0.09,
    'dots': 0.05,
    'camo': 0.06,
    'print': 0.10,
}
"""Pattern of a cloth -> probability; the order is known to the kernels."""

GARMENTS = ('upper', 'lower', 'sock', 'shoe', 'apparel')
"""Materials with a pattern, in the order of the rows of a person."""

HAIR_STYLES: dict[str, tuple[float, float]] = {
    'bald': (0.06, 0.01),
    'buzz': (0.12, 0.03),
    'short': (0.42, 0.12),
    'medium': (0.14, 0.22),
    'long': (0.10, 0.36),
    'afro': (0.07, 0.07),
    'bun': (0.09, 0.19),
}
"""Hair style -> probability for a man, for a woman."""

PATTERN_COLUMNS = 10
LOOK_COLUMNS = 20


def linear(color: ArrayLike) -> NDArray:
    """Display color to linear light."""
    return np.asarray(color, float) ** 2.2


def sample_color(rng: Generator) -> NDArray:
    """A color (3,) of cloth, paint or light, for display."""
    if rng.random() < 0.35:
        value = rng.uniform(0.05, 0.92)
        return value * rng.uniform(0.95, 1.05, 3)
    hue, saturation = rng.random(), rng.beta(2, 2.4)
    value = rng.uniform(0.14, 0.95)
    return np.array(colorsys.hsv_to_rgb(hue, saturation, value))


@dataclass(frozen=True)
class Pattern:
    """Colors of a cloth.

    Args:
        colors (NDArray): Two colors (2, 3), linear.
        kind (str): A key of :data:`PATTERNS`.
        frequency (float): Repetitions in a meter.
        seed (float): Offset of the noise in [0, 64).
        roughness (float): 0 a mirror, 1 chalk.
    """

    colors: NDArray
    kind: str
    frequency: float
    seed: float
    roughness: float

    def row(self) -> NDArray[np.float32]:
        """The numbers that the kernels read, (10,)."""
        kind = list(PATTERNS).index(self.kind)
        tail = [kind, self.frequency, self.seed, self.roughness]
        return np.r_[self.colors.ravel(), tail].astype(np.float32)


def sample_pattern(rng: Generator) -> Pattern:
    """A random cloth."""
    kind = rng.choice(list(PATTERNS), p=list(PATTERNS.values()))
    return Pattern(
        np.stack([linear(sample_color(rng)), linear(sample_color(rng))]),
        str(kind),
        float(rng.uniform(12, 55)),
        float(rng.uniform(0, 64)),
        float(rng.uniform(0.55, 0.95)),
    )


@dataclass(frozen=True)
class Look:
    """Colors, garments and hair of one person.

    Args:
        shirt (str): tank, tshirt, long or dress.
        trousers (str): shorts, knee, long, leggings or skirt.
        sleeve (float): Where a sleeve ends.
        neckline (float): Metres below the collar.
        v_neck (float): Further meters in front.
        hem (float): Height where the upper garment ends, rest pose.
        waist (float): Height where the lower garment begins.
        leg (float): Where a leg of the trousers ends.
        skirt (float | None): Where a skirt ends.
        upper_offset (float): Metres from the skin.
        lower_offset (float): Likewise.
        upper_folds (float): Depth of the folds in meters.
        lower_folds (float): Likewise.
        sock (float | None): Where a sock ends.
        shoe (float | None): Where a shoe ends.
        hair (str): A key of :data:`HAIR_STYLES`.
        cap, scarf, belt, glasses (bool): Accessories.
        row (NDArray): One row of the kernels' table of looks.
        patterns (dict[str, Pattern]): Garment -> cloth.
        seed (int): Seed of folds and strands.
    """

    shirt: str
    trousers: str
    sleeve: float
    neckline: float
    v_neck: float
    hem: float
    waist: float
    leg: float
    skirt: float | None
    upper_offset: float
    lower_offset: float
    upper_folds: float
    lower_folds: float
    sock: float | None
    shoe: float | None
    hair: str
    cap: bool
    scarf: bool
    belt: bool
    glasses: bool
    row: NDArray[np.float32]
    seed: int
    patterns: dict[str, Pattern] = field(default_factory=dict)

    def pattern_rows(self) -> NDArray[np.float32]:
        """Rows (5, 10) of the kernels' table of patterns."""
        return np.stack([self.patterns[name].row() for name in GARMENTS])


def _choose(rng: Generator, table: dict[str, float]) -> str:
    chances = np.array(list(table.values()))
    return str(rng.choice(list(table), p=chances / chances.sum()))


def _colors(person: Person, hair: str, rng: Generator) -> NDArray:
    shape = person.phenotype
    total = sum(shape[k] for k in ('african', 'asian', 'caucasian'))
    center = 1.9 + 3.4 * shape['african'] / total
    tone = SKINS[int(np.clip(rng.normal(center, 1.0), 0, len(SKINS) - 1))]
    skin = linear(np.clip(np.array(tone) * rng.uniform(0.93, 1.07, 3), 0.05, 1))
    if person.years > 60:
        strands = HAIRS[rng.choice([0, 1, 2, 7, 7, 8])]
    else:
        strands = HAIRS[rng.choice(len(HAIRS), p=HAIR_CHANCES)]
    made_up = float(rng.uniform(0, 1)) if person.is_female else 0.0
    lips = skin * [0.95, 0.55, 0.55] * (1 - 0.5 * made_up) + (
        np.array([0.5, 0.06, 0.08]) * 0.5 * made_up * (skin.mean() + 0.3)
    )
    bearded = not person.is_female and rng.random() < 0.4
    curls = hair in ('afro', 'short', 'buzz')
    row: NDArray = np.zeros(LOOK_COLUMNS, np.float32)
    row[0:3], row[3:6] = skin, linear(strands)
    row[6:9] = linear(IRISES[rng.integers(len(IRISES))])
    row[9:12] = lips
    row[12:] = [
        rng.uniform(0, 64),
        rng.uniform(0.5, 1),
        rng.uniform(0.2, 1) if bearded else 0,
        0.12 if hair == 'bald' else 0.6,
        float(curls),
        0.6 if rng.random() < 0.5 else 0.03,
        rng.uniform(0.3, 1),
        0,
    ]
    return row


def sample_look(person: Person, heights: Heights, rng: Generator) -> Look:
    """Clothes, hair and colors of a person.

    Args:
        person (Person): Gives sex, age and origin.
        heights (Heights): Of the rest pose.
        rng (Generator): Source of all randomness.
    """
    uniform = rng.uniform
    if person.is_female:
        shirts = {'tank': 0.18, 'tshirt': 0.40, 'long': 0.31, 'dress': 0.11}
        legs = {
            'shorts': 0.16, 'knee': 0.10, 'long': 0.42, 'skirt': 0.20,
            'leggings': 0.12,
        }  # fmt: skip
    else:
        shirts = {'tank': 0.14, 'tshirt': 0.48, 'long': 0.38}
        legs = {'shorts': 0.20, 'knee': 0.14, 'long': 0.66}
    shirt = _choose(rng, shirts)
    trousers = 'skirt' if shirt == 'dress' else _choose(rng, legs)
    styles = {name: chances[person.is_female] for name, chances in HAIR_STYLES.items()}
    hair = _choose(rng, styles)
    cap = bool(rng.random() < 0.08)
    if cap and hair in ('afro', 'bun'):
        hair = 'short'
    sleeve = {
        'tank': uniform(-0.18, -0.09),
        'tshirt': uniform(0.3, 0.85),
        'long': uniform(1.6, 1.93),
        'dress': float(rng.choice([-0.1, 0.5, 1.8])),
    }[shirt]
    leg = {
        'shorts': uniform(0.45, 0.85),
        'knee': uniform(0.95, 1.35),
        'long': uniform(1.75, 2.02),
        'leggings': uniform(1.8, 2.02),
        'skirt': 0.3,
    }[trousers]
    tight = trousers == 'leggings'
    shod = rng.random() < 0.82
    tops = [2.02, 1.9, 1.7]
    hem_high = heights.hip + (0.09 if trousers != 'skirt' else 0.12)
    patterns = {name: sample_pattern(rng) for name in GARMENTS}
    if shirt == 'dress':
        patterns['lower'] = patterns['upper']
    return Look(
        shirt=shirt,
        trousers=trousers,
        sleeve=float(sleeve),
        neckline=float(uniform(0, 0.08)),
        v_neck=float(uniform(0, 0.1)) if rng.random() < 0.4 else 0.0,
        hem=float(uniform(heights.hip - 0.06, hem_high)),
        waist=float(heights.hip + uniform(0.12, 0.17)),
        leg=float(leg),
        skirt=float(uniform(0.6, 1.8)) if trousers == 'skirt' else None,
        upper_offset=float(uniform(0.005, 0.02)),
        lower_offset=0.001 if tight else float(uniform(0.003, 0.018)),
        upper_folds=float(uniform(0.3, 1)) * 0.013,
        lower_folds=0.0008 if tight else float(uniform(0.3, 1)) * 0.011,
        sock=float(uniform(1.45, 1.92)) if rng.random() < 0.75 else None,
        shoe=float(rng.choice(tops, p=[0.65, 0.25, 0.1])) if shod else None,
        hair=hair,
        cap=cap,
        scarf=bool(rng.random() < 0.06),
        belt=bool(rng.random() < 0.18),
        glasses=bool(rng.random() < 0.14),
        row=_colors(person, hair, rng),
        seed=int(rng.integers(1_000_000)),
        patterns=patterns,
    )
