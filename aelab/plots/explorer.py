"""A latent space under sliders, and as a fixed picture where sliders cannot be."""

import base64
import io

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from aelab import checks
from aelab.plots.images import as_pictures, image_rows

SIDE = 280  # pixels, of the image beside the sliders
WIDGET = "application/vnd.jupyter.widget-view+json"


class LatentExplorer:
    """Sliders for the units of a code, and beside them the image that it stands for.

    Shown by the last line of a cell. Where there are no widgets (a stored notebook, a
    page, a machine without ipywidgets) it shows what each unit does as rows of images.
    Lesson 06.

    Args:
        decode: Function from codes, float32 of shape `(n, latent_dim)`, to images in
            [0, 1], shape `(n, height, width, channels)`: a model's `decode`.
        z: The code to start from, shape `(latent_dim,)`. It is clipped to the span.
        units: Positions in the code: which units get a slider and a row.
        span: Units move from -span to span, in the unit of the code.

    Raises:
        ValueError: If `z` is not one code, if `units` is not a list of different
            positions in it, or if `span` is not above 0.

    Example:
        >>> def decode(z):
        ...     return np.full((len(z), 28, 28, 1), 0.5)
        >>> LatentExplorer(decode, z=np.zeros(5), units=[0, 3])
        LatentExplorer(units=[0, 3], span=3)
    """

    def __init__(self, decode, z, units, span=3.0):
        z = np.asarray(z)
        if z.ndim != 1 or z.size == 0 or not np.issubdtype(z.dtype, np.number):
            raise ValueError(
                "z must be one code, shape (latent_dim,): of several codes, z[0]. "
                f"Received: z of shape {z.shape}, dtype {z.dtype}"
            )
        checks.finite("z", z)
        checks.number("span", span, low=1e-6)
        self.decode, self.span = decode, float(span)
        self.z = np.clip(z.astype("float32"), -span, span)
        self.units = _check_units(units, len(z))

    def __repr__(self):
        return f"LatentExplorer(units={self.units}, span={self.span:g})"

    def image(self):
        """The image of the present code.

        Returns:
            Bytes of a PNG whose longer side has about 280 pixels.

        Raises:
            ValueError: If `decode` does not give images.
        """
        picture = as_pictures(self.decode(self.z[None]), "decode(z)", largest=SIDE)[0]
        image = Image.fromarray(np.round(picture * 255).astype("uint8"))
        scale = max(1, SIDE // max(image.size))
        size = (scale * image.width, scale * image.height)
        file = io.BytesIO()
        image.resize(size, Image.Resampling.NEAREST).save(file, "PNG")
        return file.getvalue()

    def rows(self, n_steps=9):
        """Draw a row of images for each unit, which moves over its span.

        The image nearest to the present code stands in a frame.

        Args:
            n_steps: Images in a row, an integer from 2.

        Returns:
            Array of Axes, shape `(units, n_steps)`.

        Raises:
            ValueError: If `n_steps` is below 2, or `decode` does not give images.
        """
        checks.integer("n_steps", n_steps, low=2)
        steps = np.linspace(-self.span, self.span, n_steps, dtype="float32")
        codes = np.tile(self.z, (len(self.units), n_steps, 1))
        for row, unit in zip(codes, self.units, strict=True):
            row[:, unit] = steps
        images = np.asarray(self.decode(codes.reshape(-1, len(self.z))))
        as_pictures(images, "decode(z)")
        images = images.reshape(len(self.units), n_steps, *images.shape[1:])
        axes = image_rows(
            {f"unit {unit}": row for unit, row in zip(self.units, images, strict=True)},
            title="Each row moves one unit; framed is the image nearest to the code",
            column_names=[f"{step:.1f}" for step in steps],
        )
        for unit, row_axes in zip(self.units, axes, strict=True):
            nearest = np.abs(steps - self.z[unit]).argmin()
            row_axes[nearest].spines[:].set(visible=True, color="C1", linewidth=2)
        return axes

    def widgets(self):
        """Build the sliders and the image.

        Returns:
            An `ipywidgets.HBox`. Moving a slider changes `z` and the image.

        Raises:
            ImportError: If ipywidgets is not installed.
        """
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
        figure = self.rows()[0, 0].figure
        file = io.BytesIO()
        figure.savefig(file, format="png")
        plt.close(figure)
        data = {
            "text/plain": repr(self),
            "image/png": base64.b64encode(file.getvalue()).decode(),
        }
        try:
            box = self.widgets()
        except ImportError:
            pass
        else:
            # ipywidgets 8 would write this itself, in its own `_repr_mimebundle_`;
            # ipywidgets 7, which Colab has, prints it and returns nothing.
            data[WIDGET] = {
                "version_major": 2,
                "version_minor": 0,
                "model_id": box.model_id,
            }
        return data, {"image/png": {"alt": figure.alt_text}}


def _check_units(units, latent_dim):
    wanted = (
        "units must be a list of different positions in the code, integers from 0 to "
        f"{latent_dim - 1}, such as [0]. Received: units={units!r}"
    )
    if isinstance(units, str) or np.ndim(units) != 1 or np.size(units) == 0:
        raise ValueError(wanted)
    units = list(units)
    for unit in units:
        whole = isinstance(unit, (int, np.integer)) and not isinstance(unit, bool)
        if not whole or not 0 <= unit < latent_dim:
            raise ValueError(wanted)
    if len(set(units)) != len(units):
        raise ValueError(wanted)
    return [int(unit) for unit in units]
