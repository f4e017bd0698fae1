"""Networks of plain Keras to be drawn, and a clean desk for each test."""

from types import SimpleNamespace

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest
from keras import layers

IMAGE = (28, 28, 1)


@pytest.fixture(autouse=True)
def fresh_figures():
    """No figure of another test is open, no style is set, and no figure is left."""
    plt.close("all")
    with plt.rc_context():
        plt.rcdefaults()
        yield
    plt.close("all")


@pytest.fixture(scope="session")
def networks():
    """Builders of networks: the diagrams must not depend on those of the package."""
    return SimpleNamespace(
        chain=chain,
        dense_halves=dense_halves,
        autoencoder=autoencoder,
        vae=vae,
        unet=unet,
        recurrent=recurrent,
        convolutional=convolutional,
        long_chain=long_chain,
        long_unet=long_unet,
        subclassed=subclassed,
    )


def chain(shape, *steps, name):
    """A functional model of layers one after the other."""
    inputs = x = keras.Input(shape)
    for step in steps:
        x = step(x)
    return keras.Model(inputs, x, name=name)


def dense_halves(latent_dim=32):
    encoder = chain(
        IMAGE,
        layers.Flatten(),
        layers.Dense(128),
        layers.Dropout(0.1),
        layers.Dense(latent_dim, name="bottle"),
        name="encoder",
    )
    decoder = chain(
        (latent_dim,),
        layers.Dense(128),
        layers.Dense(784, name="pixels"),
        layers.Reshape(IMAGE),
        name="decoder",
    )
    return encoder, decoder


def autoencoder(**parts):
    encoder, decoder = dense_halves()
    return SimpleNamespace(encoder=encoder, decoder=decoder, **parts)


def vae(n_outputs=2):
    encoder, decoder = dense_halves()
    hidden = encoder.layers[-2].output
    heads = [layers.Dense(32, name="z_mean")(hidden)]
    heads += [layers.Dense(32, name="z_log_var")(hidden)]
    if n_outputs == 3:
        heads += [layers.Add(name="draw")(heads)]
    outputs = {head.name: head for head in heads} if n_outputs == 2 else heads
    encoder = keras.Model(encoder.inputs, outputs, name="encoder")
    return SimpleNamespace(encoder=encoder, decoder=decoder)


def unet(shape=(16, 16, 1)):
    def convolved(x, filters, name):
        return layers.Conv2D(filters, 3, padding="same", name=name)(x)

    inputs = keras.Input(shape)
    upper = convolved(inputs, 4, "upper")
    lower = convolved(layers.MaxPooling2D()(upper), 8, "lower")
    bottom = convolved(layers.MaxPooling2D()(lower), 16, "bottom")
    x = layers.Concatenate(name="join_lower")([layers.UpSampling2D()(bottom), lower])
    x = convolved(x, 8, "lower_up")
    x = layers.Concatenate(name="join_upper")([layers.UpSampling2D()(x), upper])
    x = convolved(convolved(x, 4, "upper_up"), 1, "pixels")
    return SimpleNamespace(network=keras.Model(inputs, x, name="unet"))


def recurrent():
    encoder = chain(
        (20, 3),
        layers.Bidirectional(layers.LSTM(8, return_sequences=True)),
        layers.LSTM(5),
        name="encoder",
    )
    decoder = chain(
        (5,),
        layers.RepeatVector(20),
        layers.GRU(8, return_sequences=True),
        layers.TimeDistributed(layers.Dense(3)),
        name="decoder",
    )
    return SimpleNamespace(encoder=encoder, decoder=decoder)


def convolutional(n_dimensions, side=27):
    convolution = (layers.Conv1D, layers.Conv2D)[n_dimensions - 1]
    transpose = (layers.Conv1DTranspose, layers.Conv2DTranspose)[n_dimensions - 1]
    crop = (layers.Cropping1D, layers.Cropping2D)[n_dimensions - 1]
    how = {"strides": 2, "padding": "same"}
    cut = (0, 1) if n_dimensions == 1 else ((0, 1), (0, 1))
    encoder = chain(
        (*[side] * n_dimensions, 3),
        convolution(8, 3, **how),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.Flatten(),
        layers.Dense(10, name="code"),
        name="encoder",
    )
    shape = (*[14] * n_dimensions, 8)
    decoder = chain(
        (10,),
        layers.Dense(int(np.prod(shape))),
        layers.Reshape(shape),
        transpose(8, 3, **how),
        crop(cut),
        convolution(3, 3, padding="same", activation="sigmoid"),
        name="decoder",
    )
    return SimpleNamespace(encoder=encoder, decoder=decoder)


def long_chain(n):
    steps = [layers.Conv2D(4, 3, padding="same") for _ in range(n)]
    down = [layers.MaxPooling2D() for _ in range(2)]
    up = [layers.Conv2DTranspose(4, 3, strides=2, padding="same") for _ in range(2)]
    return chain((16, 16, 1), *steps, *down, *up, name="long")


def long_unet(depth=6):
    inputs = x = keras.Input((64, 64, 3))
    passed = []
    for _ in range(depth):
        x = layers.Conv2D(4, 3, padding="same")(x)
        passed.append(x)
        x = layers.MaxPooling2D()(x)
    for skip in reversed(passed):
        x = layers.Conv2DTranspose(4, 3, strides=2, padding="same")(x)
        x = layers.Conv2D(4, 3, padding="same")(layers.Concatenate()([x, skip]))
    return keras.Model(inputs, x)


def subclassed():
    """A model without a graph."""

    class Subclassed(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(4)

        def call(self, x):
            return self.dense(x)

    return Subclassed()
