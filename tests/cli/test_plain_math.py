"""Equations as plain text, against readings by hand."""

import pytest

from gradtx.cli.plain_math import plain


@pytest.mark.parametrize(
    ("latex", "lines"),
    [
        (r"\mu_t = b_1 \mu_{t-1}, \qquad x^2 = 1", ["μₜ = b₁ μₜ₋₁", "x² = 1"]),
        (r"u = \frac{a + b}{c}", ["u = (a + b) / c"]),
        (r"u = \frac{a}{b}\,g", ["u = (a / b) g"]),
        (r"u = \frac{a}{b} + \frac1B g", ["u = a / b + (1 / B) g"]),
        (r"u = \frac{\frac{a}{b}}{\max(c, d)}", ["u = (a / b) / max(c, d)"]),
        (r"u = \frac{\|x\|}{\langle x, y \rangle}", ["u = ‖x‖ / ⟨x, y⟩"]),
        (r"r = \max\!\left(d,\; \frac{(a)(b)}{c}\right)", ["r = max(d, ((a)(b)) / c)"]),
        (r"\sqrt t + \sqrt{a + b} + \sqrt[3]{\nu_t}", ["√t + √(a + b) + ∛νₜ"]),
        (r"\hat\mu_t + \bar r + \tilde{c}", ["μ̂ₜ + r̄ + c̃"]),
        (r"\epsilon_\text{root} + \texttt{initial\_value}", ["ε_root + initial_value"]),
        (r"\sum_{i \le t} g_i^{(1)} + v^{t\psi} + x^p", ["Σ_(i ≤ t) gᵢ⁽¹⁾ + v^(tψ) + x^p"]),
        (r"U V^\top + G^* G", ["U Vᵀ + G* G"]),
        (r"\begin{cases} a & s_t > 0 \\ b & \text{else} \end{cases}", ["[a if sₜ > 0; b else]"]),
        (r"\operatorname{sign}\big(g\big), \quad x", ["sign(g)", "x"]),
    ],
)
def test_equations(latex, lines):
    assert plain(latex) == lines
