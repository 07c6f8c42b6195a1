"""Row: keypoints from heatmaps; `pose_codec.py` has more of the codec."""

from __future__ import annotations

from collections.abc import Iterator

from harness import Measurement, Settings, alternate, benchmark


@benchmark(
    'pose-decode',
    work='heatmaps of one person, 308 keypoints, to keypoints',
    against='stock `UDPHeatmap`',
    side='inference',
)
def pose_decode(settings: Settings) -> Iterator[Measurement]:
    """Without and with the flip test."""
    import numpy as np
    from pose_codec import Work

    work = Work(4 if settings.small else 308)
    maps = work.maps[0].numpy()
    plain = alternate(
        {
            'ours': lambda: work.ours.batch_decode(work.maps),
            'stock': lambda: work.stock.decode(maps),
        },
        repeat=settings.repeat,
        clock=settings.clock,
    )
    flipped = alternate(
        {
            'ours': lambda: work.ours.batch_decode(
                work.maps, work.mirrored, work.flip
            ),
            'stock': work.stock_flip_test,
        },
        repeat=settings.repeat,
        clock=settings.clock,
    )
    ours, stock = work.ours.decode(maps), work.stock.decode(maps)
    error = float(np.abs(ours[0] - stock[0]).max())
    for mode, timings, passes in (
        ('alone', plain, 1),
        ('with flip test', flipped, 2),
    ):
        yield Measurement(
            1e3 * timings['ours'].median,
            'ms',
            1e3 * timings['stock'].median,
            mode=mode,
            num_bytes=passes * maps.nbytes,
            error=f'{error:.2g} px',
            first_s=timings['ours'].first_s,
        )
