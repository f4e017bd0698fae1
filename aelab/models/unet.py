"""A network from images to images whose decoder sees every level of its encoder."""

import math

import keras
from keras import layers

from aelab import checks
from aelab.models import conv
from aelab.models.autoencoder import ImageModel, in_batches, output_range
from aelab.models.dense import LOSS_DTYPE


@keras.saving.register_keras_serializable(package="aelab")
class UNet(ImageModel):
    """A network from images to images, with an optional corruption. Lesson 04.

    Its skip connections pass detail around the narrow place, so there is no code: it
    has `reconstruct`, and neither `encode` nor `decode`. Training, loss and logs are
    those of `Autoencoder`, without a penalty.

    A call returns a dict of tensors: `reconstruction`.

    Args:
        network: Keras model from images to images.
        corruption: Layer applied to the input before the network, or None. It is
            called with `training`, so that it can rest at inference.
        output_range: Pair `(low, high)` that outputs cannot leave, or None.

    Reference: Ronneberger, Fischer and Brox, 2015, "U-Net: Convolutional Networks for
    Biomedical Image Segmentation", arXiv:1505.04597.
    """

    saved_parts = ("network", "corruption")

    def __init__(self, network, corruption=None, output_range=None, **kwargs):
        super().__init__(output_range, **kwargs)
        self.network = network
        self.corruption = self._checked_corruption(corruption)
        self.build(network.input_shape)

    def call(self, x, training=False):
        """Tensor of images to a dict: their `reconstruction`."""
        if self.corruption is not None:
            x = self.corruption(x, training=training)
        return {"reconstruction": self.network(x, training=training)}

    def reconstruct(self, x, batch_size=1000):
        """Images through the network, without corruption.

        Args:
            x: Array of shape `(n, height, width, channels)`, or `(n, length, channels)`
                for signals, or a data set (tf.data, PyDataset, DataLoader) whose
                batches begin with such arrays.
            batch_size: Images at a time, for arrays.

        Returns:
            float32 NumPy array of images.

        Raises:
            ValueError: If `x` does not fit the network, is empty, or holds NaN.
        """
        return in_batches(self.network, "x", x, self._check_inputs, batch_size)

    def _input_shape(self):
        return self.network.input_shape

    def _output_shape(self):
        return self.network.output_shape


def unet(
    input_shape,
    output_channels=None,
    filters=(16, 32, 64),
    latent_dim=None,
    *,
    downsampling="max",
    upsampling="transpose",
    activation="relu",
    output_activation="sigmoid",
    corruption=None,
    name="unet",
):
    """A U-Net of convolutions with kernels of size 3, for images or signals. Lesson 04.

    On the way down, each level convolves, keeps its feature map as a *skip*, and halves
    the sides. On the way up, each level doubles the sides, joins the skip of that size,
    and convolves. Copying an image is trivial for such a network: use it with a
    `corruption`, or with targets that differ from the input.

    Args:
        input_shape: `(height, width, channels)`, or `(length, channels)` for signals.
            A side may be None if it is a multiple of 2 ** (levels - 1) in all images
            and there is no `latent_dim`.
        output_channels: Channels of the output. Default: those of the input.
        filters: Channels of each level, from the largest to the smallest, at least
            two.
        latent_dim: Size of a vector in the narrowest place, which sees the whole image
            at once. Default: none, the narrowest place is a feature map.
        downsampling: `"max"` or `"average"` (pooling), or `"stride"` (a convolution
            that skips every other position).
        upsampling: `"transpose"` (transposed convolution, stride 2) or `"resize"`
            (repeat each position, then convolve).
        activation: Of the hidden layers.
        output_activation: Of the pixels; it must reach every value of the targets.
        corruption: As in `UNet`.
        name: Name of the model.

    Returns:
        A `UNet`, built and not compiled.

    Raises:
        ValueError: If a size or a choice is none of those allowed.
    """
    filters = conv.check_filters(filters)
    checks.choice("downsampling", downsampling, conv.DOWNSAMPLING)
    image = conv.conv_input(input_shape)
    if output_channels is None:
        output_channels = image.shape[-1]
    checks.integer("output_channels", output_channels)

    x = image
    skips = []
    for i, width in enumerate(filters[:-1], start=1):
        x = conv.convolve(x, width, activation, f"down_{i}")
        skips.append(x)
        if downsampling == "stride":
            x = conv.convolve(x, width, activation, f"halve_{i}", strides=2)
        else:
            x = conv.pool(x, downsampling, name=f"halve_{i}")
    x = conv.convolve(x, filters[-1], activation, "bottom")

    if latent_dim is not None:
        checks.integer("latent_dim", latent_dim)
        conv.check_known_sides("input_shape", input_shape)
        shape = x.shape[1:]
        x = layers.Flatten(name="flatten")(x)
        x = layers.Dense(latent_dim, activation, name="latent")(x)
        x = layers.Dense(math.prod(shape), activation, name="features")(x)
        x = layers.Reshape(shape, name="feature_map")(x)

    for i in range(len(skips), 0, -1):
        skip = skips[i - 1]
        width, size = filters[i - 1], skip.shape[1:-1]
        x = conv.enlarge(x, width, size, upsampling, activation, name=f"double_{i}")
        x = layers.Concatenate(name=f"skip_{i}")([x, skip])
        x = conv.convolve(x, width, activation, f"up_{i}")
    x = conv.convolve(x, output_channels, output_activation, "pixels", dtype=LOSS_DTYPE)
    return UNet(
        keras.Model(image, x, name="network"),
        corruption=corruption,
        output_range=output_range(output_activation),
        name=name,
    )
