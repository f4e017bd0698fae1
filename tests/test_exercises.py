"""Right answers are taken, and the usual wrong ones are refused with what is wrong."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy import special

from aelab import corruption, evaluation, exercises


def rate(step, peak, n_warmup, n_steps):
    if step < n_warmup:
        return peak * step / n_warmup
    t = step - n_warmup
    return peak / 2 * (1 + np.cos(np.pi * t / (n_steps - n_warmup)))


def after_the_warmup(formula):
    """The right warm-up, and then a formula of the peak, t, T and the step."""

    def learning_rate(step, peak, n_warmup, n_steps):
        if step < n_warmup:
            return rate(step, peak, n_warmup, n_steps)
        return formula(peak, step - n_warmup, n_steps - n_warmup, step)

    return learning_rate


def in_the_warmup(formula):
    """A formula of the step, the peak, n_warmup and n_steps; then the right cosine."""

    def learning_rate(step, peak, n_warmup, n_steps):
        if step < n_warmup:
            return formula(step, peak, n_warmup, n_steps)
        return rate(step, peak, n_warmup, n_steps)

    return learning_rate


def half_wave(t, total):
    return (1 + np.cos(np.pi * t / total)) / 2


def keeps_the_peak(step, peak, n_warmup, n_steps):
    return rate(step, 0.4, n_warmup, n_steps)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (after_the_warmup(lambda p, t, n, s: p * half_wave(s, n)), "t counts"),
        (after_the_warmup(lambda p, t, n, s: p * half_wave(t, n + 10)), "T is the"),
        (after_the_warmup(lambda p, t, n, s: p * half_wave(s, n + 10)), "both leave"),
        (after_the_warmup(lambda p, t, n, s: 2 * p * half_wave(t, n)), "one half"),
        (
            after_the_warmup(lambda p, t, n, s: p / 2 * (1 + np.cos(180 * t / n))),
            "radians",
        ),
        (after_the_warmup(lambda p, t, n, s: p / 2 * (1 + np.cos(t / n))), "out pi"),
        (
            after_the_warmup(lambda p, t, n, s: p / 2 * np.cos(np.pi * t / n)),
            "below zero",
        ),
        (after_the_warmup(lambda p, t, n, s: p - p * half_wave(t, n)), "rises"),
        (after_the_warmup(lambda p, t, n, s: p * (1 - t / n)), "straight line"),
        (after_the_warmup(lambda p, t, n, s: half_wave(t, n)), "left out the peak"),
        (after_the_warmup(lambda p, t, n, s: p), "should fall"),
        (lambda s, p, w, n: p * s / w, "takes over"),
        (lambda s, p, w, n: 0.0123, "returns 0.0123"),
        (in_the_warmup(lambda s, p, w, n: p), "peak already"),
        (lambda s, p, w, n: p * half_wave(s - w, n - w), "Before, the rate rises"),
        (in_the_warmup(lambda s, p, w, n: p * s / n), "divide by n_warmup"),
        (in_the_warmup(lambda s, p, w, n: s / w), "not to 1"),
        (in_the_warmup(lambda s, p, w, n: p * (s + 1) / w), "straight line"),
        (lambda s, p, w, n: rate(s, p, w, n) if s >= w else None, "every branch"),
        (lambda s, p, w, n: rate(s, p, w, n) if s < w else None, "every branch"),
        (keeps_the_peak, "four arguments"),
        (0.005, "function"),
    ],
)
def test_wrong_learning_rates_are_named(answer, said):
    assert said in exercises.check_learning_rate(answer)


def test_the_learning_rate_of_keras_is_taken():
    def by_keras(step, peak, n_warmup, n_steps):
        schedule = keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=0.0,
            warmup_target=peak,
            warmup_steps=n_warmup,
            decay_steps=n_steps - n_warmup,
        )
        return float(schedule(step))

    assert exercises.check_learning_rate(rate) is True
    assert exercises.check_learning_rate(by_keras) is True
    assert exercises.check_learning_rate(lambda s, p, w, n: None) is None


SHAPE = (5, 4, 1)
dense = keras.layers.Dense


def stack(*layers, code=5, activation=None, shape=SHAPE):
    """A model of a code and further layers, from images of a shape to images."""
    return keras.Sequential(
        [
            keras.Input(SHAPE),
            keras.layers.Flatten(),
            dense(code, activation=activation),
            *layers,
            keras.layers.Reshape(shape),
        ]
    )


def hidden(*units, activation="relu"):
    return [dense(n, activation=activation) for n in units]


def pixels(activation="sigmoid"):
    return dense(20, activation=activation)


def deep_encoder(n):
    flat = [keras.Input(SHAPE), keras.layers.Flatten()]
    encoder = keras.Sequential([*flat, *hidden(128, 64), dense(n)])
    decoder = keras.Sequential([keras.Input((n,)), *hidden(64, 128), pixels()])
    return keras.Sequential([encoder, decoder, keras.layers.Reshape(SHAPE)])


def activation_first(n):
    return keras.Sequential(
        [keras.Input(SHAPE), keras.layers.ReLU(), stack(*hidden(64, 128), pixels())]
    )


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda n: stack(*hidden(64, 128), pixels(), code=32), "still has 32"),
        (deep_encoder, "encoder is deep"),
        (lambda n: stack(*hidden(128, 64), pixels()), "should widen"),
        (lambda n: stack(*hidden(64), pixels()), "They are [5, 64, 20]"),
        (lambda n: stack(*hidden(64, 128), pixels(), activation="relu"), "any sign"),
        (activation_first, "as they are"),
        (lambda n: stack(dense(64), dense(128), pixels()), "no ReLU"),
        (lambda n: stack(*hidden(64, 128), pixels(None)), "needs a sigmoid"),
        (lambda n: stack(*hidden(64, 128), pixels(), shape=(20,)), "layers.Reshape"),
        (lambda n: keras.Sequential(hidden(64, 128)), "keras.Input"),
        (lambda n: (stack(pixels()), stack(pixels())), "one Keras model"),
        (5, "function"),
    ],
)
def test_wrong_models_are_named(answer, said):
    assert said in exercises.check_lopsided(answer, SHAPE)


def test_activations_may_be_layers_of_their_own():
    def with_layers(n, code=()):
        relu = keras.layers.ReLU()
        sigmoid = keras.layers.Activation("sigmoid")
        return stack(*code, dense(64), relu, *hidden(128), dense(20), sigmoid, code=n)

    assert exercises.check_lopsided(with_layers, SHAPE) is True
    code = (keras.layers.ReLU(),)
    assert "any sign" in exercises.check_lopsided(lambda n: with_layers(n, code), SHAPE)


def test_a_model_that_cannot_be_built_is_told_why():
    def without_flatten(n):
        rows = [dense(n), *hidden(64, 128), pixels(), keras.layers.Reshape(SHAPE)]
        return keras.Sequential([keras.Input(SHAPE), *rows])

    assert "layers.Flatten()" in exercises.check_lopsided(without_flatten, SHAPE)


def test_a_lopsided_model_is_taken_in_one_piece_or_in_two():
    def in_two(n):
        flat = [keras.Input(SHAPE), keras.layers.Flatten()]
        encoder = keras.Sequential([*flat, dense(n)])
        decoder = keras.Sequential([keras.Input((n,)), *hidden(64, 128), pixels()])
        return keras.Sequential([encoder, decoder, keras.layers.Reshape(SHAPE)])

    def in_one(n):
        return stack(*hidden(64, 128), pixels(), code=n)

    def as_layers(n):
        return stack(*hidden(64, 128, activation=keras.layers.ReLU()), pixels(), code=n)

    assert exercises.check_lopsided(as_layers, SHAPE) is True
    assert exercises.check_lopsided(in_one, SHAPE) is True
    assert exercises.check_lopsided(in_two, SHAPE) is True
    assert exercises.check_lopsided(lambda n: None, SHAPE) is None


def lowest(i, values):
    """The place of the lowest value, other than i."""
    return min((j for j in range(len(values)) if j != i), key=lambda j: values[j])


def nearest(codes, z):
    """The number of the row that is nearest to z."""
    return int(np.argmin(np.sum((codes - z) ** 2, axis=1)))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda i, c: int(np.argmin(np.sum((c - c[i]) ** 2, axis=1))), "row itself"),
        (lambda i, c: int(np.argmax(np.sum((c - c[i]) ** 2, axis=1))), "farthest"),
        (lambda i, c: lowest(i, -c @ c[i]), "product"),
        (lambda i, c: lowest(i, np.abs(c - c[i])[:, 0]), "first"),
        (lambda i, c: lowest(i, np.sum(c - c[i], axis=1)), "cancel"),
        (lambda i, c: lowest(i, np.sum(np.abs(c - c[i]), axis=1)), "Euclidean"),
        (lambda i, c: lowest(i, np.max(np.abs(c - c[i]), axis=1)), "Euclidean"),
        (lambda i, c: np.sort(np.sum((c - c[i]) ** 2, axis=1))[1], "number of a row"),
        (lambda i, c: 6, "one case only"),
        (lambda i, c: lowest(i, np.sum((c - c[i]) ** 2, axis=0)), "axis=1"),
        (lambda i, c: nearest(np.delete(c, i, axis=0), c[i]), "shift"),
        (lambda i, c: 77, "should return 6"),
        (3, "function"),
    ],
)
def test_wrong_neighbours_are_named(answer, said):
    assert said in exercises.check_most_similar(answer)


def test_the_nearest_code_is_taken():
    def right(i, codes):
        return lowest(i, np.linalg.norm(codes - codes[i], axis=1))

    assert exercises.check_most_similar(right) is True
    assert exercises.check_most_similar(lambda i, c: None) is None


def angle(a, b):
    cosine = abs(a @ b) / np.linalg.norm(a) / np.linalg.norm(b)
    return np.degrees(np.arccos(np.clip(cosine, 0, 1)))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda a, b: np.radians(angle(a, b)), "radians"),
        (lambda a, b: np.cos(np.radians(angle(a, b))), "cosine of the angle"),
        (
            lambda a, b: np.degrees(
                np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
            ),
            "no front",
        ),
        (  # right where the two vectors point away from each other
            lambda a, b: 180 - angle(a, b) if a @ b >= 0 else angle(a, b),
            "above 90",
        ),
        (lambda a, b: 90 - angle(a, b), "not of the sine"),
        (lambda a, b: np.degrees(np.arccos(min(1, abs(a @ b)))), "lengths"),
        (lambda a, b: np.nan, "nan"),
        (lambda a, b: np.degrees(a * b), "array"),
        (lambda a, b: angle(a, b) if abs(a @ b) < 5 else np.nan, "Rounding"),
        (lambda a, b: np.nan if a.sum() == 3 else angle(a, b), "Rounding"),
        (45.0, "function"),
    ],
)
def test_wrong_angles_are_named(answer, said):
    assert said in exercises.check_line_angle(answer)


def test_the_angle_between_lines_is_taken():
    assert exercises.check_line_angle(angle) is True
    assert exercises.check_line_angle(lambda a, b: None) is None


def trained(losses, patience, counts=lambda loss, lowest: loss < lowest, anew=True):
    """Epochs until early stopping, with a rule for what counts as progress."""
    lowest, waited = np.inf, 0
    for epoch, loss in enumerate(losses, start=1):
        if counts(loss, lowest):
            lowest, waited = loss, 0 if anew else waited
        else:
            waited += 1
        if waited == patience:
            return epoch
    return len(losses)


def against_the_epoch_before(losses, patience):
    waited = 0
    for i in range(1, len(losses)):
        waited = waited + 1 if losses[i] >= losses[i - 1] else 0
        if waited == patience:
            return i + 1
    return len(losses)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda losses, p: trained(losses, p) - 1, "first epoch is epoch 1"),
        (lambda losses, p: trained(losses, p + 1), "one too late"),
        (lambda losses, p: int(np.argmin(losses[:8])) + 1, "best epoch until then"),
        (lambda losses, p: int(np.argmin(losses)) + 1, "best epoch of all"),
        (against_the_epoch_before, "the lowest loss so far"),
        (lambda losses, p: trained(losses, p, anew=False), "wait anew"),
        (lambda losses, p: trained(losses, 3), "use the patience"),
        (lambda losses, p: 8, "use the patience"),
        (lambda losses, p: trained(losses, p, np.less_equal), "equal loss"),
        (lambda losses, p: trained([*losses, 9, 9, 9], p), "never stop"),
        (lambda losses, p: trained([min(1, loss) for loss in losses], p), "first loss"),
        (lambda losses, p: 2, "should return 8"),
        (lambda losses, p: 0.3, "number of epochs"),
        (7, "function"),
    ],
)
def test_wrong_stops_are_named(answer, said):
    assert said in exercises.check_epochs_trained(answer)


def test_early_stopping_is_that_of_keras():
    class Losses(keras.callbacks.Callback):
        """Reports losses that were written down before."""

        def __init__(self, losses):
            super().__init__()
            self.losses = losses

        def on_epoch_end(self, epoch, logs):
            logs["val_loss"] = self.losses[epoch]

    def by_keras(losses, patience):
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile(loss="mse")
        stop = keras.callbacks.EarlyStopping("val_loss", patience=patience)
        x = np.zeros((1, 1))
        model.fit(x, x, epochs=len(losses), verbose=0, callbacks=[Losses(losses), stop])
        return stop.stopped_epoch + 1 if stop.stopped_epoch else len(losses)

    assert exercises.check_epochs_trained(trained) is True
    assert exercises.check_epochs_trained(by_keras) is True
    assert exercises.check_epochs_trained(lambda losses, patience: None) is None


def test_the_best_that_a_relu_can_do_is_taken():
    x = np.random.default_rng(0).normal(size=(50, 4, 4, 1)).astype("float32")

    def check(answer):
        return exercises.check_best_relu(answer, x)

    assert check(evaluation.mse(x, np.maximum(x, 0))) is True
    assert check(np.float32(evaluation.mse(x, np.maximum(x, 0)))) is True
    assert "all pixels" in check(np.mean(x[x < 0] ** 2))
    assert "Square" in check(np.mean(np.minimum(x, 0)))
    assert "root" in check(np.sqrt(evaluation.mse(x, np.maximum(x, 0))))
    assert "What of the others" in check(np.mean(np.maximum(x, 0) ** 2))
    assert "not limited to 1" in check(evaluation.mse(x, np.clip(x, 0, 1)))
    assert "give 0 everywhere" in check(np.mean(x**2))
    assert "divided by 4" in check(evaluation.mse(x, np.maximum(x, 0)) / 4)
    assert "rounded" in check(round(evaluation.mse(x, np.maximum(x, 0)), 3))
    assert "other images" in check(evaluation.mse(x, np.maximum(x, 0)) * 1.005)
    of_average = evaluation.mse(x, np.repeat(x.mean(0)[None], len(x), 0))
    # Beside the exercise it is that of the training images: hardly another number.
    for printed in (of_average, 1.003 * of_average):
        assert "average image" in check(printed)
    assert check(np.array(evaluation.mse(x, np.maximum(x, 0)))) is True
    assert check(keras.ops.mean(keras.ops.square(np.minimum(x, 0)))) is True
    assert "shape (50, 4, 4, 1)" in check(np.maximum(x, 0))
    assert "one number" in check("0.3")
    assert "What is the best output" in check(0.3)


def transposed(values, kernel, stride, add=True):
    row = np.zeros((len(values) - 1) * stride + len(kernel))
    for i, value in enumerate(values):
        place = slice(i * stride, i * stride + len(kernel))
        row[place] = value * kernel + (row[place] if add else 0)
    return row


def one_by_one(values, kernel, stride):
    row = np.zeros(8)
    for i, value in enumerate(values):
        for j, weight in enumerate(kernel):
            row[i * stride + j] += value * weight
    return row


def stamped(values, kernel, stride, row):
    """Copies of the kernel, added to a row that may be too short or of integers."""
    for i, value in enumerate(values):
        row[i * stride : i * stride + len(kernel)] += value * kernel
    return row


def length_3_written_in(values, kernel, stride):
    row = np.zeros((len(values) - 1) * stride + 3)
    for i, value in enumerate(values):
        row[i * stride : i * stride + 3] += value * kernel
    return row


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda v, k, s: transposed(v, k, s, add=False), "should be added"),
        (lambda v, k, s: transposed(v, k[::-1], s), "turned round"),
        (lambda v, k, s: transposed(np.ones_like(v), k, s), "Multiply each copy"),
        (lambda v, k, s: transposed(v, k, s)[:-1], "cut off"),
        (lambda v, k, s: np.convolve(v, k), "another length"),
        (lambda v, k, s: np.outer(v, k).ravel(), "another length"),
        (lambda v, k, s: np.zeros(9), "nothing was added"),
        (lambda v, k, s: np.outer(v, k), "shape of yours"),
        (lambda v, k, s: np.arange(9), "should return"),
        (lambda v, k, s: transposed(v, k, 2), "use the length"),
        (lambda v, k, s: stamped(v, k, s, np.zeros(9, int)), "integers only"),
        (lambda v, k, s: stamped(v, k, s, np.zeros(8)), "does the last copy end"),
        (one_by_one, "does the last copy end"),
        (lambda v, k, s: np.append(transposed(v, k, 1), [0] * 3), "one place"),
        (lambda v, k, s: transposed(v, np.ones_like(k), s), "not the value alone"),
        (
            lambda v, k, s: (
                transposed(v, k, s) / transposed(np.ones_like(v), np.ones_like(k), s)
            ),
            "not their mean",
        ),
        (length_3_written_in, "use the length"),
        (lambda v, k, s: transposed(k, v, s), "exchanged"),
        (lambda v, k, s: np.append(v[0] * k, [0] * 6), "inside the loop"),
        (lambda v, k, s: -transposed(v, k, s), "sign"),
        (lambda v, k, s: transposed(v, k, s).astype(int), "and it returns"),
        (3.0, "function"),
    ],
)
def test_wrong_copies_are_named(answer, said):
    assert said in exercises.check_transposed_row(answer)


def test_a_transposed_row_is_that_of_keras():
    def by_keras(values, kernel, stride):
        layer = keras.layers.Conv1DTranspose(
            1, len(kernel), strides=stride, padding="valid", use_bias=False
        )
        layer.build((None, None, 1))
        layer.set_weights([kernel[:, None, None]])
        row = keras.ops.convert_to_numpy(layer(values[None, :, None].astype("float32")))
        # Keras fills up to a multiple of the stride.
        return row[0, : (len(values) - 1) * stride + len(kernel), 0]

    assert exercises.check_transposed_row(transposed) is True
    assert exercises.check_transposed_row(by_keras) is True
    assert exercises.check_transposed_row(lambda v, k, s: None) is None


def cost(seen, symbols):
    """Bits of each symbol."""
    return np.array([-np.log2(np.mean(seen == symbol)) for symbol in symbols])


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda seen, symbols: np.bincount(seen)[symbols].mean(), "bincount"),
        (lambda seen, symbols: cost(abs(seen), abs(symbols)).mean(), "absolute"),
        (
            lambda seen, symbols: cost(
                seen - seen.min(), symbols - symbols.min()
            ).mean(),
            "same number",
        ),
        (lambda seen, symbols: cost(seen, symbols).mean() * np.log(2), "nats"),
        (lambda seen, symbols: cost(seen, symbols).sum(), "sum"),
        (lambda seen, symbols: cost(seen, seen).mean(), "entropy of `seen`"),
        (lambda seen, symbols: cost(symbols, symbols).mean(), "entropy of `symbols`"),
        (lambda seen, symbols: cost(symbols, seen).mean(), "mixed up"),
        (lambda seen, symbols: np.log2(len(np.unique(seen))), "equally frequent"),
        (lambda seen, symbols: cost(seen, np.unique(symbols)).mean(), "each kind"),
        (lambda seen, symbols: -cost(seen, symbols).mean(), "sign"),
        (
            lambda seen, symbols: np.mean(
                [np.log2(np.sum(seen == s)) for s in symbols]
            ),
            "Divide the counts",
        ),
        (
            lambda seen, symbols: np.mean(
                [-np.log2(np.sum(seen == s) / len(symbols)) for s in symbols]
            ),
            "not in `symbols`",
        ),
        (lambda seen, symbols: cost(seen, symbols), "shape (6,)"),
        (
            lambda seen, symbols: -np.log2(np.mean(2.0 ** -cost(seen, symbols))),
            "logarithm of each",
        ),
        (
            lambda seen, symbols: sum(2.0**-c * c for c in cost(seen, symbols)),
            "not in `seen`",
        ),
        (
            lambda seen, symbols: sum(
                2.0**-c * c for c in cost(seen, np.unique(symbols))
            ),
            "each kind",
        ),
        (lambda seen, symbols: cost(seen, symbols)[0] / len(symbols), "the loop"),
        (
            lambda seen, symbols: (
                -np.log2((np.bincount(seen - seen.min()) / len(seen))[symbols]).mean()
            ),
            "displaced",
        ),
        (lambda seen, symbols: dict.fromkeys(symbols, 0)[-1], "not counted"),
        (lambda seen, symbols: np.unique(seen) + np.unique(symbols), "look each of"),
        (lambda seen, symbols: 9.0, "should return"),
        (lambda seen, symbols: 2.4916666, "should return"),
        (1.75, "function"),
    ],
)
def test_wrong_bits_are_named(answer, said):
    assert said in exercises.check_average_bits(answer)


def test_the_average_cost_is_taken():
    def by_counts(seen, symbols):
        kinds, counts = np.unique(seen, return_counts=True)
        bits = dict(zip(kinds, -np.log2(counts / len(seen)), strict=True))
        return sum(bits[symbol] for symbol in symbols) / len(symbols)

    seen = np.array([0] * 5 + [1] * 3 + [-1, -2, -3, 2, 2])
    copied = cost(seen, np.array([1, -2, 0, 2, 1, 2]))
    assert exercises.check_average_bits(lambda a, b: cost(a, b).mean()) is True
    assert exercises.check_average_bits(by_counts) is True
    assert exercises.check_average_bits(lambda a, b: None) is None
    assert "for another" in exercises.check_average_bits(lambda a, b: copied.mean())


def field(convolutions):
    seen, step = 1, 1
    for size, stride in convolutions:
        seen += (size - 1) * step
        step *= stride
    return seen


def slipped(convolutions, added):
    """As `field`, with another rule for what a layer adds."""
    seen, step = 1, 1
    for size, stride in convolutions:
        seen += added(size, stride, step)
        step *= stride
    return seen


def strides_for_gaps(convolutions):
    seen = 1
    for size, stride in convolutions:
        seen = seen * stride + size
    return seen


def way_back_from_the_front(convolutions):
    seen = 1
    for size, stride in convolutions:
        seen = (seen - 1) * stride + size
    return seen


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda c: sum(size for size, _ in c), "sum of the kernels"),
        (lambda c: 1 + sum(size - 1 for size, _ in c), "every stride were 1"),
        (lambda c: int(np.prod([size for size, _ in c])), "product"),
        (
            lambda c: slipped(c, lambda size, stride, step: (size - 1) * stride * step),
            "only counts for the layers after it",
        ),
        (
            lambda c: 1 + sum((size - 1) * stride for size, stride in c),
            "its own stride",
        ),
        (lambda c: 33, "multiply"),
        (lambda c: field(c) - 1, "begin with 1"),
        (lambda c: slipped(c, lambda size, stride, step: size * step), "not 3"),
        (lambda c: 30, "the first one too"),
        (lambda c: 15, "for the example"),
        (lambda c: 2 ** (len(c) + 1) - 1, "for the example"),
        (strides_for_gaps, "(n - 1) strides"),
        (way_back_from_the_front, "begin with the last"),
        (lambda c: 99, "should return 57"),
        (lambda c: 57, "not for one layer"),
        (lambda c: [47], "number of pixels"),
        (15, "function"),
    ],
)
def test_wrong_receptive_fields_are_named(answer, said):
    assert said in exercises.check_receptive_field(answer)


def test_the_receptive_field_is_that_of_a_gradient():
    """One output of a stack of convolutions of ones, and the pixels it depends on."""

    def measure(convolutions):
        reached = {0}
        for size, stride in reversed(convolutions):
            reached = {stride * p + i for p in reached for i in range(size)}
        return len(range(min(reached), max(reached) + 1))

    assert exercises.check_receptive_field(field) is True
    assert exercises.check_receptive_field(measure) is True
    assert exercises.check_receptive_field(lambda c: np.float64(field(c))) is True
    assert exercises.check_receptive_field(lambda convolutions: None) is None


def layer_cost(height, width, n_in, n_out, size, stride, *, bias=True, up=np.ceil):
    kernels = size * size * n_in * n_out
    places = up(height / stride) * up(width / stride)
    return kernels + n_out * bias, kernels * places


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda *a, **b: layer_cost(*a, **b, bias=False), "a bias as well"),
        (lambda *a, **b: layer_cost(*a, **b, up=np.floor), "round up"),
        (lambda h, w, n_in, n_out, size, stride: (601, 0), "one for the layer"),
        (lambda h, w, n_in, n_out, size, stride: (603, 0), "not for each input"),
        (lambda h, w, n_in, n_out, size, stride: (208, 0), "as deep as"),
        (lambda h, w, n_in, n_out, size, stride: (76, 0), "for each output channel"),
        (lambda h, w, n_in, n_out, size, stride: (128, 0), "5 x 5 weights"),
        (lambda h, w, n_in, n_out, size, stride: (608 * 140, 0), "shared"),
        (lambda h, w, n_in, n_out, size, stride: (7, 0), "should give 608 weights"),
        (lambda h, w, n_in, n_out, size, stride: (608, 608 * 140), "biases out"),
        (lambda h, w, n_in, n_out, size, stride: (608, 600 * h * w), "fewer places"),
        (lambda *a, **b: layer_cost(*a, **b, up=lambda side: side), "round up"),
        (lambda h, w, n_in, n_out, size, stride: (608, 28_000), "n_in deep"),
        (lambda h, w, n_in, n_out, size, stride: (608, 10_500), "times n_out"),
        (lambda *a, **b: layer_cost(*a, **b)[::-1], "weights first"),
        (
            lambda h, w, n_in, n_out, size, stride: (608, 600 * h * w / stride),
            "rows and for the columns",
        ),
        (lambda h, w, n_in, n_out, size, stride: (608, 600), "every place"),
        (lambda h, w, n_in, n_out, size, stride: (608, 600 * 12 * 8), "the border"),
        (lambda h, w, n_in, n_out, size, stride: (608, 140 * 8), "products"),
        (lambda h, w, n_in, n_out, size, stride: (608, 1), "should give 84,000"),
        (lambda h, w, n_in, n_out, size, stride: (608, 84_000), "of stride 1"),
        (lambda h, w, n_in, n_out, size, stride: 608, "two whole numbers"),
        (lambda h, w, n_in, n_out, size, stride: (608, 84_000.5), "two whole numbers"),
        (84_000, "function"),
    ],
)
def test_wrong_costs_of_a_layer_are_named(answer, said):
    assert said in exercises.check_layer_cost(answer)


def test_the_cost_of_a_layer_is_that_of_keras():
    layer = keras.layers.Conv2D(8, 5, strides=2, padding="same")
    layer.build((None, 27, 20, 3))
    n_weights, multiplications = layer_cost(27, 20, 3, 8, 5, 2)
    assert n_weights == layer.count_params()
    places = np.prod(layer.compute_output_shape((None, 27, 20, 3))[1:3])
    assert multiplications == np.prod(layer.kernel.shape) * places
    assert exercises.check_layer_cost(layer_cost) is True
    assert exercises.check_layer_cost(lambda *a, **b: list(layer_cost(*a, **b))) is True
    assert exercises.check_layer_cost(lambda *a, **b: None) is None


def whiten(x, white):
    return np.where(white, np.float32(1), x)


def in_place(x, rate, rng):
    x[:, :, rng.random(x.shape[2]) < rate] = 1
    return x


def as_many(x, rate, rng):
    order = rng.random((len(x), 1, x.shape[2], 1)).argsort(axis=2)
    return whiten(x, order < rate * x.shape[2])


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (in_place, "was changed"),
        (lambda x, rate, rng: in_place(x, rate, rng) is None or None, "was changed"),
        (
            lambda x, rate, rng: whiten(x, rng.random((400, 1, 12, 1)) < rate),
            "shape[2]",
        ),
        (lambda x, rate, rng: whiten(x, rng.random((400, 1, 1, 1)) < rate), "Whole"),
        (lambda x, rate, rng: whiten(x, rng.random(x.shape) < rate), "one by one"),
        (
            lambda x, rate, rng: whiten(x, rng.random((len(x), 12, 1, 1)) < rate),
            "rows",
        ),
        (
            lambda x, rate, rng: whiten(x, rng.random((*x.shape[:3], 1)) < rate),
            "one by one",
        ),
        (lambda x, rate, rng: x.copy(), "and others not"),
        (
            lambda x, rate, rng: whiten(x, rng.random((len(x), 1, 30, 3)) < rate),
            "in all channels",
        ),
        (
            lambda x, rate, rng: whiten(
                x, np.random.default_rng(0).random((len(x), 1, 30, 1)) < rate
            ),
            "from rng",
        ),
        (
            lambda x, rate, rng: whiten(x, np.random.rand(len(x), 1, 30, 1) < rate),
            "from rng",
        ),
        (
            lambda x, rate, rng: whiten(x, rng.random((1, 1, 30, 1)) < rate),
            "same streaks",
        ),
        (
            lambda x, rate, rng: whiten(x, rng.random((len(x), 1, 30, 1)) > rate),
            "1 - rate",
        ),
        (
            lambda x, rate, rng: whiten(x, rng.random((len(x), 1, 30, 1)) < 0.5),
            "of the columns",
        ),
        (as_many, "same number"),
        (lambda x, rate, rng: x[..., 0], "keep the shape"),
        (lambda x, rate, rng: x * 0, "or be 1"),
        (
            lambda x, rate, rng: np.clip(
                x + 0.5 * (rng.random((len(x), 1, 30, 1)) < rate), 0, 1
            ),
            "or be 1",
        ),
        (
            lambda x, rate, rng: whiten(x, rng.random((len(x), 1, 30, 1)) < 0.3),
            "argument rate",
        ),
        (
            lambda x, rate, rng: whiten(x, rng.random(len(x), 1, 30, 1) < rate),
            "as a tuple",
        ),
        (np.ones(3), "function"),
    ],
)
def test_wrong_streaks_are_named(answer, said):
    assert said in exercises.check_streaks(answer)


def test_streaks_are_taken():
    def streaks(x, rate, rng):
        return whiten(x, rng.random((len(x), 1, x.shape[2], 1)) < rate)

    assert exercises.check_streaks(streaks) is True
    assert exercises.check_streaks(lambda x, rate, rng: None) is None


class Mask(keras.layers.Layer):
    """Masks pixels in training, as it should."""

    def __init__(self, rate):
        super().__init__()
        self.rate = rate
        self.seed = keras.random.SeedGenerator(0)

    def kept(self, shape):
        return keras.random.uniform(shape, seed=self.seed) >= self.rate

    def call(self, x, training=False):
        if not training:
            return x
        return ops.where(self.kept(ops.shape(x)), x, 0.0)


class Always(Mask):
    def call(self, x, training=False):
        return super().call(x, training=True)


class Never(Mask):
    def call(self, x, training=False):
        return x


class TheOtherWay(Mask):
    def call(self, x, training=False):
        return super().call(x, training=not training)


class LeavesOne(Mask):
    def call(self, x, training=False):
        return super().call(x, training) if training else None


class Returns(Mask):
    def call(self, x, training=False):
        return None


class OneForAll(Mask):
    def kept(self, shape):
        return super().kept((1, *shape[1:]))


class WholeImages(Mask):
    def kept(self, shape):
        return super().kept((shape[0], 1, 1, 1))


class Columns(Mask):
    def kept(self, shape):
        return super().kept((shape[0], 1, *shape[2:]))


class WithNumPy(Mask):
    def call(self, x, training=False):
        if not training:
            return x
        shape = [side or 1 for side in x.shape]  # the number of images may be unknown
        return ops.where(np.random.random(shape) >= self.rate, x, 0.0)


class KnownShape(Mask):
    """Stops in fit on TensorFlow, where the size of a batch is not known."""

    def call(self, x, training=False):
        return ops.where(self.kept(x.shape), x, 0.0) if training else x


class CopiesAsNumPyDoes(Mask):
    def call(self, x, training=False):
        y = x.copy()
        y[keras.random.uniform(ops.shape(x), seed=self.seed) < self.rate] = 0
        return y


class Misspelt(Mask):
    def kept(self, shape):
        return keras.random.unifrom(shape, seed=self.seed) >= self.rate


class WritesIntoTensor(Mask):
    def call(self, x, training=False):
        if training:
            x[self.kept(ops.shape(x))] = 0
        return x


class Comparison(Mask):
    def call(self, x, training=False):
        return ops.logical_and(self.kept(ops.shape(x)), x > 0) if training else x


class Black(Mask):
    def call(self, x, training=False):
        return ops.zeros_like(x) if training else x


class SameAgain(Mask):
    def kept(self, shape):
        return keras.random.uniform(shape, seed=1) >= self.rate


class Grey(Mask):
    def call(self, x, training=False):
        return super().call(x * 0.9, training) if training else x


class WithoutGenerator(Mask):
    """Uses a generator that it never made."""

    def call(self, x, training=False):
        draws = keras.random.uniform(ops.shape(x), seed=self.generator)
        return ops.where(draws < self.rate, 0.0, x)


class WithoutRate(Mask):
    def __init__(self):
        super().__init__(0.3)


class Normal(Mask):
    def kept(self, shape):
        return keras.random.normal(shape, seed=self.seed) >= self.rate


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Always, "Outside of training"),
        (Never, "nothing is masked"),
        (TheOtherWay, "turn the question"),
        (LeavesOne, "otherwise None"),
        (keras.layers.Dropout, "Dropout"),
        (Comparison, "ops.where"),
        (Black, "every pixel"),
        (Grey, "not masked should stay"),
        (lambda rate: Mask(1 - rate), "1 - rate"),
        (Normal, "uniform"),
        (lambda rate: Mask(0.5), "of the pixels"),
        (OneForAll, "same mask"),
        (WholeImages, "Whole images"),
        (Columns, "Whole columns"),
        (lambda rate: Mask(0.3), "argument rate"),
        (SameAgain, "Two calls"),
        (WithoutRate, "Mask(0.3)"),
        (WithoutGenerator, "__init__"),
        (CopiesAsNumPyDoes, "not an array of NumPy"),
        (Misspelt, "unifrom"),
        (Mask(0.3), "class"),
    ],
)
def test_wrong_masks_are_named(answer, said):
    assert said in exercises.check_mask(answer)


@pytest.mark.skipif(
    keras.backend.backend() == "torch", reason="PyTorch compiles no training step"
)
def test_a_mask_that_a_compiled_step_would_freeze_is_found():
    assert "compiled" in exercises.check_mask(WithNumPy)


@pytest.mark.skipif(
    keras.backend.backend() == "torch", reason="its tensors can be written into"
)
def test_a_mask_that_writes_into_a_tensor_is_told_how_to_choose():
    assert "ops.where(" in exercises.check_mask(WritesIntoTensor)


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="the others know the shape"
)
def test_a_mask_that_needs_to_know_the_size_of_the_batch_is_found():
    assert "ops.shape(x), not x.shape" in exercises.check_mask(KnownShape)


def test_a_masking_layer_is_taken():
    assert exercises.check_mask(Mask) is True
    assert exercises.check_mask(lambda rate: corruption.MaskPixels(rate)) is True
    assert exercises.check_mask(Returns) is None


def fit(filtered, x):
    """Gain and offset by NumPy's own least squares."""
    gain, offset = np.polyfit(filtered.ravel(), x.ravel(), 1)
    return gain, offset


