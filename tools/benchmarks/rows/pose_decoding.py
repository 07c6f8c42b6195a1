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
    """Without and with the flip test, and with points that are not seen."""
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
            'ours': lambda: work.ours.batch_decode(work.maps, work.mirrored, work.flip),
            'stock': work.stock_flip_test,
        },
        repeat=settings.repeat,
        clock=settings.clock,
    )
    # A network leaves little more than noise where it sees no keypoint.
    noise = np.random.default_rng(0).random(maps.shape, dtype=np.float32)
    faint = maps.copy()
    faint[1::2] = noise[1::2] * 1e-3
    half = alternate(
        {'ours': lambda: work.ours.decode(faint), 'stock': lambda: work.stock.decode(faint)},
        repeat=settings.repeat,
        clock=settings.clock,
    )
    for mode, timings, passes, decoded in (
        ('alone', plain, 1, maps),
        ('half of the keypoints out of sight', half, 1, faint),
        ('with flip test', flipped, 2, maps),
    ):
        ours, stock = work.ours.decode(decoded), work.stock.decode(decoded)
        error = float(np.abs(ours[0] - stock[0]).max())
        yield Measurement(
            1e3 * timings['ours'].median,
            'ms',
            1e3 * timings['stock'].median,
            mode=mode,
            num_bytes=passes * maps.nbytes,
            error=f'{error:.2g} px',
            first_s=timings['ours'].first_s,
        )
