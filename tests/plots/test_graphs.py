"""A model is read as boxes: each layer once, in order, with its shape and its part."""

import keras
import pytest
from keras import layers

from aelab.plots import graphs

IMAGE = (28, 28, 1)


def told(model):
    """Each box as (type, shape, part), and the code's place in the list."""
    boxes, code = graphs.read(model)
    place = None if code is None else boxes.index(code)
    return [(box.kind, box.shape, box.part) for box in boxes], place


def test_an_autoencoder_is_read_in_order_and_folded(networks):
    boxes, code = told(networks.autoencoder())
    assert boxes == [
        ("Input", (28, 28, 1), None),
        ("Dense", (128,), "encoder"),
        ("Dense", (32,), "encoder"),
        ("Dense", (128,), "decoder"),
        ("Dense", (28, 28, 1), "decoder"),
    ]
    assert code == 2


@pytest.mark.parametrize("how", ["flat", "sequential", "nested", "nested sequential"])
def test_plain_keras_models_give_the_same_diagram(networks, how):
    encoder, decoder = networks.dense_halves()
    if how == "flat":
        steps = [*encoder.layers[1:], *decoder.layers[1:]]
        model = networks.chain(IMAGE, *steps, name="whole")
    elif how == "sequential":
        steps = [*encoder.layers[1:], *decoder.layers[1:]]
        model = keras.Sequential([keras.Input(IMAGE), *steps])
    elif how == "nested":
        model = networks.chain(IMAGE, encoder, decoder, name="whole")
    else:
        model = keras.Sequential(
            [
                keras.Input(IMAGE),
                keras.Sequential(encoder.layers, name="encoder"),
                keras.Sequential(decoder.layers, name="decoder"),
            ]
        )
    assert told(model) == told(networks.autoencoder())


def test_a_corruption_stands_in_front(networks):
    noise = layers.GaussianNoise(0.1, name="noise")
    boxes, code = told(networks.autoencoder(corruption=noise))
    assert boxes[1] == ("GaussianNoise", (28, 28, 1), None)
    assert code == 3


def test_a_vae_draws_its_code_from_two_heads(networks):
    boxes, code = graphs.read(networks.vae())
    assert {box.name for box in code.parents} == {"z_mean", "z_log_var"}
    assert (code.kind, code.shape, code.part) == ("Sampling", (32,), None)
    heads = [box for box in boxes if box.name in ("z_mean", "z_log_var")]
    assert {(box.part, box.column) for box in heads} == {("encoder", 2)}


def test_a_unet_has_skips_around_its_bottleneck(networks):
    boxes, code = graphs.read(networks.unet())
    assert code.name == "bottom"
    assert graphs.is_passed(code, boxes)
    skips = [(start.name, end.name) for start, end in graphs.skips(boxes)]
    assert skips == [("lower", "join_lower"), ("upper", "join_upper")]


def test_overcomplete_models_have_no_narrowest_layer(networks):
    wide = networks.chain((8,), layers.Dense(100), layers.Dense(8), name="wide")
    boxes, code = told(wide)
    assert code is None
    assert {part for _, _, part in boxes} == {None}
    named = networks.chain(
        (8,), layers.Dense(100, name="code"), layers.Dense(8), name="named"
    )
    assert told(named)[1] == 1


def test_names_that_keras_made_up_are_told_from_given_ones():
    for kind, name, own in (
        ("Dense", "dense", ""),
        ("Dense", "dense_12", ""),
        ("Dense", "pixels", "pixels"),
        ("Conv2DTranspose", "conv2d_transpose_3", ""),
        ("MaxPooling2D", "max_pooling2d", ""),
        ("LSTM", "lstm_1", ""),
        ("TimeDistributed Dense", "time_distributed", ""),
        ("Dense", "dense_encoder", "dense_encoder"),
        ("Input", "image", ""),
    ):
        assert graphs.Box(kind, name, (), []).own_name == own


def test_an_encoder_that_draws_itself_needs_no_sampling_box(networks):
    boxes, code = graphs.read(networks.vae(n_outputs=3))
    assert code.name == "draw"
    assert "Sampling" not in {box.kind for box in boxes}


def test_recurrent_models_name_what_they_wrap(networks):
    boxes, code = told(networks.recurrent())
    assert [kind for kind, _, _ in boxes] == [
        "Input",
        "Bidirectional LSTM",
        "LSTM",
        "RepeatVector",
        "GRU",
        "TimeDistributed Dense",
    ]
    assert boxes[1][1] == (20, 16)
    assert code == 2
    flat = networks.recurrent()
    steps = [*flat.encoder.layers[1:], *flat.decoder.layers[1:]]
    assert told(networks.chain((20, 3), *steps, name="whole")) == (boxes, code)


@pytest.mark.parametrize("n_dimensions", [1, 2])
def test_convolutional_models_show_reshaped_and_cropped_sizes(networks, n_dimensions):
    boxes, code = graphs.read(networks.convolutional(n_dimensions))
    expected = [27, 14, None, 14, 27, 27]
    shapes = [(*[side] * n_dimensions, 8) for side in expected]
    shapes[0] = shapes[-1] = (*[27] * n_dimensions, 3)
    shapes[2] = (10,)
    assert [box.shape for box in boxes] == shapes
    assert boxes[1].notes == ["BatchNormalization", "ReLU"]
    assert code is boxes[2]


def test_what_others_read_is_not_renamed():
    # The activation lies on one of two ways: it cannot be a note of the layer before.
    inputs = keras.Input((8,))
    x = layers.Dense(6, name="first")(inputs)
    joined = layers.Add()([x, layers.Activation("tanh")(x)])
    boxes, _ = graphs.read(keras.Model(inputs, layers.Dense(8)(joined)))
    kinds = [box.kind for box in boxes]
    assert kinds == ["Input", "Dense", "Activation tanh", "Add", "Dense"]
    assert boxes[3].parents == [boxes[1], boxes[2]]


def test_a_layer_used_twice_has_two_boxes(networks):
    shared = layers.Dense(8, name="shared")
    boxes, _ = graphs.read(
        networks.chain((8,), shared, layers.Dense(4), layers.Dense(8), shared, name="m")
    )
    assert [box.name for box in boxes].count("shared") == 2


def test_a_subclassed_model_inside_another_is_one_box(networks):
    boxes, _ = told(
        networks.chain((8,), networks.subclassed(), layers.Dense(8), name="m")
    )
    assert [kind for kind, _, _ in boxes] == ["Input", "Subclassed", "Dense"]
