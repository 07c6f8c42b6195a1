"""The inferencer. Shapes: N people, H W height and width of an image."""

import os
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from ..core.errors import ReadError
from ..detection.box_source import DETECT, IMAGE, BoxSource
from ..io.read_options import ReadOptions
from ..io.sources import open_source
from ..models.archs import FAMILY_ARCHS
from ..models.tasks import (
    ALL_TASKS,
    DEFAULT_MODEL,
    FIRST,
    Task,
    check_family,
    family_and_size,
    get_task,
)
from ..structures.results import Image, ImageResult, LazyImage, People, ReadFailure, prediction
from .model_files import (
    ModelFiles,
    check_released,
    check_tasks,
    configs_by_task,
    find_files,
    named_weights,
    weights_by_task,
    weights_identity,
)
from .networks import build_network
from .output_folder import folder_of
from .pipeline import Pipeline
from .prefetch import FrameError
from .task_network import Options, TaskNetwork
from .temporal import TemporalFilter
from .write_run import Item, RunSummary, WriteOptions, write_results


class SapiensInferencer:
    """Pose, body parts, depth and normals of people, in the tasks' networks.

    - ``for result in inferencer.stream(inputs)``: a :class:`ImageResult` for each image;
    - ``inferencer.run(inputs, folder)``: files, which a second run does not make again;
    - ``for answer in inferencer(inputs)``: dictionaries as MMPose's inferencers give them.

    A fixed number of images is in memory, at work at the same time, however many there are.

    Args:
        model (str, optional): 'sapiens-0.3b', '-0.6b', '-1b' or '-2b', or of the second generation
            'sapiens2-0.4b', '-0.8b', '-1b' or '-5b'. Defaults to None, the size of the caller's
            weights, and 'sapiens-0.3b' for released ones.
        tasks (str | Sequence[str], optional): Of :func:`mmsapiens.models.tasks.tasks_of` the
            model's family, or any names for models of one's own. Defaults to None, what
            ``weights`` or ``configs`` are for, and 'pose-308' without them.
        device (str, optional): Such as 'cuda:0'. Defaults to None, a GPU if there is one.
        dtype (str): 'float32', 'bfloat16' or 'float16', of weights and activations.
        weights (Mapping | str | Path, optional): Task -> checkpoint, or the checkpoint of the only
            task, or a folder of files named by their task. Defaults to None: the released ones.
        configs (Mapping | str | Path, optional): Task -> config, or the config of the only task,
            for models of one's own whose checkpoints do not carry it; such a task needs weights.
        detector (Mapping | PersonDetector | str | Path, optional): For ``people='detect'``: one
            that is there, its checkpoint, or its arguments. Defaults to None, the released one.
        batch_size (int): People, or images, that a network sees at once. Defaults to 4.
        workers (int): Threads that decode files, and as many that prepare images. Defaults to 2.
        flip_test (bool, optional): Whether to average with the output for the mirrored image.
            Defaults to None, as the configs say: pose does, the other tasks do not.
        compile (bool): Whether to compile the backbones, a minute each. Defaults to False.
        mode (str): 'default', or 'lite' for the numbers of the reference's small demos; see
            ``docs/inference.md``.
        random_weights (bool): Whether weights that are not given are random. Defaults to False.
        lazy (bool): Whether released files are fetched, and networks built, when the first image
            is there, after the arguments of :meth:`run` were checked. Defaults to False.

    Raises:
        KeyError: If a name is unknown.
        ValueError: If an argument is out of range or weights do not fit.
        FileNotFoundError: If a file does not exist.
        ImportError: If a config needs a host that is not installed.
        DownloadError: If a release cannot be fetched.
    """

    def __init__(
        self,
        model: str | None = None,
        tasks: str | Sequence[str] | None = None,
        *,
        device: str | None = None,
        dtype: str = 'float32',
        weights: Any = None,
        configs: Any = None,
        detector: Any = None,
        batch_size: int = 4,
        workers: int = 2,
        flip_test: bool | None = None,
        compile: bool = False,
        mode: str = 'default',
        random_weights: bool = False,
        lazy: bool = False,
    ) -> None:
        family_and_size(model or DEFAULT_MODEL)  # a wrong name is an error now
        if tasks is None:
            tasks, weights = named_weights(weights, configs)
        names = check_tasks(tasks, weights, configs)
        device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
        self.options = Options(device, dtype, flip_test, compile, batch_size, mode)
        for name, value in (('batch_size', batch_size), ('workers', workers)):
            if value < 1:
                raise ValueError(f'`{name}` must be at least 1, but got {value}')
        self.model = model
        self.batch_size, self.workers = batch_size, workers
        self._random_weights = random_weights
        self._detector_args = detector
        self._detector: Callable[[Sequence[Image]], list[People]] | None = None
        self.tasks = tuple(names)
        """Names of the tasks, in their order."""
        self._configs = configs_by_task(configs, names)
        self._weights = weights_by_task(weights, names, model or DEFAULT_MODEL)
        self._check_released([n for n in names if n not in {*self._weights, *self._configs}])
        if not lazy:
            self.networks  # noqa: B018  files that are missing or do not fit are errors now

    def _check_released(self, tasks: Sequence[str]) -> None:
        """Refuse what there cannot be for tasks without files, before anything is downloaded."""
        check_family(self.model, tasks)
        model = self.model or DEFAULT_MODEL
        if tasks and self.options.mode == 'lite' and family_and_size(model)[0] != FIRST:
            text = "`mode='lite'` gives the numbers of demos of the first generation"
            raise ValueError(f'{text}, but `model` is {model!r}')
        for task in () if self._random_weights else tasks:
            check_released(task, model)

    @cached_property
    def files(self) -> dict[str, ModelFiles]:
        """Configs and weights of the tasks, downloaded if they have to be."""
        model, configs, weights = self.model or DEFAULT_MODEL, self._configs, self._weights
        is_random = self._random_weights
        return {
            task: find_files(task, model, configs.get(task), weights.get(task), is_random)
            for task in self.tasks
        }

    @cached_property
    def networks(self) -> dict[str, TaskNetwork]:
        """Networks of the tasks."""
        found = {}
        for task, one in self.files.items():
            model = self.model if task in self._weights else self.model or DEFAULT_MODEL
            found[task] = build_network(task, one.config, one.weights, self.options, model=model)
        return found

    @property
    def rows(self) -> tuple[Task, ...]:
        """What the tasks are, in their order."""
        own = {*self._weights, *self._configs}
        return tuple(self.networks[t].row if t in own else self._row(t) for t in self.tasks)

    def _row(self, task: str) -> Task:
        """What a task is, without building its network where its name tells the kind."""
        return get_task(task) if task in ALL_TASKS else self.networks[task].row

    @property
    def has_maps(self) -> bool:
        """Whether a task looks at the whole image."""
        return not all(self._row(task).is_pose for task in self.tasks)

    @property
    def has_pose(self) -> bool:
        """Whether a task looks at one person after the other."""
        return any(self._row(task).is_pose for task in self.tasks)

    def stream(
        self,
        inputs: Any,
        *,
        people: Any = None,
        fallback: str = 'none',
        track: bool = False,
        smooth: bool | Mapping[str, float] = False,
        strict: bool = False,
        read: ReadOptions | None = None,
    ) -> Generator[Item, None, None]:
        """Results, one image after the other; closing the generator stops everything.

        Args:
            inputs (Any): As in :func:`mmsapiens.io.sources.open_source`; arrays are BGR.
            people (Any, optional): 'detect', 'image' for one box around each image, a file, boxes
                (N, 4) as x1, y1, x2, y2 for every image, a mapping of them by image, or a
                function of an :class:`Image`. Defaults to None: 'detect' for poses, else 'image'.
            fallback (str): What an image is in which nobody is found: 'none', nobody, or 'image',
                as in the reference's demos. Defaults to 'none'.
            track (bool): Whether people keep their numbers through a video. Defaults to False.
            smooth (bool | Mapping): Whether to smooth keypoints of a video, with arguments of
                :class:`mmsapiens.inference.temporal.OneEuroSmoother`, and track. Defaults to False.
            strict (bool): Whether an image that cannot be read is an error. Defaults to False.
            read (ReadOptions, optional): How inputs are read. Defaults to None, the defaults.

        Yields:
            ImageResult | ReadFailure: In the order of the inputs.

        Raises:
            FrameError: With the image's name, if something went wrong.
        """
        source = open_source(inputs, read)
        boxes, temporal = self._box_source(people, fallback), self._temporal(track, smooth)
        return self._results(source.items(), boxes, temporal, strict, source.is_live)

    def run(
        self,
        inputs: Any,
        out: str | os.PathLike[str],
        *,
        people: Any = None,
        fallback: str = 'none',
        track: bool = False,
        smooth: bool | Mapping[str, float] = False,
        strict: bool = False,
        read: ReadOptions | None = None,
        write: WriteOptions | None = None,
        on_start: Callable[[int | None], None] | None = None,
        on_item: Callable[[Item], None] | None = None,
    ) -> RunSummary:
        """Write results to a folder; what is already there is not made again.

        Args:
            inputs (Any): As in :meth:`stream`.
            out (str | Path): The folder.
            people, fallback, track, smooth, strict, read: As in :meth:`stream`.
            write (WriteOptions, optional): What is written. Defaults to None, keypoints, maps,
                overlays and panels.
            on_start (Callable, optional): Told the number of images, None if that is unknown.
            on_item (Callable, optional): Told each result once it is written.

        Raises:
            FrameError: With the image's name, if something went wrong.
            ValueError: If the folder has results of other models or options.
        """
        write = write or WriteOptions()
        write.check([self._row(task) for task in self.tasks])
        temporal = self._temporal(track, smooth)
        source = open_source(inputs, read, exclude=folder_of(out))
        boxes = self._box_source(people, fallback)
        identity = dict(
            self.identity,
            people=boxes.identity,
            fallback=fallback,
            reading=(read or ReadOptions()).identity(),
            track=bool(track),
            smooth=dict(smooth) if isinstance(smooth, Mapping) else smooth,
            detector=getattr(boxes.detector, 'identity', None),
        )
        folder = write.open(out, self.rows, identity, boxes.find_entry)
        try:
            self.networks  # noqa: B018  built last, after all that may be refused
        except BaseException as error:
            folder.__exit__(type(error), error, None)
            raise
        if temporal is not None:
            temporal.resume = folder.state
        if on_start is not None:
            on_start(source.length)
        items = source.items(folder.progress)
        results = self._results(items, boxes, temporal, strict, source.is_live)
        return write_results(folder, results, temporal, on_item)

    def __call__(
        self,
        inputs: Any,
        *,
        out: str | os.PathLike[str] | None = None,
        return_vis: bool = False,
        threshold: float = 0.3,
        **kwargs: Any,
    ) -> Iterator[dict[str, list]]:
        """Answers in the shape of MMPose's inferencers; as there, none before it is asked for.

        Args:
            inputs (Any): As in :meth:`stream`.
            out (str | Path, optional): Writes files there as well, as :meth:`run` does, but for
                videos. Defaults to None.
            return_vis (bool): Whether to draw. Defaults to False.
            threshold (float): Least score of a keypoint that is drawn. Defaults to 0.3.
            **kwargs: Those of :meth:`stream`.

        Yields:
            dict[str, list]: For each image 'predictions', one dictionary of
            :func:`.results.prediction`, and 'visualization', a panel, RGB, uint8 (_, _, 3), if
            it was asked for.
        """
        writers = [] if out is None else WriteOptions(threshold=threshold).writers(self.rows)
        with closing(self.stream(inputs, **kwargs)) as results:
            for item in results:
                drawn = []
                if isinstance(item, ImageResult):
                    for writer in writers:
                        writer.write(item, Path(str(out), writer.path(item.frame.name)))
                    if return_vis:
                        from ..visualization.results import draw_panel

                        drawn = [draw_panel(item, threshold=threshold)]
                yield dict(predictions=[prediction(item)], visualization=drawn)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What results depend on, of JSON types."""
        names = {_model_name(self.networks[task]) for task in self._weights}
        if len(self._weights) < len(self.tasks):
            names.add(self.model or DEFAULT_MODEL)
        tasks: dict[str, Any] = {}
        for task, one in self.files.items():
            tasks[task] = dict(config=one.config and one.config.name)
            tasks[task] |= dict(flip_test=self._flip_test(task), **weights_identity(one.weights))
        options = dict(mode=self.options.mode, dtype=self.options.dtype)
        return dict(model=', '.join(sorted(names)), **options, tasks=tasks)

    def _flip_test(self, task: str) -> bool:
        """Whether outputs for the mirrored image are averaged in; of a release without building."""
        if task in self._weights or task in self._configs:
            return self.networks[task].flip_test
        if self.options.mode == 'lite' or self.options.flip_test is not None:
            return self.options.mode != 'lite' and bool(self.options.flip_test)
        return get_task(task).flip_test

    def _temporal(self, track: bool, smooth: bool | Mapping[str, float]) -> TemporalFilter | None:
        if not track and smooth is False:
            return None
        if not self.has_pose:
            text = '`track` and `smooth` change nothing without a task of poses'
            warnings.warn(text, stacklevel=3)
        smoothing = None if smooth is False else smooth if isinstance(smooth, Mapping) else {}
        return TemporalFilter(smoothing)

    def _box_source(self, people: Any, fallback: str) -> BoxSource:
        if people is None:
            people = DETECT if self.has_pose else IMAGE
        return BoxSource(people, fallback, self._get_detector)

    def _get_detector(self) -> Callable[[Sequence[Image]], list[People]]:
        """The detector, built when it is first needed."""
        if self._detector is None:
            from ..detection.detector import make_detector  # takes seconds

            given, device = self._detector_args, self.options.device
            self._detector = make_detector(given, device, self._random_weights)
        return self._detector

    def _results(
        self,
        source: Iterator[Image | LazyImage | ReadFailure],
        boxes: BoxSource,
        temporal: TemporalFilter | None,
        strict: bool,
        is_live: bool,
    ) -> Generator[Item, None, None]:
        # An image of a camera should not wait for its followers.
        batch_size = 1 if is_live else self.batch_size
        are_frames: set[bool] = set()
        pipeline = Pipeline(self.networks, boxes, batch_size, self.workers, is_live)
        with closing(pipeline.run(source)) as results:
            for item in results:
                if isinstance(item, ReadFailure):
                    if strict:
                        raise FrameError([item.name], 'reading', ReadError(item.reason))
                elif temporal is not None:
                    item = temporal(item)
                    are_frames.add(item.frame.video is not None)
                yield item
                del item
        if are_frames == {False}:
            warnings.warn('`track` and `smooth` changed nothing: no input is a video', stacklevel=2)


def _model_name(network: Any) -> str:
    """The name of a network's encoder, or its size."""
    encoder = getattr(getattr(network, 'model', network), 'backbone', network)
    encoder = getattr(encoder, 'module', encoder)  # where it is compiled
    size = getattr(encoder, 'embed_dims', None), getattr(encoder, 'num_layers', None)
    for name, arch in FAMILY_ARCHS[getattr(encoder, 'family', FIRST)].items():
        if (arch['embed_dims'], arch['num_layers']) == size:
            return name.replace('_', '-')
    return f'{type(encoder).__name__} of width {size[0]} with {size[1]} layers'
