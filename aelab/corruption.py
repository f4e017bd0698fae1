"""Layers that damage images, so that a model can learn to repair them. Lesson 03.

Hand one to `models.Autoencoder(corruption=...)`: the target stays clean, and the
damage is drawn afresh for every batch, or it would be learned by heart.
"""

import keras
import numpy as np
from keras import ops

_BATCH = 1000
# How far `RandomAffine` goes at level 1, either way: radians, pixels to the side for
# each pixel up, share of the size, share of the side.
ANGLE, LEAN, SCALE, SHIFT = np.radians(25), 0.5, 0.25, 0.1


@keras.saving.register_keras_serializable(package="aelab")
class Corruption(keras.layers.Layer):
    """Base of the layers that damage images. Lesson 03.

    In training it damages images, else it gives them back. Subclasses write `damage`.

    Args:
        level: How much damage: a number from 0 (none) to `max_level`, or a pair
            `(low, high)`, from which each image of a batch draws its own level,
            uniformly and afresh. The unit is the subclass's.
        at_inference: Whether to damage when `training` is false, too: then a
            validation loss measures the trained task. Choose it before `compile`.
        seed: Whole number for the layer's stream of draws, or None to take one
            from Keras's global seed (`keras.utils.set_random_seed`).

    Raises:
        ValueError: If `level` or `seed` is out of range.
    """

    max_level = 1.0

    def __init__(self, level, at_inference=False, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.level = self._check_level(level)
        self.at_inference = bool(at_inference)
        self.seed = None if seed is None else _check_seed(seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        self.input_spec = keras.layers.InputSpec(ndim=4)
        self.built = True  # There are no weights.

    def call(self, x, training=False):
        if not (training or self.at_inference):
            return x
        return self.corrupt(ops.cast(x, self.compute_dtype), self.seed_generator)

    def corrupt(self, x, seed):
        """Damage a batch in any mode: a pure function if `seed` is a number.

        Args:
            x: Float tensor in [0, 1], shape `(n, height, width, channels)`.
            seed: Whole number, or a `keras.random.SeedGenerator`, which moves on.

        Returns:
            Tensor of the same shape and dtype.
        """
        level, level_seed, seed = self.level, *_split(seed, 2)
        if isinstance(level, tuple):
            level = _uniform((ops.shape(x)[0], 1, 1, 1), level_seed, *level)
        return self.damage(x, level, seed)

    def damage(self, x, level, seed):
        """As `corrupt`, `level` being a number or a tensor of shape `(n, 1, 1, 1)`."""
        raise NotImplementedError(f"{type(self).__name__} must define damage().")

    def apply(self, x, seed):
        """Damage an array outside any model, for evaluation and for figures.

        The result depends on `x` and `seed`, not on what ran before, so that two
        models can repair the very same images. Backends draw different damage.

        Args:
            x: Array in [0, 1], shape `(n, height, width, channels)`.
            seed: Whole number in [0, 2**31).

        Returns:
            float32 NumPy array of the same shape.

        Raises:
            ValueError: If `x` is empty, of another rank, not finite or outside
                [0, 1], or `seed` is out of range.
        """
        x, parts = _check_images(x), []
        starts = range(0, len(x), _BATCH)
        for start, part_seed in zip(starts, _split(seed, len(starts)), strict=True):
            part = ops.convert_to_tensor(x[start : start + _BATCH])
            parts.append(ops.convert_to_numpy(self.corrupt(part, part_seed)))
        return np.concatenate(parts)

    def get_config(self):
        names = ("level", "at_inference", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}

    def _check_level(self, level):
        values = level if isinstance(level, (list, tuple)) else (level, level)
        kinds = (int, float, np.integer, np.floating)
        numbers = len(values) == 2 and all(isinstance(v, kinds) for v in values)
        if not numbers or not 0 <= values[0] <= values[1] <= self.max_level:
            raise ValueError(
                f"The level of {type(self).__name__} must be a number from 0 to "
                f"{self.max_level:g} or a pair (low, high) of them, low <= high; per "
                f"cent / 100, 8-bit values / 255. Received: level={level!r}"
            )
        low, high = map(float, values)
        return (low, high) if values is level else low


@keras.saving.register_keras_serializable(package="aelab")
class AdditiveGaussian(Corruption):
    """Adds noise from N(0, level^2) to each value, then clips to [0, 1]. Lesson 03.

    Clipping changes the noise: on a black pixel its mean is level / sqrt(2 pi), not
    0, and its mean square level^2 / 2 (where level is so small that 1 is not met).

    Args: as `Corruption`, `level` being the standard deviation before clipping,
    from 0 to 2, where 1 is the step from black to white.
    """

    max_level = 2.0

    def damage(self, x, level, seed):
        # Drawn in float32: half precision is too coarse for the tails.
        noise = keras.random.normal(ops.shape(x), dtype="float32", seed=seed)
        return ops.clip(x + ops.cast(level * noise, x.dtype), 0, 1)


@keras.saving.register_keras_serializable(package="aelab")
class MaskPixels(Corruption):
    """Sets each pixel to 0 with probability `level`, in all channels. Lesson 03.

    Args: as `Corruption`, `level` being the expected share of pixels, 0 to 1.
    """

    def damage(self, x, level, seed):
        draws = _uniform((*ops.shape(x)[:3], 1), seed)  # one for all channels
        return x * ops.cast(draws >= level, x.dtype)


@keras.saving.register_keras_serializable(package="aelab")
class SaltAndPepper(Corruption):
    """Sets each pixel to 0 or to 1, with probability level / 2 each. Lesson 03.

    Args: as `Corruption`, `level` being the expected share of pixels, 0 to 1. All
    channels of a pixel are treated alike: the specks are black and white.
    """

    def damage(self, x, level, seed):
        draws = _uniform((*ops.shape(x)[:3], 1), seed)  # one for all channels
        salt = ops.cast(draws >= level / 2, x.dtype)
        return ops.where(draws < level, salt, x)


@keras.saving.register_keras_serializable(package="aelab")
class MaskPatch(Corruption):
    """Sets one square an image to 0, at a random place inside it. Lesson 03.

    Args: as `Corruption`, `level` being the side of the square as a share of the
    image's shorter side, 0 to 1, rounded to whole pixels. All places where the
    square fits are equally likely.
    """

    def damage(self, x, level, seed):
        n, height, width, _ = ops.shape(x)
        side = ops.round(level * ops.cast(ops.minimum(height, width), "float32"))
        row_seed, column_seed = _split(seed, 2)

        def covered(size, seed, shape):
            places = ops.cast(size, "float32") - side + 1
            first = ops.floor(_uniform((n, 1, 1, 1), seed) * places)
            at = ops.reshape(ops.arange(size, dtype="float32"), shape)
            return ops.logical_and(at >= first, at < first + side)

        rows = covered(height, row_seed, (1, -1, 1, 1))
        columns = covered(width, column_seed, (1, 1, -1, 1))
        return ops.where(ops.logical_and(rows, columns), ops.zeros_like(x), x)


@keras.saving.register_keras_serializable(package="aelab")
class RandomAffine(Corruption):
    """Turns, leans, scales and shifts each image about its middle. Lesson 06.

    What comes in from outside the frame is black; values between pixels are
    interpolated, so strokes get a little softer.

    Args: as `Corruption`, `level` being a share, 0 to 1, of the largest moves: 25
    degrees, a lean of half a pixel for each pixel up, a quarter of the size, a tenth
    of the sides. Each is drawn uniformly, in both directions.
    """

    def __init__(self, level, at_inference=False, seed=None, **kwargs):
        super().__init__(level, at_inference, seed, **kwargs)
        # XLA has no such operation; Keras then compiles the model without XLA.
        self.supports_jit = keras.backend.backend() != "tensorflow"

    def damage(self, x, level, seed):
        n, height, width, _ = ops.shape(x)
        level = ops.reshape(level * ops.ones((n, 1, 1, 1)), (n,))
        draws = [level * _uniform((n,), part, -1, 1) for part in _split(seed, 5)]
        angle, lean, scale = ANGLE * draws[0], LEAN * draws[1], 1 + SCALE * draws[2]
        cos, sin = ops.cos(angle) / scale, ops.sin(angle) / scale
        column, row = (ops.cast(side - 1, "float32") / 2 for side in (width, height))
        # From each place of the result, about the middle, to where it comes from.
        across, down = (cos, lean * cos - sin), (sin, lean * sin + cos)
        x_move = column + SHIFT * ops.cast(width, "float32") * draws[3]
        y_move = row + SHIFT * ops.cast(height, "float32") * draws[4]
        right = column - across[0] * x_move - across[1] * y_move
        low = row - down[0] * x_move - down[1] * y_move
        zero = ops.zeros_like(level)
        transform = ops.stack([*across, right, *down, low, zero, zero], axis=1)
        moved = ops.image.affine_transform(
            ops.cast(x, "float32"), transform, fill_mode="constant"
        )
        return ops.cast(ops.clip(moved, 0, 1), x.dtype)


@keras.saving.register_keras_serializable(package="aelab")
class OneOf(Corruption):
    """Damages each image by one of several corruptions, at random. Lesson 03.

    Args: as `Corruption`, but for `level` a list `corruptions` of at least one such
    layer, all equally likely. Their `at_inference` and `seed` do not matter.
    """

    def __init__(self, corruptions, at_inference=False, seed=None, **kwargs):
        super().__init__(0, at_inference, seed, **kwargs)
        self.level = None  # Each corruption has its own.
        listed = corruptions if isinstance(corruptions, (list, tuple)) else []
        if not listed or not all(isinstance(c, Corruption) for c in listed):
            raise ValueError(
                "corruptions must be a list of at least one corruption, such as "
                f"[MaskPixels(0.5), MaskPatch(0.3)]. Received: {corruptions=}"
            )
        self.corruptions = list(listed)

    def corrupt(self, x, seed):
        n, kinds, damaged = ops.shape(x)[0], len(self.corruptions), x
        kind_seed, *seeds = _split(seed, 1 + kinds)
        kind = keras.random.randint((n, 1, 1, 1), 0, kinds, seed=kind_seed)
        # All are computed and one is kept: under jit no image takes a branch.
        for i, corruption in enumerate(self.corruptions):
            damaged = ops.where(kind == i, corruption.corrupt(x, seeds[i]), damaged)
        return damaged

    def get_config(self):
        config = super().get_config()
        del config["level"]
        parts = map(keras.saving.serialize_keras_object, self.corruptions)
        return {**config, "corruptions": list(parts)}

    @classmethod
    def from_config(cls, config):
        parts = map(keras.saving.deserialize_keras_object, config["corruptions"])
        return cls(**{**config, "corruptions": list(parts)})


def _uniform(shape, seed, low=0.0, high=1.0):
    # In half precision a share of 0.3 would not be 0.3.
    return keras.random.uniform(shape, low, high, dtype="float32", seed=seed)


def _split(seed, n):
    """Seeds for `n` draws, hashed: counted up, they would be those of the next seed."""
    if isinstance(seed, keras.random.SeedGenerator):
        return [seed] * n
    states = np.random.SeedSequence(_check_seed(seed)).generate_state(n)
    return [int(state) % 2**31 for state in states]


def _check_seed(seed):
    if isinstance(seed, (int, np.integer)) and 0 <= seed < 2**31:
        return int(seed)
    raise ValueError(f"seed must be a whole number in [0, 2**31). Received: {seed=}")


def _check_images(x):
    x = np.asarray(x)
    if x.ndim != 4 or x.size == 0:
        problem = f"shape {x.shape}; one grey image is image[None, ..., None]"
    elif not np.isfinite(x).all():
        problem = "NaN or infinite values; replace them or drop those images"
    elif x.min() < 0 or x.max() > 1:
        problem = f"values in [{x.min():g}, {x.max():g}]; divide 8-bit ones by 255"
    else:
        return x.astype("float32")
    expected = "x must hold images in [0, 1], shape (n, height, width, channels), n > 0"
    raise ValueError(f"{expected}. Received: {problem}")
