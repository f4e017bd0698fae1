"""Pictures: arrays in, Axes out; no model is seen and nothing is shown.

Images are drawn with fixed limits, so that brightness can be compared between rows.
"""

from aelab.plots.curves import (
    error_against_size,
    error_curves,
    rate_distortion,
    training_curves,
)
from aelab.plots.images import (
    as_pictures,
    manifold,
    reconstructions,
    retrieval,
    weights,
)
from aelab.plots.maps import image_scatter, latent_scatter
from aelab.plots.style import use_style

__all__ = [
    "as_pictures",
    "error_against_size",
    "error_curves",
    "image_scatter",
    "latent_scatter",
    "manifold",
    "rate_distortion",
    "reconstructions",
    "retrieval",
    "training_curves",
    "use_style",
    "weights",
]
