"""Pictures: arrays and models in, Axes out; nothing is shown.

Images are drawn with fixed limits, so that brightness can be compared between rows.
Each figure carries a text alternative, see `describe`.
"""

from aelab.plots.curves import curves
from aelab.plots.diagrams import architecture
from aelab.plots.explorer import LatentExplorer
from aelab.plots.images import (
    as_pictures,
    draw_picture,
    image_rows,
    manifold,
    retrieval,
    weights,
)
from aelab.plots.maps import image_scatter, latent_scatter
from aelab.plots.style import describe, use_style

__all__ = [
    "LatentExplorer",
    "architecture",
    "as_pictures",
    "curves",
    "describe",
    "draw_picture",
    "image_rows",
    "image_scatter",
    "latent_scatter",
    "manifold",
    "retrieval",
    "use_style",
    "weights",
]
