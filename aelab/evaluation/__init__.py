"""Numbers about images and codes: arrays in, numbers and arrays out; no model is seen.

images      errors of reconstructed, repaired and generated images
codes       what a code holds, how sparse and how smooth it is; the code of a VAE
neighbours  what is near to what in a code or on a map; clusters and classes
bits        what a quantised code costs, and JPEG
baselines   strong rivals without a network: PCA, tuned filters, ridge regression,
            image moments, an untrained layer, Gaussians and mixtures to sample from
"""

from aelab.evaluation.baselines import (
    Restorer,
    Sampler,
    best_denoiser,
    fit_gain_offset,
    fit_pca,
    gaussian_sampler,
    mixture_sampler,
    pca_reconstruct,
    pca_sampler,
    principal_angles,
    random_features,
    ridge_restorer,
    straighten,
    tune_filter,
)
from aelab.evaluation.bits import code_bits, jpeg, quantise
from aelab.evaluation.codes import (
    Probe,
    active_units,
    dead_units,
    fit_probe,
    jacobian_norm,
    kl_per_unit,
    linear_probe,
    log_likelihood,
    mean_l0,
)
from aelab.evaluation.images import (
    cross_entropy,
    distance_to_nearest,
    image_errors,
    mean_psnr,
    mse,
    psnr,
    ssim,
)
from aelab.evaluation.neighbours import (
    cluster_agreement,
    nearest,
    neighbour_accuracy,
    neighbour_overlap,
    retrieval_precision,
)

__all__ = [
    "Probe",
    "Restorer",
    "Sampler",
    "active_units",
    "best_denoiser",
    "cluster_agreement",
    "code_bits",
    "cross_entropy",
    "dead_units",
    "distance_to_nearest",
    "fit_gain_offset",
    "fit_pca",
    "fit_probe",
    "gaussian_sampler",
    "image_errors",
    "jacobian_norm",
    "jpeg",
    "kl_per_unit",
    "linear_probe",
    "log_likelihood",
    "mean_l0",
    "mean_psnr",
    "mixture_sampler",
    "mse",
    "nearest",
    "neighbour_accuracy",
    "neighbour_overlap",
    "pca_reconstruct",
    "pca_sampler",
    "principal_angles",
    "psnr",
    "quantise",
    "random_features",
    "retrieval_precision",
    "ridge_restorer",
    "ssim",
    "straighten",
    "tune_filter",
]
