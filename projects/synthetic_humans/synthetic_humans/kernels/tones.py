"""From linear light to bytes."""

import warp as wp


@wp.func
def curve(x: float):
    """Filmic curve (Narkowicz 2015) and display gamma."""
    x = wp.max(x, 0.0)
    y = x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14)
    return wp.pow(wp.clamp(y, 0.0, 1.0), 1.0 / 2.2)


@wp.kernel
def tone(image: wp.array(dtype=wp.vec3), gain: wp.vec3):
    """Exposure and curve, in place."""
    i = wp.tid()
    c = wp.cw_mul(image[i], gain)
    image[i] = wp.vec3(curve(c[0]), curve(c[1]), curve(c[2]))


@wp.kernel
def quantise(
    image: wp.array(dtype=wp.vec3), noise: float, seed: int, out: wp.array2d(dtype=wp.uint8)
):
    """Add the noise of a sensor and round to bytes (N, 3)."""
    i = wp.tid()
    state = wp.rand_init(seed, i)
    # Differences of uniform numbers: cheaper than normal ones, and of deviation 1 after the factor.
    gray = (wp.randf(state) - wp.randf(state)) * 2.44949
    for k in range(3):
        own = (wp.randf(state) - wp.randf(state)) * 2.44949
        grain = 0.6 * gray + 0.8 * own
        value = image[i][k] + noise * grain
        out[i, k] = wp.uint8(wp.clamp(value * 255.0 + 0.5, 0.0, 255.0))
