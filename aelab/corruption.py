"""Layers that corrupt data, so that a model can learn to restore it. Lesson 04.

A model takes one as its `corruption` and corrupts what goes into its encoder, while the
target stays clean. Each batch is corrupted afresh: noise that comes back in every epoch
would be learned by heart.

Arrays may have any rank of at least 2, examples first and channels last: images of
shape `(n, height, width, channels)`, signals `(n, length, channels)`, tables
`(n, features)`. New corruptions are written as `Corruption` shows.
"""

import keras
import numpy as np
from keras import ops

from aelab import checks

# `corrupt_array` works in batches of this size, each with a seed of its own: another
# size gives another result.
BATCH_SIZE = 1000

# The largest moves of `RandomAffine`, at a factor of 1, in either direction.
MAX_ROTATION = np.radians(25)
MAX_SHEAR = 0.5  # pixels to the side for each pixel upwards
MAX_SCALING = 0.25
MAX_SHIFT = 0.1  # of height and width


@keras.saving.register_keras_serializable(package="aelab")
class Corruption(keras.layers.Layer):
    """Base of the layers that corrupt their input. Lesson 04.

    In training the layer corrupts each batch afresh, at inference it returns its input.
    What it returns has the shape of the input and the layer's `compute_dtype`, in both
    modes, also if the input holds integers.

    To write a new corruption, define `_corrupt(x, amount, seed)`, and register the
    class, so that a saved model finds it. If there is an amount to choose, such as a
    standard deviation, `__init__` hands it to `_set_amount`: it may then be a pair, and
    `get_config` holds it. Any further argument of `__init__` has to be returned by a
    `get_config` of its own, `{**super().get_config(), "mode": self.mode}`, or a loaded
    model has its default. The example below is complete.

    Args:
        value_range: Pair `(low, high)`, the range of the data, such as (0, 1) or
            (-1, 1): what is corrupted stays inside it. None for data without a fixed
            range, such as standardised tables: nothing is clipped.
        at_inference: Whether to corrupt at inference, too, so that a validation loss
            measures the task that is trained. Choose it before `compile`.
        seed: Integer in [0, 2**31) for the layer's stream of draws. Default: drawn
            from Keras's global seed (`keras.utils.set_random_seed`).
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Raises:
        ValueError: If `value_range` is no pair of numbers, low below high, or `seed`
            is out of range.

    Example:
        Speckle noise multiplies, so that black pixels stay black.

        >>> import keras
        >>> from keras import ops
        >>> from aelab import corruption
        >>> @keras.saving.register_keras_serializable(package="my_project")
        ... class Speckle(corruption.Corruption):
        ...     def __init__(self, stddev, **options):
        ...         super().__init__(**options)
        ...         self._set_amount("stddev", stddev, high=2)
        ...
        ...     def _corrupt(self, x, amount, seed):
        ...         noise = keras.random.normal(ops.shape(x), dtype=x.dtype, seed=seed)
        ...         return self._clip(x + amount * noise * x)
        >>> Speckle(0.1).corrupt_array([[0.0, 0.0, 0.0]], seed=0)
        array([[0., 0., 0.]], dtype=float32)
        >>> Speckle((0.1, 0.5), seed=1).get_config()["stddev"]
        (0.1, 0.5)
    """

    # Name of the argument that says how strong the corruption is, if there is one.
    _amount_name = None

    def __init__(self, *, value_range=(0, 1), at_inference=False, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.value_range = _check_value_range(value_range)
        self.at_inference = bool(at_inference)
        self.seed = None if seed is None else checks.seed("seed", seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def build(self, input_shape):
        """Check the input's shape: there are no weights to make."""
        self._check_shape(input_shape)

    def call(self, x, training=False):
        """Corrupt a batch in training, or if `at_inference` is set; else return it.

        Args:
            x: Tensor in `value_range`, shape `(n, ...)`, floats or integers.
            training: Whether the model is training.

        Returns:
            Tensor of the same shape, of `compute_dtype`.
        """
        x = ops.cast(x, self.compute_dtype)
        if not (training or self.at_inference):
            return x
        # In half precision a rate of 0.3 would not be 0.3.
        precise = ops.cast(x, keras.backend.result_type(x.dtype, "float32"))
        amount, seed = self._draw_amount(precise, self.seed_generator)
        corrupted = self._corrupt(precise, amount, seed)
        if tuple(corrupted.shape[1:]) != tuple(x.shape[1:]):
            raise ValueError(
                f"{type(self).__name__} must keep the shape of what it corrupts, "
                f"{tuple(x.shape)}. Received from _corrupt: {tuple(corrupted.shape)}"
            )
        return ops.cast(corrupted, self.compute_dtype)

    def corrupt_array(self, x, seed):
        """Corrupt an array outside of any model, for evaluation and for figures.

        The result depends on `x` and `seed` alone, not on what ran before, so two
        models can restore the very same corrupted data. It differs between backends.

        Args:
            x: Array in `value_range`, shape `(n, ...)`, n at least 1.
            seed: Integer in [0, 2**31).

        Returns:
            float32 NumPy array of the same shape.

        Raises:
            ValueError: If `x` is empty, of a rank that the layer does not take, not
                finite or outside `value_range`, or `seed` is out of range.
        """
        return self._map_batches(self._corrupt, self._check_array(x), seed)

    def _corrupt(self, x, amount, seed):
        """Corrupt a batch: the one method that a subclass has to define.

        Args:
            x: float32 tensor in `value_range`, shape `(n, ...)` (float64 if that is
                the layer's dtype).
            amount: What `_set_amount` was given: a number, or, if that was a pair, one
                number for each example, as a tensor of shape `(n, 1, ..., 1)` and the
                dtype of `x`. None if it was not called.
            seed: What to hand to one function of `keras.random`: an integer or a
                `keras.random.SeedGenerator`. For several draws see `split_seed`.

        Returns:
            Tensor of the same shape and dtype.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must define _corrupt(x, amount, seed)."
        )

    def _set_amount(self, name, value, high):
        """Check how strong the corruption is, and keep it as the attribute `name`.

        Args:
            name: Name of the argument and of the attribute, such as `"rate"`.
            value: A number from 0 to `high`, or a pair `(low, high)` of such numbers,
                from which each example of a batch draws its own, uniformly and afresh.
                Kept as a float: an amount that counts, such as a number of grey
                levels, is an argument of its own and no amount.
            high: The largest value allowed.

        Raises:
            ValueError: If `value` is neither.
        """
        if isinstance(value, (tuple, list)):
            if len(value) != 2:
                raise ValueError(
                    f"{name} must be a number or a pair (low, high). "
                    f"Received: {name}={value!r}"
                )
            lowest, highest = value
            checks.number(f"{name}[0]", lowest, low=0, high=high)
            checks.number(f"{name}[1]", highest, low=lowest, high=high)
            value = (float(lowest), float(highest))
        else:
            checks.number(name, value, low=0, high=high)
            value = float(value)
        self._amount_name = name
        setattr(self, name, value)

    def _clip(self, x):
        """`x` clipped to `value_range`; unchanged if that is None."""
        if self.value_range is None:
            return x
        low, high = self.value_range
        return ops.clip(x, low, high)

    @property
    def _missing(self):
        """The value of what is missing: the low end of the range, 0 if it has none."""
        return 0.0 if self.value_range is None else self.value_range[0]

    def _check_shape(self, shape):
        """Raise ValueError unless arrays of this shape can be corrupted."""
        if len(shape) < 2:
            raise ValueError(
                f"{type(self).__name__} needs arrays of at least two axes, examples "
                "first, such as (n, features) or (n, height, width, channels). "
                f"Received: x of shape {tuple(shape)}"
            )

    def _check_array(self, x):
        """`x` as a float32 NumPy array, checked."""
        x = np.asarray(x, dtype="float32")
        self._check_shape(x.shape)
        if x.size == 0:
            raise ValueError(
                "x must hold at least one example and one value. "
                f"Received: x of shape {x.shape}"
            )
        checks.finite("x", x)
        if self.value_range is not None:
            low, high = self.value_range
            cure = ": scale it, or tell the layer its value_range (None for any)"
            checks.value_range("x", x, low, high, cure)
        return x

    def _draw_amount(self, x, seed):
        """The amount for a batch, and a seed for what else is drawn."""
        if self._amount_name is None:
            return None, seed
        amount = getattr(self, self._amount_name)
        amount_seed, seed = split_seed(seed, 2)
        if isinstance(amount, tuple):
            low, high = amount
            amount = keras.random.uniform(
                _one_per_example(x), low, high, dtype=x.dtype, seed=amount_seed
            )
        return amount, seed

    def _map_batches(self, hook, x, seed):
        """The results of `hook(x, amount, seed)` for the batches of an array."""
        starts = range(0, len(x), BATCH_SIZE)
        results = []
        for start, batch_seed in zip(
            starts, split_seed(seed, len(starts)), strict=True
        ):
            batch = ops.convert_to_tensor(x[start : start + BATCH_SIZE])
            amount, hook_seed = self._draw_amount(batch, batch_seed)
            result = hook(batch, amount, hook_seed)
            results.append(ops.convert_to_numpy(result))
        return np.concatenate(results)

    def compute_output_shape(self, input_shape):
        """The input's shape."""
        return input_shape

    def get_config(self):
        """The arguments of the constructor, as Keras saves them."""
        config = {
            "value_range": self.value_range,
            "at_inference": self.at_inference,
            "seed": self.seed,
        }
        if self._amount_name is not None:
            config[self._amount_name] = getattr(self, self._amount_name)
        return {**super().get_config(), **config}


@keras.saving.register_keras_serializable(package="aelab")
class AdditiveGaussian(Corruption):
    """Adds normal noise to each value, then clips to the range. Lesson 04.

    Formula: clip(x + stddev * eps), with eps from N(0, 1), independent for each value.

    Clipping changes the noise: at the low end of the range its mean is
    stddev / sqrt(2 pi), not 0, and its mean square stddev^2 / 2 (for a `stddev` so
    small that the other end is not met). `value_range=None` leaves it normal.

    Args:
        stddev: Standard deviation before clipping, in the unit of the data, from 0 to
            twice the width of the range (any without one); or a pair `(low, high)`,
            from which each example draws its own.
        value_range, at_inference, seed, **kwargs: As in `Corruption`.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> noise = AdditiveGaussian(0.5, value_range=None)
        >>> x = noise.corrupt_array(np.zeros((1000, 50)), seed=0)
        >>> round(float(x.std()), 1)
        0.5

    Reference: Vincent et al., 2010, "Stacked Denoising Autoencoders", JMLR 11.
    """

    def __init__(
        self, stddev, *, value_range=(0, 1), at_inference=False, seed=None, **kwargs
    ):
        super().__init__(
            value_range=value_range, at_inference=at_inference, seed=seed, **kwargs
        )
        if self.value_range is None:
            highest = np.inf
        else:
            highest = 2 * (self.value_range[1] - self.value_range[0])
        self._set_amount("stddev", stddev, high=highest)

    def _corrupt(self, x, amount, seed):
        noise = keras.random.normal(ops.shape(x), dtype=x.dtype, seed=seed)
        return self._clip(x + amount * noise)


class _Replacement(Corruption):
    """Base of the corruptions that replace some values and leave the others."""

    def corrupt_array(self, x, seed, return_mask=False):
        """Corrupt an array outside of any model, and say where if asked.

        Args:
            x: Array in `value_range`, shape `(n, ...)`, n at least 1.
            seed: Integer in [0, 2**31): the result depends on it and on `x` alone.
            return_mask: Whether to return the mask, too.

        Returns:
            float32 NumPy array of the same shape; with `return_mask` a pair of it and
            a boolean NumPy array of the same shape, True where a value was replaced.

        Raises:
            ValueError: If `x` is empty, of rank 1 or 0, not finite or outside
                `value_range`, or `seed` is out of range.

        Example:
            >>> x = np.full((1, 4, 4, 1), 0.5)
            >>> layer = MaskPatch(0.5)
            >>> corrupted, mask = layer.corrupt_array(x, seed=0, return_mask=True)
            >>> int(mask.sum())  # a square of 2 x 2 pixels
            4
        """
        x = self._check_array(x)
        corrupted = self._map_batches(self._corrupt, x, seed)
        if not return_mask:
            return corrupted
        # The same seed gives the same draws, so this is the mask that was used.
        mask = self._map_batches(self._mask, x, seed)
        return corrupted, np.broadcast_to(mask, x.shape).copy()

    def _corrupt(self, x, amount, seed):
        return ops.where(self._mask(x, amount, seed), self._missing, x)

    def _mask(self, x, amount, seed):
        """Boolean tensor, True where to replace; of shape 1 where all are alike."""
        raise NotImplementedError(
            f"{type(self).__name__} must define _mask(x, amount, seed)."
        )


@keras.saving.register_keras_serializable(package="aelab")
class MaskPixels(_Replacement):
    """Sets each pixel to "missing" with a given probability. Lesson 04.

    Formula: m x, with m = 0 with probability `rate`, else 1; with `rescale`
    m x / (1 - rate), whose expected value is x.

    A pixel is masked in all of its channels, a time step of a signal likewise; in a
    table `(n, features)` each feature has a draw of its own. A masked value is 0 for a
    `value_range` of (0, 1) or None, else the low end of the range, from which
    everything is then measured: low + m (x - low) / (1 - rate). For signals around 0,
    such as sound, `value_range=None` masks with silence.

    Args:
        rate: Probability of masking, from 0 to 1 (below 1 with `rescale`); or a pair
            `(low, high)`, from which each example draws its own.
        rescale: Whether to divide what is left by 1 - rate, so that the expected sum
            of an example stays. Rescaled values are not clipped: they may pass the
            high end of the range.
        value_range, at_inference, seed, **kwargs: As in `Corruption`.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> layer = MaskPixels(0.75, rescale=True)
        >>> x = layer.corrupt_array(np.full((1, 200), 0.5), seed=0)
        >>> np.unique(x)
        array([0., 2.], dtype=float32)

    Reference: Vincent et al., 2010, "Stacked Denoising Autoencoders", JMLR 11;
    rescaling as in dropout: Srivastava et al., 2014, JMLR 15.
    """

    def __init__(
        self,
        rate,
        *,
        rescale=False,
        value_range=(0, 1),
        at_inference=False,
        seed=None,
        **kwargs,
    ):
        super().__init__(
            value_range=value_range, at_inference=at_inference, seed=seed, **kwargs
        )
        self._set_amount("rate", rate, high=1)
        self.rescale = bool(rescale)
        if self.rescale and np.max(self.rate) == 1:
            raise ValueError(
                "rate must be below 1 with rescale=True: nothing would be left to "
                f"rescale. Received: rate={rate!r}"
            )

    def _mask(self, x, amount, seed):
        return _draw_per_pixel(x, seed) < amount

    def _corrupt(self, x, amount, seed):
        masked = super()._corrupt(x, amount, seed)
        if not self.rescale:
            return masked
        return self._missing + (masked - self._missing) / (1 - amount)

    def get_config(self):
        """The arguments of the constructor, as Keras saves them."""
        return {**super().get_config(), "rescale": self.rescale}


@keras.saving.register_keras_serializable(package="aelab")
class SaltAndPepper(_Replacement):
    """Sets random pixels to the low or to the high end of the range. Lesson 04.

    Formula: low with probability rate / 2, high with probability rate / 2, else x.

    All channels of a pixel are treated alike, so the corrupted ones are black or white;
    in a table `(n, features)` each feature has a draw of its own.

    Args:
        rate: Probability that a pixel is replaced, from 0 to 1; or a pair
            `(low, high)`, from which each example draws its own.
        value_range: As in `Corruption`, but not None: salt and pepper are its ends.
        at_inference, seed, **kwargs: As in `Corruption`.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> np.unique(SaltAndPepper(0.5).corrupt_array(np.full((1, 99), 0.5), seed=0))
        array([0. , 0.5, 1. ], dtype=float32)

    Reference: Vincent et al., 2010, "Stacked Denoising Autoencoders", JMLR 11.
    """

    def __init__(
        self, rate, *, value_range=(0, 1), at_inference=False, seed=None, **kwargs
    ):
        super().__init__(
            value_range=value_range, at_inference=at_inference, seed=seed, **kwargs
        )
        if self.value_range is None:
            raise ValueError(
                "SaltAndPepper needs a value_range, such as (0, 1): its ends are the "
                "salt and the pepper. Received: value_range=None"
            )
        self._set_amount("rate", rate, high=1)

    def _mask(self, x, amount, seed):
        return _draw_per_pixel(x, seed) < amount

    def _corrupt(self, x, amount, seed):
        low, high = self.value_range
        draws = _draw_per_pixel(x, seed)
        is_salt = ops.cast(draws >= amount / 2, x.dtype)
        return ops.where(draws < amount, low + (high - low) * is_salt, x)


@keras.saving.register_keras_serializable(package="aelab")
class MaskPatch(_Replacement):
    """Sets one square patch of each example to "missing". Lesson 04.

    The patch has the same side along every axis but examples and channels: a square of
    an image, a run of time steps of a signal, a cube of a volume; in a table
    `(n, features)` a run of neighbouring features. All places where it fits are equally
    likely. A masked value is 0 for a `value_range` of (0, 1) or None, else the low end
    of the range.

    Args:
        size: Side of the patch as a fraction of the example's shortest side, from 0 to
            1, rounded to whole pixels; or a pair `(low, high)`, from which each example
            draws its own.
        value_range, at_inference, seed, **kwargs: As in `Corruption`.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> signal = np.ones((1, 8, 1))
        >>> corrupted = MaskPatch(0.25).corrupt_array(signal, seed=0)
        >>> float(corrupted.sum())
        6.0

    Reference: Pathak et al., 2016, "Context Encoders: Feature Learning by
    Inpainting", CVPR.
    """

    def __init__(
        self, size, *, value_range=(0, 1), at_inference=False, seed=None, **kwargs
    ):
        super().__init__(
            value_range=value_range, at_inference=at_inference, seed=seed, **kwargs
        )
        self._set_amount("size", size, high=1)

    def _mask(self, x, amount, seed):
        shape = ops.shape(x)
        axes = range(1, max(len(shape) - 1, 2))
        lengths = [ops.cast(shape[axis], x.dtype) for axis in axes]
        side = ops.round(amount * ops.min(ops.stack(lengths)))
        mask = True
        for axis, length, axis_seed in zip(
            axes, lengths, split_seed(seed, len(axes)), strict=True
        ):
            draws = _uniform(_one_per_example(x), x, axis_seed)
            first = ops.floor(draws * (length - side + 1))
            along_axis = [-1 if other == axis else 1 for other in range(len(shape))]
            place = ops.reshape(ops.arange(shape[axis], dtype=x.dtype), along_axis)
            inside = ops.logical_and(place >= first, place < first + side)
            mask = ops.logical_and(mask, inside)
        return mask


@keras.saving.register_keras_serializable(package="aelab")
class RandomAffine(Corruption):
    """Rotates, shears, scales and shifts each image about its centre. Lesson 07.

    Each of the moves is drawn uniformly, in both directions. At a `factor` of 1 the
    largest are 25 degrees, a shear of half a pixel to the side for each pixel upwards,
    a scaling by 1/4, and a shift by 1/10 of height and width.

    What comes in from outside the frame is black: the low end of `value_range`, or 0
    without one. Values between pixels are interpolated linearly, so strokes get a
    little softer.

    Args:
        factor: Fraction of the largest moves, from 0 to 1; or a pair `(low, high)`,
            from which each image draws its own.
        value_range, at_inference, seed, **kwargs: As in `Corruption`.

    Raises:
        ValueError: If an argument is out of range, or for data that is no batch of
            images, `(n, height, width, channels)`.

    Example:
        >>> image = np.ones((1, 28, 28, 1))
        >>> corrupted = RandomAffine(1.0).corrupt_array(image, seed=0)
        >>> float(corrupted[0, 14, 14, 0])
        1.0
    """

    def __init__(
        self, factor, *, value_range=(0, 1), at_inference=False, seed=None, **kwargs
    ):
        super().__init__(
            value_range=value_range, at_inference=at_inference, seed=seed, **kwargs
        )
        self._set_amount("factor", factor, high=1)
        # XLA has no such operation on TensorFlow; Keras then compiles without XLA.
        self.supports_jit = keras.backend.backend() != "tensorflow"

    def _check_shape(self, shape):
        if len(shape) != 4:
            raise ValueError(
                "RandomAffine needs images of shape (n, height, width, channels). "
                f"Received: x of shape {tuple(shape)}"
            )

    def _corrupt(self, x, amount, seed):
        n, height, width, _ = ops.shape(x)
        factor = ops.reshape(amount * ops.ones((n, 1, 1, 1), dtype=x.dtype), (n,))
        names = ("rotation", "shear", "scaling", "shift_x", "shift_y")
        draws = {
            name: factor * _uniform((n,), x, draw_seed, low=-1.0)
            for name, draw_seed in zip(names, split_seed(seed, 5), strict=True)
        }
        # The result shows at p = (column, row) what `x` shows at
        #
        #     A (p - centre - shift) + centre,
        #     A = [[cos, -sin], [sin, cos]] [[1, shear], [0, 1]] / scale.
        #
        # Keras wants this map as the first row of A and its offset, the second row and
        # its offset, and two zeros; the offset is centre - A (centre + shift).
        scale = 1 + MAX_SCALING * draws["scaling"]
        rotation = MAX_ROTATION * draws["rotation"]
        cos = ops.cos(rotation) / scale
        sin = ops.sin(rotation) / scale
        shear = MAX_SHEAR * draws["shear"]
        a_xx, a_xy = cos, shear * cos - sin
        a_yx, a_yy = sin, shear * sin + cos
        width, height = ops.cast(width, x.dtype), ops.cast(height, x.dtype)
        centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
        to_x = centre_x + MAX_SHIFT * width * draws["shift_x"]
        to_y = centre_y + MAX_SHIFT * height * draws["shift_y"]
        from_x = centre_x - a_xx * to_x - a_xy * to_y
        from_y = centre_y - a_yx * to_x - a_yy * to_y
        zero = ops.zeros_like(from_x)
        maps = [a_xx, a_xy, from_x, a_yx, a_yy, from_y, zero, zero]
        moved = ops.image.affine_transform(
            x,
            ops.stack(maps, axis=1),
            fill_mode="constant",
            fill_value=self._missing,
            data_format="channels_last",
        )
        return self._clip(moved)


@keras.saving.register_keras_serializable(package="aelab")
class OneOf(Corruption):
    """Corrupts each example by one of several corruptions, drawn at random. Lesson 04.

    Args:
        corruptions: List of at least one `Corruption`, all equally likely. They must
            share one `value_range`, which becomes that of this layer; their
            `at_inference` and `seed` play no part.
        at_inference, seed, **kwargs: As in `Corruption`.

    Raises:
        ValueError: If `corruptions` is no such list, or `seed` is out of range.

    Example:
        >>> layer = OneOf([MaskPixels(0.5), SaltAndPepper((0.1, 0.3))])
        >>> layer.corrupt_array(np.ones((2, 28, 28, 1)), seed=0).shape
        (2, 28, 28, 1)
    """

    def __init__(self, corruptions, *, at_inference=False, seed=None, **kwargs):
        listed = list(corruptions) if isinstance(corruptions, (list, tuple)) else []
        if not listed or not all(isinstance(each, Corruption) for each in listed):
            raise ValueError(
                "corruptions must be a list of at least one corruption, such as "
                f"[MaskPixels(0.5), MaskPatch(0.3)]. Received: {corruptions=}"
            )
        ranges = [each.value_range for each in listed]
        if len(set(ranges)) > 1:
            raise ValueError(
                "corruptions must share one value_range. "
                f"Received: corruptions with value_range={ranges}"
            )
        super().__init__(
            value_range=ranges[0], at_inference=at_inference, seed=seed, **kwargs
        )
        self.corruptions = listed

    def _check_shape(self, shape):
        for corruption in self.corruptions:
            corruption._check_shape(shape)

    def _corrupt(self, x, amount, seed):
        n_kinds = len(self.corruptions)
        kind_seed, *seeds = split_seed(seed, 1 + n_kinds)
        kind = keras.random.randint(_one_per_example(x), 0, n_kinds, seed=kind_seed)
        result = x
        # All are computed and one is kept: compiled code cannot branch by example.
        for i, corruption in enumerate(self.corruptions):
            amount, part_seed = corruption._draw_amount(x, seeds[i])
            corrupted = corruption._corrupt(x, amount, part_seed)
            result = ops.where(kind == i, corrupted, result)
        return result

    def get_config(self):
        """The arguments of the constructor, as Keras saves them."""
        config = super().get_config()
        del config["value_range"]  # That of the corruptions.
        parts = keras.saving.serialize_keras_object(self.corruptions)
        return {**config, "corruptions": parts}

    @classmethod
    def from_config(cls, config):
        """The layer of a config, with its corruptions."""
        parts = keras.saving.deserialize_keras_object(config["corruptions"])
        return cls(**{**config, "corruptions": parts})


def split_seed(seed, n):
    """Seeds for `n` independent draws, made from one.

    An integer is hashed: seeds that were counted up, such as seed + 1, would be those
    of the next integer, and two results that should be independent would share draws.

    Args:
        seed: Integer in [0, 2**31), or a `keras.random.SeedGenerator`, which moves on
            by itself from draw to draw.
        n: How many seeds, at least 1.

    Returns:
        List of `n` integers in [0, 2**31), or of `n` times the generator.

    Raises:
        ValueError: If `seed` is out of range.

    Example:
        >>> split_seed(0, 2)
        [821328062, 1529665511]
    """
    if isinstance(seed, keras.random.SeedGenerator):
        return [seed] * n
    states = np.random.SeedSequence(checks.seed("seed", seed)).generate_state(n)
    return [int(state) % 2**31 for state in states]


def _uniform(shape, x, seed, low=0.0):
    """Numbers from `low` to 1, of the dtype of `x`."""
    return keras.random.uniform(shape, low, 1.0, dtype=x.dtype, seed=seed)


def _draw_per_pixel(x, seed):
    """A number in [0, 1) for each pixel: one for all of its channels, if it has any."""
    shape = ops.shape(x)
    if len(shape) > 2:
        shape = (*shape[:-1], 1)
    return _uniform(shape, x, seed)


def _one_per_example(x):
    """The shape of one number for each example, `(n, 1, ..., 1)`."""
    shape = ops.shape(x)
    return (shape[0], *[1] * (len(shape) - 1))


def _check_value_range(value_range):
    """The pair of floats, or None; ValueError for anything else."""
    if value_range is None:
        return None
    if not isinstance(value_range, (tuple, list)) or len(value_range) != 2:
        raise ValueError(
            "value_range must be a pair (low, high), such as (0, 1), or None. "
            f"Received: value_range={value_range!r}"
        )
    low, high = value_range
    checks.number("value_range[0]", low)
    checks.number("value_range[1]", high)
    if low >= high:
        raise ValueError(
            "value_range must be a pair (low, high) with low below high. "
            f"Received: value_range={value_range!r}"
        )
    return float(low), float(high)
