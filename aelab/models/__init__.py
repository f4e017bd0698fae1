"""Builders of autoencoders, and the classes that they build.

Importing this package registers all that a saved model may hold: models, layers,
penalties and corruptions. So after `from aelab import models` a model that was saved
with `model.save("model.keras")` is loaded by `keras.saving.load_model("model.keras")`.
"""

from aelab import corruption, layers, penalties  # noqa: F401, for saved models
from aelab.models.arithmetic import count_multiplications
from aelab.models.autoencoder import Autoencoder
from aelab.models.conv import conv_autoencoder, conv_decoder, conv_encoder, conv_vae
from aelab.models.dense import (
    dense_autoencoder,
    dense_decoder,
    dense_encoder,
    dense_vae,
)
from aelab.models.recurrent import (
    recurrent_autoencoder,
    recurrent_decoder,
    recurrent_encoder,
)
from aelab.models.unet import UNet, unet
from aelab.models.variational import VariationalAutoencoder

__all__ = [
    "Autoencoder",
    "UNet",
    "VariationalAutoencoder",
    "conv_autoencoder",
    "conv_decoder",
    "conv_encoder",
    "conv_vae",
    "count_multiplications",
    "dense_autoencoder",
    "dense_decoder",
    "dense_encoder",
    "dense_vae",
    "recurrent_autoencoder",
    "recurrent_decoder",
    "recurrent_encoder",
    "unet",
]
