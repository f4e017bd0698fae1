"""How much arithmetic a model does for each image."""

import math

import keras
from keras import layers

__all__ = ["count_multiplications", "innermost_layers"]

CONVOLUTIONS = (layers.Conv1D, layers.Conv2D)
TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose)


def count_multiplications(model):
    """How often a weight is multiplied by a value for one image. Lesson 03.

    A weight of a Dense layer is used once, that of a convolution at every place of the
    map that the layer writes, and that of a transposed convolution at every place of
    the map that it reads. Biases are added, not multiplied. Papers count
    *multiply-accumulate operations* (MACs), which is the same number.

    Args:
        model: Keras model, built, whose layers with weights are Dense layers and
            convolutions in one or two dimensions.

    Returns:
        Integer.

    Raises:
        ValueError: If another layer has weights, or if the sides of a map are not
            known.

    Example:
        >>> image = keras.Input((28, 28, 1))
        >>> convolution = layers.Conv2D(16, 3, strides=2, padding="same")
        >>> count_multiplications(keras.Model(image, convolution(image)))
        28224
    """
    total = 0
    for layer in innermost_layers(model):
        if isinstance(layer, TRANSPOSED):
            map_shape = layer.input.shape
        elif isinstance(layer, (layers.Dense, *CONVOLUTIONS)):
            map_shape = layer.output.shape
        elif layer.weights:
            raise ValueError(
                "model must be made of Dense layers and convolutions, whose "
                f"multiplications can be counted. Received: a {type(layer).__name__}"
            )
        else:
            continue
        places = map_shape[1:-1]
        if None in places:
            raise ValueError(
                "model must have images of known sides: build it for one size. "
                f"Received: a {type(layer).__name__} with a map of {tuple(places)}"
            )
        total += math.prod(layer.kernel.shape) * math.prod(places)
    return total


def innermost_layers(model):
    """The layers of a model and of the models inside it, none of them a model.

    Args:
        model: Keras model.

    Yields:
        Keras layers, from the input to the output.

    Example:
        >>> image = keras.Input((9,))
        >>> inside = keras.Sequential([keras.Input((9,)), layers.Dense(2)])
        >>> model = keras.Model(image, layers.Dense(3)(inside(image)))
        >>> [layer.units for layer in innermost_layers(model) if layer.weights]
        [2, 3]
    """
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from innermost_layers(layer)
        else:
            yield layer
