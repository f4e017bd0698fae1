"""TopK and Sampling against sorting, counting and moments."""

import keras
import numpy as np
import pytest
from keras import ops

from aelab import layers


def arrays(tensor):
    return ops.convert_to_numpy(tensor)


def test_top_k_keeps_the_largest_and_nothing_else():
    z = np.random.default_rng(0).normal(size=(50, 9)).astype("float32")
    ranks = (-z).argsort(axis=1).argsort(axis=1)
    np.testing.assert_array_equal(arrays(layers.TopK(3)(z)), np.where(ranks < 3, z, 0))


def test_top_k_of_a_feature_map_keeps_channels_and_ties():
    z = np.zeros((1, 2, 1, 3), "float32")
    z[0, 0, 0] = [1, 2, 3]
    z[0, 1, 0] = [5, 5, 4]
    kept = arrays(layers.TopK(1)(z))[0, :, 0]
    np.testing.assert_array_equal(kept, [[0, 0, 3], [5, 5, 0]])


def test_top_k_follows_its_variable():
    z = np.random.default_rng(0).normal(size=(50, 9)).astype("float32")
    layer = layers.TopK(3, k_max=9)
    for k in (1, 5, 9, 20):
        layer.k.assign(k)
        active = np.count_nonzero(arrays(layer(z)), axis=1)
        np.testing.assert_array_equal(active, min(k, 9))
    assert layer.get_config()["k"] == 9


def test_a_gradient_passes_through_the_kept_units_alone():
    inner = keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(4, use_bias=False), layers.TopK(2)]
    )
    before = np.array([[1.0, 4.0, 2.0, 3.0]], "float32")
    inner.layers[0].set_weights([before])
    inner.compile(keras.optimizers.SGD(1.0), loss="mse")
    inner.fit(np.ones((1, 1)), np.zeros((1, 4)), verbose=0)
    moved = inner.get_weights()[0] != before
    np.testing.assert_array_equal(moved, [[False, True, False, True]])


def test_sampling_draws_what_it_says():
    layer, n = layers.Sampling(seed=0), 40_000
    z_mean = np.full((n, 2), [1.0, -2.0], "float32")
    z_log_var = np.full((n, 2), [-2.0, 1.0], "float32")
    first = arrays(layer([z_mean, z_log_var]))
    second = arrays(layer([z_mean, z_log_var]))
    assert not np.array_equal(first, second)
    np.testing.assert_allclose(first.mean(axis=0), [1.0, -2.0], atol=0.05)
    np.testing.assert_allclose(first.var(axis=0), np.exp([-2.0, 1.0]), rtol=0.03)
    assert abs(np.corrcoef(first.T)[0, 1]) < 0.02
    again = arrays(layers.Sampling(seed=0)([z_mean, z_log_var]))
    np.testing.assert_array_equal(first, again)


def test_a_log_variance_gone_astray_leaves_the_draw_finite():
    z_mean = np.zeros((100, 2), "float32")
    drawn = layers.Sampling(seed=0)([z_mean, np.full((100, 2), 500.0, "float32")])
    assert np.isfinite(arrays(drawn)).all()


def test_sampling_keeps_the_dtype_that_it_was_given():
    assert layers.Sampling().compute_dtype == "float32"
    wide = layers.Sampling(dtype="float64")
    assert wide.compute_dtype == "float64"
    restored = layers.Sampling.from_config(wide.get_config())
    assert restored.compute_dtype == "float64"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.TopK(0), "k=0"),
        (lambda: layers.TopK(2.5), "k=2.5"),
        (lambda: layers.TopK(True), "k=True"),
        (lambda: layers.TopK(5, k_max=4), "k_max=4"),
        (lambda: layers.TopK(5)(np.zeros((2, 4), "float32")), "k_max=5"),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_ramp_below_one_can_be_saved():
    top_k = layers.TopK(3)
    top_k.k.assign(0)
    assert layers.TopK.from_config(top_k.get_config()).k_max == 3
