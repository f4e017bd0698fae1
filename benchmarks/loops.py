"""The lecture's models in plain PyTorch, and the loop that most tutorials teach.

`MODELS` names them by the sections of results.json, each with its loss.
"""

import time

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from aelab import training


def dense():
    """The dense model of lesson 01."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, 128),
        nn.ReLU(),
        nn.Linear(128, 64),
        nn.ReLU(),
        nn.Linear(64, 32),
        nn.Linear(32, 64),
        nn.ReLU(),
        nn.Linear(64, 128),
        nn.ReLU(),
        nn.Linear(128, 784),
        nn.Sigmoid(),
        nn.Unflatten(1, (1, 28, 28)),
    )


def halve(n_in, n_out):
    """A convolution that halves height and width."""
    return nn.Conv2d(n_in, n_out, 3, stride=2, padding=1)


def double(n_in, n_out):
    """A transposed convolution that doubles height and width."""
    return nn.ConvTranspose2d(n_in, n_out, 3, stride=2, padding=1, output_padding=1)


def conv_encoder():
    """Images to feature maps of 7 x 7 x 64."""
    return nn.Sequential(
        halve(1, 16),
        nn.ReLU(),
        halve(16, 32),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
    )


def conv_decoder():
    """Feature maps of 7 x 7 x 64 to logits of pixels."""
    return nn.Sequential(
        nn.Conv2d(64, 32, 3, padding=1),
        nn.ReLU(),
        double(32, 16),
        nn.ReLU(),
        double(16, 1),
    )


def conv():
    """The convolutional model of lesson 03."""
    return nn.Sequential(conv_encoder(), conv_decoder(), nn.Sigmoid())


class Vae(nn.Module):
    """The convolutional VAE of lesson 06."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(conv_encoder(), nn.Flatten())
        self.z_mean = nn.Linear(3136, 128)
        self.z_log_var = nn.Linear(3136, 128)
        self.decoder = nn.Sequential(
            nn.Linear(128, 3136),
            nn.ReLU(),
            nn.Unflatten(1, (64, 7, 7)),
            conv_decoder(),
        )

    def forward(self, x):
        """Logits of pixels, and mean and log variance of the codes."""
        h = self.encoder(x)
        z_mean, z_log_var = self.z_mean(h), self.z_log_var(h)
        z = z_mean + torch.exp(z_log_var / 2) * torch.randn_like(z_mean)
        return self.decoder(z), z_mean, z_log_var


def vae_loss(outputs, x):
    """Bernoulli negative log-likelihood plus KL, in nats for each image."""
    logits, z_mean, z_log_var = outputs
    nll = nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    kl = (z_mean**2 + z_log_var.exp() - z_log_var - 1).sum() / 2
    return (nll + kl) / len(x)


MODELS = {
    "speed": (dense, nn.functional.mse_loss),
    "speed_conv": (conv, nn.functional.binary_cross_entropy),
    "speed_vae": (Vae, vae_loss),
}


def make(section, seed):
    """The model of a section, with weights drawn by the seed, and its loss."""
    torch.manual_seed(seed)
    module, loss = MODELS[section]
    return module(), loss


def as_tensor(x):
    """NumPy images, channels last, to a tensor with the channels first."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(x, -1, 1)))


def train(model, loss, x, recipe):
    """Train as most PyTorch tutorials do; after each epoch, yield its seconds.

    Args:
        model: A PyTorch module.
        loss: Function of what the module returns and of a batch of images.
        x: Tensor of training images.
        recipe: A `recipes.Recipe`: its epochs, batch size, rate and schedule.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=recipe.rate)
    loader = DataLoader(TensorDataset(x), batch_size=recipe.batch_size, shuffle=True)
    scheduler = None
    if recipe.schedule:
        rate = training.warmup_cosine(
            recipe.rate, len(x), recipe.batch_size, recipe.epochs
        )
        n_steps = len(loader) * recipe.epochs
        factors = [float(rate(step)) / recipe.rate for step in range(n_steps + 1)]
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factors.__getitem__)
    for _ in range(recipe.epochs):
        began = time.perf_counter()
        for (batch,) in loader:
            optimizer.zero_grad()
            loss(model(batch), batch).backward()
            optimizer.step()
            if scheduler is not None:
                scheduler.step()
        yield time.perf_counter() - began


def mean_loss(model, loss, x):
    """A loss of NumPy images, averaged over them."""
    with torch.no_grad():
        batches = as_tensor(x).split(1000)
        total = sum(float(loss(model(batch), batch)) * len(batch) for batch in batches)
    return total / len(x)


def count_weights(model):
    """Number of weights that are trained."""
    return sum(weights.numel() for weights in model.parameters())


def least_seconds(n_images):
    """Operations of a dense epoch over this machine's matrix-product rate.

    A step costs two operations for each weight and image forwards, and four
    backwards, but for the first layer, whose input needs no gradient.

    Returns:
        Dict: `gflop` of an epoch, `gflops` a second of the machine, and `seconds`.
    """
    kernels = [weights.numel() for weights in dense().parameters() if weights.ndim == 2]
    operations = n_images * (6 * sum(kernels) - 2 * kernels[0])
    a = torch.rand(2048, 2048)
    rates = []
    for _ in range(20):
        began = time.perf_counter()
        a @ a
        rates.append(2 * 2048**3 / (time.perf_counter() - began))
    rate = float(np.median(rates))
    return {
        "gflop": operations / 1e9,
        "gflops": rate / 1e9,
        "seconds": operations / rate,
    }
