"""A function of two numbers over a rectangle, and the paths of optimizers on it."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gradtx.practice._plots import axes_of

_POINTS = 200
_LEVELS = np.geomspace(1e-3, 1.0, 10)  # parts of the greatest height above the least one
_SHADES = [f"{shade:.2f}" for shade in np.linspace(0.7, 0.97, len(_LEVELS))]


class Landscape(NamedTuple):
    """A function of a point, shape `(2,)`, over a rectangle. `plot` shows it from above.

    The fields are the function, the two ends of the first axis, and those of the second one.

    >>> import jax.numpy as jnp
    >>> bowl = Landscape(lambda point: jnp.sum(point**2), x=(-2.0, 2.0), y=(-1.0, 1.0))
    >>> [float(height) for height in bowl.heights(3)[1][0]]  # at x = -2, 0 and 2, where y = -1
    [5.0, 1.0, 5.0]
    """

    function: Callable[[Any], Any]
    x: tuple[float, float] = (-2.0, 2.0)
    y: tuple[float, float] = (-2.0, 2.0)

    def heights(self, points: int = _POINTS) -> tuple[Any, Any]:
        """The points of a grid, shape `(points, points, 2)`, and the values there.

        Args:
          points: the number of points along each axis.
        """
        axes = (jnp.linspace(*ends, points) for ends in (self.x, self.y))
        grid = jnp.stack(jnp.meshgrid(*axes), -1)
        return grid, jax.vmap(jax.vmap(self.function))(grid)

    def plot(self, paths: Mapping[str, Any] | None = None, ax: Any = None, **line: Any) -> Any:
        """Draws the heights with matplotlib, the darker the lower, with paths, and returns the axes.

        The steps between the shades are factors of the height above the lowest point.

        Args:
          paths: the points that each optimizer visits, shape `(steps, 2)`, by label.
          ax: the axes in which to draw; by default the current ones of pyplot.
          **line: properties of the lines, as those of matplotlib's `plot`.

        Raises:
          ModuleNotFoundError: where matplotlib is not installed.
          ValueError: for a function that is finite nowhere in the rectangle.
        """
        ax = axes_of(ax, "Landscape.plot", "heights()")
        grid, heights = (np.asarray(part, float) for part in self.heights())
        known = heights[np.isfinite(heights)]
        if not known.size:
            raise ValueError(f"Landscape.plot: the function is finite nowhere in {self.x} by {self.y}.")
        levels = known.min() + (np.ptp(known) or 1.0) * np.array([0.0, *_LEVELS])
        ax.contourf(*np.moveaxis(grid, -1, 0), heights, levels, colors=_SHADES, antialiased=False)
        for label, points in (paths or {}).items():
            ax.plot(
                *np.asarray(points).T,
                **{"marker": ".", "markersize": 4, "linewidth": 1, "label": label} | line,
            )
        ax.set(xlim=self.x, ylim=self.y)
        return ax