def with_gain(filtered, x, gain):
    return gain, x.mean() - gain * filtered.mean()


def through_zero(filtered, x):
    return np.sum(filtered * x) / np.sum(filtered**2)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda y, x: fit(y, x)[::-1], "order"),
        (lambda y, x: fit(x, y), "come near x"),
        (lambda y, x: (fit(y, x)[0], -fit(y, x)[1]), "wrong sign"),
        (
            lambda y, x: with_gain(y, x, np.corrcoef(y.flat, x.flat)[0, 1]),
            "correlation",
        ),
        (
            lambda y, x: with_gain(y, x, np.cov(y.flat, x.flat)[0, 1] / y.var()),
            "n - 1",
        ),
        (lambda y, x: with_gain(y, x, fit(y, x)[0] * x.size), "not their sum"),
        (lambda y, x: np.linalg.lstsq(y.reshape(-1, 1), x.ravel()), "two numbers"),
        (lambda y, x: with_gain(y, x, x.std() / y.std()), "smaller gain"),
        (lambda y, x: (through_zero(y, x), 0), "without an offset"),
        (lambda y, x: with_gain(y, x, through_zero(y, x)), "subtract both means"),
        (lambda y, x: (fit(y, x)[0], x.mean() - y.mean()), "mean of the filtered"),
        (lambda y, x: with_gain(y, x, fit(y, x)[0] * y.std()), "standard deviation"),
        (lambda y, x: (1.0, 0.0), "the least is"),
        (lambda y, x: fit(y, x)[0], "two numbers"),
        (lambda y, x: (x.mean(axis=0), y.mean(axis=0)), "one pair for all"),
        ((1.0, 0.0), "function"),
    ],
)
def test_wrong_fits_are_named(answer, said):
    assert said in exercises.check_gain_and_offset(answer)


