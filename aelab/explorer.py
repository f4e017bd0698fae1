"""A latent space under sliders, and as a fixed picture where sliders cannot be."""

import base64
import io

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from aelab import plots


class LatentExplorer:
    """Sliders for the units of a code, and beside them the image that it stands for.

    Shown by the last line of a cell. Where there are no widgets (a stored notebook, a
    page, a machine without ipywidgets) it shows what each unit does as rows of images.
    Lesson 05.

    Args:
        decode: Function from an array of codes to images in [0, 1]: a model's `decode`.
        z: The code to start from, shape `(latent_dim,)`, cut to the span.
        units: Which units get a slider or a row.
        span: Units move from -span to span.

    Raises:
        ValueError: If a unit is not in the code.
    """

    def __init__(self, decode, z, units, span=3.0):
        self.decode, self.span = decode, span
        self.z = np.clip(np.array(z, "float32"), -span, span)
        self.units = [int(unit) for unit in units]
        if self.z.ndim != 1 or not all(0 <= u < len(self.z) for u in self.units):
            raise ValueError(
                "units must be positions in one code z. "
                f"Received: units={self.units}, z of shape {self.z.shape}"
            )

    def image(self):
        """The present code's image as PNG, ten times as large."""
        pixels = plots.as_pictures(self.decode(self.z[None]))[0]
        picture = Image.fromarray(np.round(pixels * 255).astype("uint8"))
        size = tuple(10 * side for side in picture.size)
        file = io.BytesIO()
        picture.resize(size, Image.Resampling.NEAREST).save(file, "PNG")
        return file.getvalue()

    def rows(self, n_steps=9):
        """Axes of a figure with a row for each unit, which moves over its span."""
        steps = np.linspace(-self.span, self.span, n_steps, dtype="float32")
        codes = np.tile(self.z, (len(self.units), n_steps, 1))
        for row, unit in zip(codes, self.units, strict=True):
            row[:, unit] = steps
        images = self.decode(codes.reshape(-1, len(self.z)))
        return plots.reconstructions(
            *images.reshape(len(self.units), n_steps, *images.shape[1:]),
            row_names=[f"unit {unit}" for unit in self.units],
            column_names=[f"{step:.1f}" for step in steps],
        )

    def widgets(self):
        """The sliders and the image, as one widget."""
        import ipywidgets

        picture = ipywidgets.Image(value=self.image(), format="png")

        def slider(unit):
            made = ipywidgets.FloatSlider(
                value=float(self.z[unit]),
                min=-self.span,
                max=self.span,
                description=f"unit {unit}",
            )

            def move(change):
                self.z[unit] = change["new"]
                picture.value = self.image()

            made.observe(move, "value")
            return made

        sliders = ipywidgets.VBox([slider(unit) for unit in self.units])
        return ipywidgets.HBox([sliders, picture])

    def _repr_mimebundle_(self, include=None, exclude=None):
        figure, file = self.rows()[0, 0].figure, io.BytesIO()
        figure.savefig(file, format="png")
        plt.close(figure)
        bundle = {"image/png": base64.b64encode(file.getvalue()).decode()}
        try:
            shown = self.widgets()._repr_mimebundle_()
        except ImportError:
            shown = {"text/plain": repr(self)}
        return {**shown, **bundle}
