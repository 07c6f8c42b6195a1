"""Networks in ONNX files, each described by a few lines of JSON; none comes with this project."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from mmsapiens.core.file_type import fault_of, sha256_of

KINDS = ('score', 'area', 'boxes', 'centernet', 'embedding')
PRESETS = Path(__file__).with_name('presets.json')
PEAK = np.ones((3, 3), np.uint8)
REPEATED = 0.7
"""Intersection over union of two peaks of one person; large people have several."""
GRAY = 114
"""Of the border around letterboxed images."""


class ModelError(ValueError):
    """A model or its description cannot be used; the message names it and says why."""


@dataclass(frozen=True)
class Description:
    """How to use an ONNX file.

    Args:
        file (str): Its path.
        kind (str): What it answers: 'score' (one number, or one a class), 'area' (a map, of which
            the share above ``threshold`` counts), 'boxes' (boxes x0, y0, x1, y1 in pixels of the
            input with scores, after non-maximum suppression), 'centernet' (a heat map and the reach
            of each box to the left, top, right and bottom), or 'embedding'.
        size (tuple[int, int]): Height and width of the input in pixels.
        fit (str): 'stretch', 'crop' (the middle, after stretching to ``stretch_to``), or
            'letterbox' (keeps the aspect, border to the right and bottom). Defaults to 'stretch'.
        stretch_to (tuple[int, int], optional): For 'crop', (height, width).
        layout (str): 'NCHW' or 'NHWC'. Defaults to 'NCHW'.
        color (str): 'rgb' or 'bgr'. Defaults to 'rgb'.
        mean (tuple[float, ...]): Subtracted from values of 0 to 255, in the order of ``color``.
        std (tuple[float, ...]): What the rest is divided by.
        dtype (str): 'float32' or 'uint8'; mean and std are for the first. Defaults to 'float32'.
        outputs (tuple[str, ...]): Names of the outputs to use: one, or boxes and scores (and
            labels), or heat map and reach. Defaults to those of the file in their order.
        column (int): Class that counts. Defaults to 0.
        activation (str): 'none', 'sigmoid' or 'softmax' over the columns. Defaults to 'none'.
        threshold (float): For 'area'. Defaults to 0.3.
        floor (float): Boxes below this score are not recorded. Defaults to 0.25.
        limit (float, optional): The limit of the check that uses it, unless the user gives one:
            scores of one network mean nothing for another one.
        license (str): Of the weights. Defaults to 'unknown'.
        source (str): Where the file comes from.
        sha256 (str, optional): Of the file; another one is refused.
    """

    file: str
    kind: str
    size: tuple[int, int]
    fit: str = 'stretch'
    stretch_to: tuple[int, int] | None = None
    layout: str = 'NCHW'
    color: str = 'rgb'
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    dtype: str = 'float32'
    outputs: tuple[str, ...] = ()
    column: int = 0
    activation: str = 'none'
    threshold: float = 0.3
    floor: float = 0.25
    limit: float | None = None
    license: str = 'unknown'
    source: str = ''
    sha256: str | None = None

    def __post_init__(self) -> None:
        for name, known in dict(
            kind=KINDS,
            fit=('stretch', 'crop', 'letterbox'),
            layout=('NCHW', 'NHWC'),
            color=('rgb', 'bgr'),
            dtype=('float32', 'uint8'),
            activation=('none', 'sigmoid', 'softmax'),
        ).items():
            if getattr(self, name) not in known:
                raise ModelError(
                    f'`{name}` of {self.file} must be one of {", ".join(known)}, but got '
                    f'{getattr(self, name)!r}'
                )
        if (self.fit == 'crop') != (self.stretch_to is not None):
            raise ModelError(f'`stretch_to` of {self.file} belongs to `fit` "crop"')

    @classmethod
    def from_dict(cls, name: str, entry: dict[str, Any], folder: Path) -> Description:
        """The entry of a file of models; paths are relative to ``folder``."""
        entry = dict(entry)
        if (preset := entry.pop('preset', None)) is not None:
            presets = read_presets()
            if preset not in presets:
                raise ModelError(
                    f'`preset` of the model {name!r} must be one of {", ".join(presets)}, but got '
                    f'{preset!r}'
                )
            entry = {**presets[preset], **entry}
            entry.pop('check', None)
        known = {field.name for field in fields(cls)}
        missing = {'file', 'kind', 'size'} - entry.keys()
        if missing or not entry.keys() <= known:
            raise ModelError(
                f'the model {name!r} must have `file`, `kind` and `size` (or a `preset` and `file`)'
                f', and may have {", ".join(sorted(known))}, but got {", ".join(sorted(entry))}'
            )
        values = {k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()}
        return cls(**{**values, 'file': str(folder / values['file'])})

    def identity(self) -> dict[str, Any]:
        """What scores depend on: no path, no limit."""
        entry = asdict(self)
        for name in ('file', 'limit', 'license', 'source'):
            del entry[name]
        return {**entry, 'sha256': self.check_file()}

    def check_file(self) -> str:
        """SHA-256 of the file; a ModelError if it is not there or not the one described."""
        path = Path(self.file)
        if not path.is_file():
            raise ModelError(f'the model {path} does not exist')
        if fault := fault_of(path):
            raise ModelError(f'{path} is no ONNX file but {fault}')
        digest = sha256_of(path)
        if self.sha256 not in (None, digest):
            raise ModelError(
                f'{path} is another file than the one described: its SHA-256 is {digest}, expected '
                f'{self.sha256}. Get the right file, or describe this one without a preset.'
            )
        return digest


def read_presets() -> dict[str, dict[str, Any]]:
    """Descriptions of networks that others ship: source, license and SHA-256 of each."""
    return json.loads(PRESETS.read_text(encoding='utf-8'))


def read_models(path: str | Path) -> dict[str, Description]:
    """The descriptions in a JSON file, by the name of the check that uses them."""
    path = Path(path)
    if not path.is_file():
        raise ModelError(f'the file of models {path} does not exist')
    try:
        entries = json.loads(path.read_text(encoding='utf-8'))
    except ValueError as error:
        raise ModelError(f'{path} is no JSON: {error}') from None
    if not isinstance(entries, dict) or not all(isinstance(e, dict) for e in entries.values()):
        raise ModelError(f'{path} must be an object of objects, such as {{"person": {{...}}}}')
    return {
        name: Description.from_dict(name, entry, path.parent) for name, entry in entries.items()
    }


class Pixels:
    """A decoded image and its smaller versions, made once for all networks."""

    def __init__(self, image: NDArray) -> None:
        self.image = image
        self._resized: dict[tuple[int, int], NDArray] = {}

    def resized(self, size_hw: tuple[int, int]) -> NDArray:
        """Stretched to a size, RGB, uint8 (H, W, 3)."""
        if size_hw not in self._resized:
            self._resized[size_hw] = cv2.resize(
                self.image, size_hw[::-1], interpolation=cv2.INTER_AREA
            )
        return self._resized[size_hw]


class Network:
    """An ONNX file, its input and its outputs.

    Args:
        description (Description): How to use it.
        batch (int): Images at a time on a GPU, or fewer if the file has a fixed batch. On a CPU it
            is one: in one thread the detectors of the presets take 1.4 times as long for an image
            of 16, which do not stay in the cache. Defaults to 16.
        device (str): 'cpu' or 'cuda'.

    Raises:
        ModelError: If the file is another one, or answers in another form than described.
    """

    def __init__(self, description: Description, batch: int = 16, device: str = 'cpu') -> None:
        self.description = description
        self.session = _open_session(description.file, device)
        self.input = self.session.get_inputs()[0]
        first = self.input.shape[0]
        largest = batch if device == 'cuda' else 1
        self.batch = min(largest, first) if isinstance(first, int) else largest
        names = [output.name for output in self.session.get_outputs()]
        self.outputs = list(description.outputs) or names
        if not set(self.outputs) <= set(names):
            raise ModelError(
                f'{description.file} must have the outputs {", ".join(self.outputs)}, but has '
                f'{", ".join(names)}'
            )
        steps = np.arange(256, dtype=np.float32)[:, None]
        table = (steps - np.float32(description.mean)) / np.float32(description.std)
        self._table = np.ascontiguousarray(table[None], dtype=np.float32)  # (1, 256, 3)
        self._check()

    def _check(self) -> None:
        height, width = self.description.size
        blank = [Pixels(np.zeros((height, width, 3), np.uint8))]
        try:
            answers = self.run(blank)
        except ort_errors() as error:
            raise ModelError(
                f'{self.description.file} takes no images as described: {error}'
            ) from None
        self._check_shapes(answers)

    def _check_shapes(self, answers: Sequence[NDArray]) -> None:
        kind, shapes = self.description.kind, [answer.shape for answer in answers]
        good = {
            'score': lambda: len(shapes[0]) == 2 and self.description.column < shapes[0][1],
            'area': lambda: len(shapes[0]) in (3, 4),
            'embedding': lambda: len(shapes[0]) == 2,
            'boxes': lambda: len(shapes) > 1 and len(shapes[0]) == 3 and shapes[0][2] in (4, 5),
            'centernet': lambda: (
                len(shapes) > 1
                and len(shapes[0]) == len(shapes[1]) == 4
                and shapes[1][-1] == 4
                and shapes[0][:3] == shapes[1][:3]
                and self.description.column < shapes[0][-1]
            ),
        }
        if not good[kind]():
            raise ModelError(
                f'{self.description.file} does not answer as a model of kind {kind!r}: its outputs '
                f'{", ".join(self.outputs)} have the shapes {shapes}. Describe `kind`, `outputs` '
                'and `column` as they are.'
            )

    def run(self, pixels: Sequence[Pixels]) -> list[NDArray]:
        """The outputs for images, as the file has them, (N, ...) each."""
        parts = []
        for start in range(0, len(pixels), self.batch):
            inputs = self._inputs(pixels[start : start + self.batch])
            parts.append(self.session.run(self.outputs, {self.input.name: inputs}))
        return parts[0] if len(parts) == 1 else [np.concatenate(column) for column in zip(*parts)]

    def _inputs(self, pixels: Sequence[Pixels]) -> NDArray:
        given = self.description
        height, width = given.size
        is_first = given.layout == 'NCHW'
        shape = (3, height, width) if is_first else (height, width, 3)
        inputs = np.empty((len(pixels), *shape), given.dtype)
        for target, source in zip(inputs, pixels):
            image = self._fit(source)
            if given.color == 'bgr':
                image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
            if given.dtype == 'float32':
                image = cv2.LUT(image, self._table)
            target[:] = image.transpose(2, 0, 1) if is_first else image
        return inputs

    def _fit(self, source: Pixels) -> NDArray:
        height, width = self.description.size
        if self.description.stretch_to is not None:
            image = source.resized(self.description.stretch_to)
            top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
            return np.ascontiguousarray(image[top : top + height, left : left + width])
        if self.description.fit == 'letterbox':
            rows, columns = self._inner(source)
            canvas = np.full((height, width, 3), GRAY, np.uint8)
            canvas[:rows, :columns] = source.resized((rows, columns))
            return canvas
        return source.resized(self.description.size)

    def _inner(self, source: Pixels) -> tuple[int, int]:
        """Height and width of a letterboxed image inside the input."""
        (height, width), (rows, columns) = self.description.size, source.image.shape[:2]
        scale = min(height / rows, width / columns)
        return max(1, round(rows * scale)), max(1, round(columns * scale))

    def scores(self, pixels: Sequence[Pixels]) -> list[float]:
        """A number for each image, of a model of kind 'score' or 'area'."""
        answer = self.run(pixels)[0].astype(np.float32)
        if self.description.kind == 'area':
            axes = tuple(range(1, answer.ndim))
            return (answer > self.description.threshold).mean(axis=axes).tolist()
        if self.description.activation == 'sigmoid':
            answer = 1 / (1 + np.exp(-answer))
        elif self.description.activation == 'softmax':
            answer = np.exp(answer - answer.max(axis=1, keepdims=True))
            answer /= answer.sum(axis=1, keepdims=True)
        return answer[:, self.description.column].tolist()

    def boxes(self, pixels: Sequence[Pixels]) -> list[tuple[NDArray, NDArray]]:
        """Boxes x0, y0, x1, y1 as parts of the image (M, 4), best first, and scores (M,)."""
        answers = self.run(pixels)
        found = []
        for number, source in enumerate(pixels):
            one = [answer[number] for answer in answers]
            is_map = self.description.kind == 'centernet'
            boxes, scores = self._peaks(*one[:2]) if is_map else self._listed(one)
            height, width = self.description.size
            if self.description.fit == 'letterbox':
                height, width = self._inner(source)
            order = np.argsort(-scores, kind='stable')
            if is_map and len(order):
                order = order[_find_apart(boxes[order], scores[order])]
            scale = np.array([width, height, width, height], np.float32)
            found.append(((boxes[order] / scale).clip(0, 1), scores[order]))
        return found

    def _peaks(self, heat: NDArray, reach: NDArray) -> tuple[NDArray, NDArray]:
        heat = np.ascontiguousarray(heat[..., self.description.column])
        ys, xs = np.nonzero((heat == cv2.dilate(heat, PEAK)) & (heat >= self.description.floor))
        to, scores = reach[ys, xs], heat[ys, xs]
        step_y = self.description.size[0] / heat.shape[0]
        step_x = self.description.size[1] / heat.shape[1]
        boxes = np.stack(
            [
                xs * step_x - to[:, 0],
                ys * step_y - to[:, 1],
                xs * step_x + to[:, 2],
                ys * step_y + to[:, 3],
            ],
            axis=1,
        )
        return boxes.astype(np.float32), scores

    def _listed(self, one: Sequence[NDArray]) -> tuple[NDArray, NDArray]:
        boxes, rest = one[0], list(one[1:])
        scores = boxes[:, 4] if boxes.shape[1] == 5 else rest.pop(0).reshape(len(boxes), -1)[:, 0]
        good = scores >= self.description.floor
        if rest:
            good &= rest[0].reshape(-1) == self.description.column
        return boxes[good, :4].astype(np.float32), scores[good].astype(np.float32)

    def vectors(self, pixels: Sequence[Pixels]) -> NDArray:
        """Embeddings of length 1, float32 (N, D)."""
        vectors = self.run(pixels)[0].astype(np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(1e-12)


def _find_apart(boxes: NDArray, scores: NDArray) -> NDArray:
    """Numbers of the boxes, best first, that no better one is a repetition of."""
    xywh = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    return np.sort(cv2.dnn.NMSBoxes(xywh.tolist(), scores.tolist(), 0.0, REPEATED))


def ort_errors() -> tuple[type[Exception], ...]:
    """What ONNX Runtime raises; its errors have no class of their own that is public."""
    state = ort.capi.onnxruntime_pybind11_state
    names = ('Fail', 'InvalidArgument', 'InvalidGraph', 'InvalidProtobuf', 'RuntimeException')
    return (*(getattr(state, name) for name in names), ValueError)


def _open_session(path: str, device: str) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    for kind in ('intra', 'inter'):  # many workers a machine: waiting threads must not spin
        options.add_session_config_entry(f'session.{kind}_op.allow_spinning', '0')
    options.log_severity_level = 3
    wanted = ['CUDAExecutionProvider'] if device == 'cuda' else []
    if not set(wanted) <= set(ort.get_available_providers()):
        raise ModelError(
            'models should run on a GPU, but this ONNX Runtime has no CUDA. Install '
            '`onnxruntime-gpu` instead of `onnxruntime`, or leave `--gpus` out.'
        )
    try:
        return ort.InferenceSession(path, options, providers=[*wanted, 'CPUExecutionProvider'])
    except ort_errors() as error:
        raise ModelError(f'{path} is no ONNX file that can be run: {error}') from None
