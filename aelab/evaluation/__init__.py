"""Numbers on images and codes: arrays in, numbers and arrays out; no model is seen.

`images` measures reconstructions and fits PCA, the baseline; `codes` measures what a
code holds, how sparse and how smooth it is, and the code of a VAE.
"""

from aelab.evaluation.codes import (
    active_units,
    dead_units,
    jacobian_norm,
    kl_per_unit,
    linear_probe,
    log_likelihood,
    mean_l0,
)
from aelab.evaluation.images import (
    fit_pca,
    image_errors,
    mse,
    pca_reconstruct,
    principal_angles,
    psnr,
    ssim,
)

__all__ = [
    "active_units",
    "dead_units",
    "fit_pca",
    "image_errors",
    "jacobian_norm",
    "kl_per_unit",
    "linear_probe",
    "log_likelihood",
    "mean_l0",
    "mse",
    "pca_reconstruct",
    "principal_angles",
    "psnr",
    "ssim",
]
