"""Landscapes: the heights of a function, and the picture with paths."""

import jax.numpy as jnp
import numpy as np
import pytest

from gradtx.practice import Landscape

SLOPE = Landscape(lambda point: 5 + point[0] + 10 * point[1], x=(0.0, 2.0), y=(0.0, 4.0))


def test_the_first_number_runs_along_the_rows():
    grid, heights = SLOPE.heights(3)
    np.testing.assert_array_equal(heights, [[5, 6, 7], [25, 26, 27], [45, 46, 47]])
    np.testing.assert_array_equal(grid[2, 1], [1.0, 4.0])


def test_it_draws_the_paths_over_the_heights():
    figure = pytest.importorskip("matplotlib.figure").Figure()
    path = jnp.array([[0.5, 1.0], [1.0, 2.0], [1.5, 2.5]])
    ax = SLOPE.plot({"one": path, "two": path[:2]}, figure.subplots(), color="black")
    one, two = ax.lines
    np.testing.assert_array_equal(one.get_xydata(), path)
    assert (one.get_label(), two.get_label(), two.get_color()) == ("one", "two", "black")
    assert (ax.get_xlim(), ax.get_ylim()) == ((0.0, 2.0), (0.0, 4.0))
    (shades,) = ax.collections
    np.testing.assert_allclose(shades.levels[[0, -1]], [5.0, 47.0], rtol=1e-6)


def test_a_flat_function_and_one_with_holes_have_a_picture():
    figure = pytest.importorskip("matplotlib.figure").Figure()
    for function in (lambda point: 0 * point[0], lambda point: jnp.log(point[0])):
        ax = Landscape(function).plot(ax=figure.add_subplot())
        assert np.isfinite(ax.collections[0].levels).all()


def test_a_function_that_is_finite_nowhere_is_an_error():
    figure = pytest.importorskip("matplotlib.figure").Figure()
    with pytest.raises(ValueError, match=r"finite nowhere in \(-2.0, 2.0\)"):
        Landscape(lambda point: point[0] / 0).plot(ax=figure.subplots())


def test_without_matplotlib_the_heights_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(ModuleNotFoundError, match=r"gradtx\[cli\].*heights\(\) needs no other package"):
        SLOPE.plot()
