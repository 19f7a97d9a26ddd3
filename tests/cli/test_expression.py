"""Schedules from text: the same values as the expression has in Python, and nothing is executed."""

import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx.cli.expression import known_schedules, schedule_of


@pytest.mark.parametrize(
    "text",
    [
        "warmup_cosine_decay_schedule(0, 1e-3, 100, 1000)",
        "cosine_decay_schedule(init_value=1.0, decay_steps=10, alpha=-0.1 + 2 * 0.1)",
        "linear_warmup_schedule(10) * exponential_decay(1.0, 5, 0.5) - 0.25",
        "-1 * join_schedules([linear_warmup_schedule(3), 0.5 / linear_warmup_schedule(3, 2, 1)], (3,))",
        "piecewise_constant_schedule(1.0, {3: 0.5, 6: 0.1})",
        'piecewise_interpolate_schedule("linear", 1.0, {3: 0.5})',
        "gradtx.scaled_learning_rate(0.1, 512, rule='sqrt', warmup_steps=5)",
        " noam_schedule(512, 4000) ",
    ],
)
def test_an_expression_is_what_it_is_in_python(text):
    there = eval(text.strip(), {"gradtx": gradtx, **vars(gradtx.schedules)})
    np.testing.assert_array_equal(schedule_of(text)(jnp.arange(12)), there(jnp.arange(12)))


def test_every_schedule_is_known():
    assert {"cosine_decay_schedule", "join_schedules", "scaled_learning_rate"} <= set(known_schedules())
    assert not {"inject", "inject_hyperparams", "WrappedSchedule"} & set(known_schedules())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("__import__('os').system('touch made')", "no schedule is named \"__import__('os').system\""),
        ("gradtx.adam(0.1)", "no schedule is named 'adam'"),
        ("inject(1)", "no schedule is named 'inject'"),
        ("cosine_decay_schedul(1, 10)", "Did you mean 'cosine_decay_schedule'"),
        ("linear_warmup_schedule(3).__class__", "cannot read 'linear_warmup_schedule"),
        ("linear_warmup_schedule", "cannot read 'linear_warmup_schedule'"),
        ("[s for s in ()]", "cannot read"),
        ("(lambda: 0)()", "no schedule is named"),
        ("linear_warmup_schedule(*[3])", "cannot read"),
        ("linear_warmup_schedule(**{'warmup_steps': 3})", "cannot read"),
        ("linear_warmup_schedule(3 ** 3)", "cannot read '3 ** 3'"),
        ("linear_warmup_schedule(3) if 1 else 2", "cannot read"),
        ("linear_warmup_schedule(True)", "warmup_steps"),
        ("linear_warmup_schedule('a' * 9)", "cannot calculate with \"'a'\""),
        ("linear_warmup_schedule([3] * 9)", "cannot calculate with '[3]'"),
        ("linear_warmup_schedule(1 / 0)", "division by zero"),
        ("cosine_decay_schedule(1)", "missing 1 required positional argument: 'decay_steps'"),
        ("cosine_decay_schedule(1, -1)", "decay_steps must be"),
        ("cosine_decay_schedule(1, stepps=3)", "stepps"),
        ("1 +", "cannot read '1 +': invalid syntax"),
        ("", "cannot read ''"),
        ("{**{}}", "cannot read"),
        ("3", "must be a schedule such as cosine_decay_schedule"),
        ("[linear_warmup_schedule(3)]", "must be a schedule"),
        ("-" * 900 + "1", "too deeply nested"),
        ("(" * 300 + "1" + ")" * 300, "cannot read"),
        ("1" * 2000, "has 2000 characters, of at most 1000"),
    ],
)
def test_anything_else_is_refused(text, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError) as error:  # noqa: PT011 - its text is compared below
        schedule_of(text)
    assert said in str(error.value)
    assert not list(tmp_path.iterdir())
