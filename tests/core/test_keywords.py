"""Wrong names: keywords, attributes of the package, and the names that may be meant."""

import copy
import inspect
import pickle
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx import GradientTransformation
from gradtx.core import Value, checks_keywords
from gradtx.tree import OTHER_WORDS, did_you_mean, folded, listed, nearest, outline


def constructors() -> dict[str, Callable[..., Any]]:
    """The public classes of values, and the public functions that return a transformation."""
    public = {name: getattr(gradtx, name) for name in gradtx.__all__}
    return {
        name: found
        for name, found in public.items()
        if (inspect.isclass(found) and issubclass(found, Value) and not vars(found).get("_abstract"))
        or (inspect.isfunction(found) and is_transformation(inspect.signature(found).return_annotation))
    }


def is_transformation(kind: Any) -> bool:
    return inspect.isclass(kind) and issubclass(kind, GradientTransformation)


NO_CONSTRUCTORS = ("as_transformation", "with_extra_args_support", "to_optax")


@pytest.mark.parametrize("name", [name for name in constructors() if name not in NO_CONSTRUCTORS])
def test_a_constructor_names_an_unknown_keyword(name: str) -> None:
    constructor = constructors()[name]
    with pytest.raises(TypeError, match=r"^\w+ has no argument 'nonsense'\."):
        constructor(nonsense=1)
    if inspect.isfunction(constructor):
        assert pickle.loads(pickle.dumps(constructor)) is constructor


def test_a_keyword_check_keeps_the_signature() -> None:
    names = list(inspect.signature(gradtx.adam).parameters)
    assert names[:4] == ["learning_rate", "b1", "b2", "eps"]
    assert list(inspect.signature(gradtx.scale_by_adam).parameters)[:3] == ["b1", "b2", "eps"]
    assert gradtx.adam.__name__ == "adam"


def test_an_error_in_the_call_is_no_unknown_keyword() -> None:
    @checks_keywords
    def fails(value: int) -> None:
        raise TypeError("fails() got an unexpected keyword argument")

    with pytest.raises(TypeError, match=r"^fails\(\) got an unexpected"):
        fails(value=1)


def test_a_surplus_argument_is_refused_with_the_names() -> None:
    with pytest.raises(TypeError, match=r"takes 2 arguments by position, params, state, got 3\. By name"):
        gradtx.Stepper(gradtx.sgd(0.1))({}, (), {})
    with pytest.raises(TypeError, match=r"sign_sgd takes 1 arguments by position, learning_rate, got 2"):
        gradtx.sign_sgd(0.1, 0.9)  # pyright: ignore[reportCallIssue]


def test_the_names_of_optax_are_those_of_two_functions() -> None:
    tx = GradientTransformation(init=lambda params: 0, update=lambda u, s, p=None: (2 * u, s + 1))
    assert tx.update(1.0, tx.init(0.0)) == (2.0, 1)
    with pytest.raises(TypeError, match="Did you mean 'init'"):
        GradientTransformation(init_fn=abs, update_fn=abs)  # pyright: ignore[reportCallIssue]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("adamW", ["adamw"]),
        ("Adam", ["adam"]),
        ("adma", ["adam"]),
        ("CosineDecaySchedule", ["cosine_decay_schedule"]),
        ("clip_by_norm", ["clip_by_block_norm", "clip_by_global_norm"]),
        ("monte_carlo", []),
    ],
)
def test_the_names_nearest_to_a_name(name: str, meant: list[str]) -> None:
    assert nearest(name, gradtx.__all__) == meant
    assert hasattr(gradtx, name) is False
    question = did_you_mean(name, gradtx.__all__)
    assert all(repr(one) in question for one in meant)
    assert bool(question) == bool(meant)


def test_a_private_name_fails_at_once() -> None:
    with pytest.raises(AttributeError, match=r"^module 'gradtx' has no attribute '_adamW'$"):
        gradtx._adamW  # noqa: B018  # pyright: ignore
    assert copy.copy(gradtx.adam(0.1)) == gradtx.adam(0.1)


def test_the_version_is_that_of_the_package() -> None:
    assert gradtx.__version__ == version("gradtx")


def test_every_word_of_another_library_leads_to_a_name() -> None:
    called = [getattr(gradtx, name) for name in gradtx.__all__]
    functions = [one for one in called if inspect.isfunction(one)] + list(constructors().values())
    arguments = {name for one in functions for name in inspect.signature(one).parameters}
    dtypes = {"bfloat16", "float16", "float32", "float64"}
    needs = {"value", "params", "gradients"}
    for word, names in OTHER_WORDS.items():
        assert folded(word) == word
        assert set(names) <= {*gradtx.__all__, *arguments, *dtypes, *needs}, word


def test_an_optimizer_has_no_entries_and_no_length() -> None:
    tx = gradtx.adam(0.1)
    with pytest.raises(TypeError, match=r"chain has no entry \[0\].*tx\.init.*tx\.transformations\[i\]"):
        tx[0]
    init, update = tx
    assert (init, update) == (tx.init, tx.update)
    assert not hasattr(tx, "__len__")
    assert np.shape(tx) == ()  # pyright: ignore
    assert bool(tx)


def test_a_list_of_names_ends_with_a_number() -> None:
    assert listed("abc", most=2) == "a, b, c"
    assert listed("abcd", most=2) == "a, b and 2 others"
    assert listed([]) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e-3, "0.001"),
        ("text", "'text'"),
        (None, "None"),
        ((1, 2), "(1, 2)"),
        (jnp.ones(2), "an array of float32 and the shape (2,)"),
        (gradtx.EmptyState, "the class EmptyState"),
        (gradtx.adam, "the function adam"),
        (gradtx.adam(0.1).init, "the method chain.init"),
        (gradtx.TraceState(1), "TraceState(trace)"),
        ({"a": 1}, "a dictionary with the keys 'a'"),
        ([gradtx.EmptyState(), {}], "a list of 2 (EmptyState, dict)"),
        ([object()] * 40, "list"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_value_in_a_few_words(value: Any, text: str) -> None:
    assert outline(value) == text


def test_an_outline_is_short() -> None:
    assert len(outline("x" * 1000)) <= 100
    assert len(outline({"x" * 99: 1, "y": 2})) <= 100


def test_modules_for_scripts_say_what_they_lack() -> None:
    with pytest.raises(
        AttributeError, match=r"'gradtx\.contrib' has no attribute 'muonn'\. Did you mean 'muon'"
    ):
        gradtx.contrib.muonn  # noqa: B018
    with pytest.raises(
        AttributeError, match=r"'gradtx\.transforms' has no attribute 'maskd'\. Did you mean 'masked'"
    ):
        gradtx.transforms.maskd  # noqa: B018
    with pytest.raises(AttributeError, match=r"gradtx leaves '_src' out"):
        gradtx._src  # noqa: B018