def test_the_fit_of_least_squares_is_taken():
    assert exercises.check_gain_and_offset(fit) is True
    assert exercises.check_gain_and_offset(lambda y, x: np.array(fit(y, x))) is True
    assert exercises.check_gain_and_offset(lambda y, x: None) is None


def conv(width):
    return keras.layers.Conv2D(width, 3, padding="same", activation="silu")


def double(width):
    return keras.layers.Conv2DTranspose(width, 3, strides=2, padding="same")


def together(*tensors, axis=-1):
    return keras.layers.Concatenate(axis=axis)(list(tensors))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda x, before: conv(16)(together(x, before)), "is x doubled"),
        (
            lambda x, before: keras.layers.Concatenate()(double(16)(x), before),
            "first, second",
        ),
        (lambda x, before: conv(16)(double(16)(x)), "encoder's maps change nothing"),
        (lambda x, before: conv(16)(before), "decoder's maps x change nothing"),
        (lambda x, before: together(double(16)(x), before), "comes last"),
        (lambda x, before: together(conv(16)(double(16)(x)), before), "comes last"),
        (lambda x, before: conv(16)(double(16)(x) + before), "added"),
        (
            lambda x, before: conv(16)(keras.layers.Add()([double(16)(x), before])),
            "added",
        ),
        (
            lambda x, before: conv(16)(
                together(x, keras.layers.MaxPooling2D(2)(before))
            ),
            "x that is doubled",
        ),
        (
            lambda x, before: conv(16)(together(double(16)(x), before, axis=1)),
            "last axis",
        ),
        (lambda x, before: conv(16)(together(double(8)(x), before)), "16 + 16"),
        (lambda x, before: conv(8)(together(double(16)(x), before)), "16 channels"),
        (lambda x, before: conv(16), "return a tensor"),
        (lambda x, before: conv(together(double(16)(x), before)), "made first"),
        (lambda x: x, "it stops"),
        (conv(16), "it stops"),
        ("join", "function"),
    ],
)
def test_wrong_joins_are_named(answer, said):
    assert said in exercises.check_join(answer)


