"""Numbers on images and codes: arrays in, numbers and arrays out; no model is seen.

`images` measures reconstructions and fits PCA, the baseline; `codes` measures what a
code holds, how sparse and how smooth it is, and the code of a VAE; `neighbours` what
is near to what in a code or on a map, and whether clusters are classes.
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
from aelab.evaluation.neighbours import (
    cluster_agreement,
    match_clusters,
    nearest,
    neighbour_accuracy,
    neighbour_overlap,
    retrieval_precision,
)

__all__ = [
    "active_units",
    "cluster_agreement",
    "dead_units",
    "fit_pca",
    "image_errors",
    "jacobian_norm",
    "kl_per_unit",
    "linear_probe",
    "log_likelihood",
    "match_clusters",
    "mean_l0",
    "mse",
    "nearest",
    "neighbour_accuracy",
    "neighbour_overlap",
    "pca_reconstruct",
    "principal_angles",
    "psnr",
    "retrieval_precision",
    "ssim",
]
