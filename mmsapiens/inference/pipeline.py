"""From a stream of images to a stream of results.

========  ==========================================================  ===============
Part      What it does                                                Runs in
========  ==========================================================  ===============
loader    reads, decodes, crops and resizes                           a thread, a pool
loop      the detector, then a batch of one task after the other      the device's pool
finisher  outputs at the size of the image                            a pool
caller    writes, draws, or whatever it does                          the caller
========  ==========================================================  ===============

While the networks see a chunk of images, at most ``batch_size`` of them and ``CHUNK_BYTES``, the
next is prepared; a batch mixes the people of its images.
"""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from ..structures.results import Image, ImageResult, LazyImage, People, ReadFailure
from .prefetch import close, in_chunks, look_ahead, map_ahead, naming, run_ahead
from .task_network import Sample

CHUNK_BYTES = 2**28
"""Pixels of a chunk, in bytes, after which it gets no further image."""


@dataclass
class Work:
    """An image on its way; ``outputs`` is what the network of a task said about its samples."""

    frame: Image
    people: People
    outputs: dict[str, list] = field(default_factory=dict)


@dataclass
class Batch:
    """Samples of one task, each the image and its number in it, until the network has seen them."""

    task: str
    units: list[tuple[Work, int]]
    samples: Future[list[Sample]] | None = None
    outputs: Future[list] | None = None

    @property
    def names(self) -> list[str]:
        """Names of the images."""
        return list(dict.fromkeys(work.frame.name for work, _ in self.units))


Chunk = tuple[list[Work | ReadFailure], list[Batch]]


class Pipeline:
    """Networks by task, with the methods of a :class:`.TaskNetwork`, at work on people that
    ``locator`` finds. ``workers`` threads decode, and as many prepare; with ``is_live``, as of a
    camera, an image is done before the next one is asked for.
    """

    def __init__(
        self,
        networks: Mapping[str, Any],
        locator: Callable[[Sequence[Image]], list[People]],
        batch_size: int = 4,
        workers: int = 2,
        is_live: bool = False,
    ) -> None:
        self.networks, self.locator = dict(networks), locator
        self.batch_size, self.workers, self.is_live = batch_size, workers, is_live
        at_once = max((network.at_once for network in self.networks.values()), default=1)
        self.at_once = 1 if is_live else at_once
        self._seen: set[str] = set()

    def run(
        self, source: Iterable[Image | LazyImage | ReadFailure]
    ) -> Generator[ImageResult | ReadFailure, None, None]:
        """Results, one for each item, in their order; what goes wrong is a FrameError."""
        pools = loading, device, finishing = (
            ThreadPoolExecutor(2 * self.workers, 'mmsapiens-loading'),
            ThreadPoolExecutor(self.at_once, 'mmsapiens-device'),
            ThreadPoolExecutor(self.workers, 'mmsapiens-finishing'),
        )
        ahead, workers = (0, 0) if self.is_live else (1, self.workers)
        images = map_ahead(_decoded, source, loading, workers)
        chunks = in_chunks(images, self.batch_size, _bytes, CHUNK_BYTES)
        chunks = run_ahead(chunks, 1, 'mmsapiens-reading')
        prepared = look_ahead(self._prepare(chunks, loading, device), ahead)
        running = look_ahead(self._predict(prepared, device), ahead)
        finished = map_ahead(self._finish, _gather(running), finishing, workers)
        try:
            with closing(run_ahead(finished, 1, 'mmsapiens-loop')) as results:
                yield from results
        finally:
            for pool in pools:
                pool.shutdown(wait=True, cancel_futures=True)

    def _prepare(
        self, chunks: Iterable[list[Image | ReadFailure]], loading: Executor, device: Executor
    ) -> Generator[Chunk, None, None]:
        """Find people, and let the loader prepare them."""
        batch: Batch | None
        try:
            for chunk in chunks:
                frames = [item for item in chunk if isinstance(item, Image)]
                with naming([frame.name for frame in frames], 'people'):
                    found = iter(device.submit(self.locator, frames).result() if frames else ())
                works = [
                    Work(item, next(found)) if isinstance(item, Image) else item for item in chunk
                ]
                batches = list(self._batches(works))
                for batch in batches:
                    batch.samples = loading.submit(self._samples, batch)
                del chunk, frames, found
                yield works, batches
                del works, batches
                batch = None
        finally:
            close(chunks)

    def _batches(self, works: Iterable[Work | ReadFailure]) -> Generator[Batch, None, None]:
        found = [work for work in works if isinstance(work, Work)]
        for task, network in self.networks.items():
            units = [(work, index) for work in found for index in range(network.count(work.people))]
            for start in range(0, len(units), self.batch_size):
                yield Batch(task, units[start : start + self.batch_size])

    def _samples(self, batch: Batch) -> list[Sample]:
        network = self.networks[batch.task]
        with naming(batch.names, f'{batch.task}, preparing'):
            return [network.prepare(work.frame, work.people, index) for work, index in batch.units]

    def _predict(self, chunks: Iterable[Chunk], device: Executor) -> Generator[Chunk, None, None]:
        """Let the device work on batches."""
        running: list[Future] = []
        batch: Batch | None
        try:
            for works, batches in chunks:
                for batch in batches:
                    running = [future for future in running if not future.done()]
                    is_first = batch.task not in self._seen
                    if is_first:  # it compiles, and tries kernels: alone
                        wait(running)
                    batch.outputs = device.submit(self._forward, batch)
                    running.append(batch.outputs)
                    if is_first:
                        wait(running)
                    self._seen.add(batch.task)
                yield works, batches
                del works, batches
                batch = None
        finally:
            close(chunks)

    def _forward(self, batch: Batch) -> list:
        assert batch.samples is not None
        samples, batch.samples = batch.samples.result(), None
        with naming(batch.names, batch.task):
            return self.networks[batch.task].forward(samples)

    def _finish(self, item: Work | ReadFailure) -> ImageResult | ReadFailure:
        if isinstance(item, ReadFailure):
            return item
        result = ImageResult(item.frame, item.people)
        for task, network in self.networks.items():
            outputs = item.outputs.pop(task, [])
            with naming([item.frame.name], f'{task}, finishing'):
                result.tasks[task] = network.finish(item.frame, item.people, outputs)
        return result


def _gather(chunks: Iterable[Chunk]) -> Generator[Work | ReadFailure, None, None]:
    """Images with the outputs of all tasks."""
    try:
        for works, batches in chunks:
            while batches:  # give outputs to the images that they belong to
                batch = batches.pop(0)
                assert batch.outputs is not None
                for (work, _), output in zip(batch.units, batch.outputs.result()):
                    work.outputs.setdefault(batch.task, []).append(output)
                del batch, work, output
            works.reverse()
            while works:  # keeps none that was given out
                yield works.pop()
    finally:
        close(chunks)


def _decoded(item: Image | LazyImage | ReadFailure) -> Image | ReadFailure:
    return item.read() if isinstance(item, LazyImage) else item


def _bytes(item: Image | ReadFailure) -> int:
    return item.image.nbytes if isinstance(item, Image) else 0