def test_a_step_of_a_unet_is_taken():
    assert exercises.check_join(lambda x, before: None) is None
    for order in (1, -1):
        assert (
            exercises.check_join(
                lambda x, before, order=order: conv(16)(
                    together(*[double(16)(x), before][::order])
                )
            )
            is True
        )


def weighted(noisy, clean, exponent):
    weights = np.exp(exponent)
    return weights @ clean / weights.sum(axis=1, keepdims=True)


def one_by_one(noisy, clean, sigma):
    weights = np.exp(-((noisy[:, None] - clean[None]) ** 2) / (2 * sigma**2))
    return (weights * clean).sum(axis=1) / weights.sum(axis=1)


def squared(noisy, clean):
    return ((noisy[:, None] - clean[None]) ** 2).sum(axis=2)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            lambda y, x, s: weighted(y, x, -squared(y, x) / (2 * s**2)) - y,
            "arrow",
        ),
        (lambda y, x, s: np.exp(-squared(y, x) / (2 * s**2)) @ x, "Divide by the sum"),
        (
            lambda y, x, s: special.softmax(-squared(y, x) / (2 * s**2), axis=0) @ x,
            "its own weights",
        ),
        (lambda y, x, s: special.softmax(-squared(y, x) / (2 * s**2)) @ x, "each row"),
        (lambda y, x, s: weighted(y, x, squared(y, x) / (2 * s**2)), "negative"),
        (
            lambda y, x, s: weighted(y, x, -np.sqrt(squared(y, x)) / (2 * s**2)),
            "not the distance",
        ),
        (lambda y, x, s: weighted(y, x, -squared(y, x) / (2 * s)), "square sigma"),
        (lambda y, x, s: weighted(y, x, -squared(y, x) / s**2), "where is the two"),
        (lambda y, x, s: weighted(y, x, -squared(y, x) / 2), "where is sigma"),
        (lambda y, x, s: weighted(y, x, -squared(y, x) / (4 * s**2)), "not their mean"),
        (
            lambda y, x, s: special.softmax(y @ x.T, 1) @ x / (y @ x.T).sum(axis=1),
            "has the shape (n, 1)",
        ),
        (lambda y, x, s: weighted(y, x, -squared(y, x) / 2 * s**2), "parentheses"),
        (lambda y, x, s: x[squared(y, x).argmin(axis=1)], "nearest"),
        (lambda y, x, s: np.tile(x.mean(axis=0), (len(y), 1)), "mean of all"),
        (lambda y, x, s: weighted(y, x, -squared(y, x) / 10), "Do all weights"),
        (lambda y, x, s: np.exp(-squared(y, x) / (2 * s**2)), "a point for each"),
        (lambda y, x, s: one_by_one(y, x, s), "one weight"),
        (lambda y, x, s: y, "not the noisy"),
        (
            lambda y, x, s: np.exp(-squared(y, x) / (2 * s**2)) @ x / len(x),
            "not by their number",
        ),
        (
            lambda y, x, s: 5 * weighted(y, x, -squared(y, x) / (2 * s**2)),
            "mean of the weights",
        ),
        (
            lambda y, x, s: np.exp(-((y[:, None] - x[None]) ** 2).sum(axis=1)) @ x,
            "over the last axis",
        ),
        (lambda y, x, s: (y - x) ** 2, "it stops"),
        ([0.0], "function"),
    ],
)
def test_wrong_denoisers_are_named(answer, said):
    assert said in exercises.check_best_answer(answer)


def test_the_best_denoiser_is_taken():
    assert exercises.check_best_answer(evaluation.best_denoiser) is True
    assert exercises.check_best_answer(lambda y, x, s: None) is None
