"""From a stream of images to a stream of results.

==========  ==============================================  ================
Stage       What it does                                    Runs in
==========  ==============================================  ================
reading     collects decoded images in chunks             a thread
people      detector; boxes from elsewhere                  a thread
preparing   crops and resizes, a batch at a time            a pool
networks    a batch of one task each                        a pool
gathering   outputs of all tasks to their images          a thread
finishing   maps at the size of the image                 a thread
consuming   writes, draws, or whatever the caller does      the caller
==========  ==============================================  ================

Detector and networks take turns on the device, which has one or two of them at a time. A stage
holds at most two chunks, and a chunk at most ``batch_size`` images and ``CHUNK_BYTES``.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from ..detection.locating import Locator
from ..structures.results import Image, ImageResult, People, ReadFailure
from .networks import Sample, TaskNetwork
from .prefetch import close, in_chunks, map_ahead, naming, run_ahead
from .turns import Turns

CHUNK_BYTES = 2**28
"""Pixels of a chunk, in bytes, after which it gets no further image."""
CHUNKS_IN_FLIGHT = 7
"""Most chunks between the first image that was read and the consumer, with one batch at a time on
the device; each further batch adds one."""


@dataclass
class Work:
    """An image on its way.

    Args:
        frame (Image): The image.
        people (People): Its people.
        outputs (dict): Task -> what its network said about its samples.
    """

    frame: Image
    people: People
    outputs: dict[str, list] = field(default_factory=dict)


Chunk = list[Work | ReadFailure]


@dataclass
class Batch:
    """Samples of one task; none at the end of a chunk.

    Args:
        chunk (Chunk): Where they come from.
        task (str): Name of the task; empty at the end of the chunk.
        units (list[tuple[Work, int]]): Image and number of each sample.
        samples (list[Sample]): Once they are prepared.
        outputs (list): What the network said about them.
    """

    chunk: Chunk
    task: str = ''
    units: list[tuple[Work, int]] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    outputs: list = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """Names of the images."""
        return list(dict.fromkeys(work.frame.name for work, _ in self.units))

    def give_out(self) -> None:
        """Give the outputs to the images that they belong to."""
        for (work, _), output in zip(self.units, self.outputs):
            work.outputs.setdefault(self.task, []).append(output)


class Pipeline:
    """Networks at work, several stages at a time.

    Args:
        networks (Mapping[str, TaskNetwork]): Task -> its network.
        locator (Callable): Finds people.
        batch_size (int): Samples of a batch, and images of a chunk. Defaults to 4.
        workers (int): Threads that prepare. Defaults to 2.
        is_live (bool): Whether an image should be done before the next one is there, as of a
            camera; one chunk after the other. Defaults to False.

    Raises:
        ValueError: If a number is below 1.
    """

    def __init__(
        self,
        networks: Mapping[str, TaskNetwork],
        locator: Locator,
        batch_size: int = 4,
        workers: int = 2,
        is_live: bool = False,
    ) -> None:
        for name, value in (('batch_size', batch_size), ('workers', workers)):
            if value < 1:
                raise ValueError(f'`{name}` must be at least 1, but got {value}')
        self.networks = dict(networks)
        self.locator = locator
        self.batch_size = batch_size
        self.workers = workers
        self.is_live = is_live
        at_once = [network.at_once for network in self.networks.values()]
        self._device = Turns(1 if is_live else max(at_once, default=1))
        self._seen: set[str] = set()

    def run(
        self, source: Iterable[Image | ReadFailure]
    ) -> Generator[ImageResult | ReadFailure, None, None]:
        """Results in the order of the source.

        Args:
            source (Iterable): Images; it is read in a thread, and may decode in others.

        Yields:
            ImageResult | ReadFailure: One for each item of the source.

        Raises:
            FrameError: If something went wrong with an image.
            Exception: What the source raised.
        """
        at_once = self._device.at_once
        pool = ThreadPoolExecutor(self.workers, 'mmsapiens-preparing')
        seeing = ThreadPoolExecutor(at_once, 'mmsapiens-networks')
        chunks = in_chunks(source, self.batch_size, _bytes, CHUNK_BYTES)
        read = run_ahead(chunks, 1, 'mmsapiens-reading')
        located = run_ahead(self._locate(read), 1, 'mmsapiens-people')
        prepared = map_ahead(
            self._prepare, self._plan(located), pool, 0 if self.is_live else self.workers
        )
        predicted = map_ahead(
            self._predict,
            prepared,
            seeing,
            0 if self.is_live else 2 * at_once,  # ends of chunks, too
            lambda batch: int(bool(batch.task)),
            at_once,
        )
        gathered = run_ahead(_gather(predicted), 1, 'mmsapiens-gathering')
        results = run_ahead(self._finish(gathered), 1, 'mmsapiens-finishing')
        try:
            yield from results
        finally:
            close(results)
            pool.shutdown(wait=True, cancel_futures=True)
            seeing.shutdown(wait=True, cancel_futures=True)

    def _locate(self, chunks: Iterable[list[Image | ReadFailure]]) -> Generator[Chunk, None, None]:
        try:
            for chunk in chunks:
                frames = [item for item in chunk if isinstance(item, Image)]
                names = [frame.name for frame in frames]
                with naming(names, 'people'), self._device.take():
                    found = iter(self.locator(frames) if frames else ())
                yield [
                    Work(item, next(found)) if isinstance(item, Image) else item for item in chunk
                ]
                del chunk, frames
        finally:
            close(chunks)

    def _plan(self, chunks: Iterable[Chunk]) -> Generator[Batch, None, None]:
        try:
            for chunk in chunks:
                for task, network in self.networks.items():
                    units = _units(chunk, network)
                    for start in range(0, len(units), self.batch_size):
                        stop = start + self.batch_size
                        yield Batch(chunk, task, units[start:stop])
                yield Batch(chunk)
                del chunk
        finally:
            close(chunks)

    def _prepare(self, batch: Batch) -> Batch:
        if batch.task:
            network = self.networks[batch.task]
            with naming(batch.names, f'{batch.task}, preparing'):
                batch.samples = [
                    network.prepare(work.frame, work.people, index) for work, index in batch.units
                ]
        return batch

    def _predict(self, batch: Batch) -> Batch:
        if batch.task:
            # The first batch of a network compiles, and tries kernels.
            is_first = batch.task not in self._seen
            with naming(batch.names, batch.task), self._device.take(alone=is_first):
                network = self.networks[batch.task]
                batch.outputs = network.forward(batch.samples)
            self._seen.add(batch.task)
            batch.samples = []
        return batch

    def _finish(
        self, items: Iterable[Work | ReadFailure]
    ) -> Generator[ImageResult | ReadFailure, None, None]:
        try:
            for item in items:
                if isinstance(item, ReadFailure):
                    yield item
                    continue
                result = ImageResult(item.frame, item.people)
                for task, network in self.networks.items():
                    outputs = item.outputs.pop(task, [])
                    with naming([item.frame.name], f'{task}, finishing'):
                        result.tasks[task] = network.finish(item.frame, item.people, outputs)
                    del outputs
                del item
                yield result
                del result
        finally:
            close(items)


def _gather(batches: Iterable[Batch]) -> Generator[Work | ReadFailure, None, None]:
    """Images with the outputs of all tasks."""
    try:
        for batch in batches:
            if not batch.task:
                yield from _taken(batch.chunk)
            batch.give_out()
            del batch
    finally:
        close(batches)


def _bytes(item: Image | ReadFailure) -> int:
    return item.image.nbytes if isinstance(item, Image) else 0


def _units(chunk: Chunk, network: TaskNetwork) -> list[tuple[Work, int]]:
    """Image and number of every sample of a chunk."""
    return [
        (work, index)
        for work in chunk
        if isinstance(work, Work)
        for index in range(network.count(work.people))
    ]


def _taken(chunk: Chunk) -> Generator[Work | ReadFailure, None, None]:
    """The items of a chunk, which keeps none that was given out."""
    chunk.reverse()
    while chunk:
        yield chunk.pop()
