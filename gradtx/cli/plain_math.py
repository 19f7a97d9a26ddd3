r"""Equations in LaTeX as lines of plain text, for a terminal: $\frac{\mu_t}{2}$ is μₜ / 2."""

import re
from collections.abc import Callable

_WORDS = """
    alpha α  beta β  gamma γ  epsilon ε  varepsilon ε  eta η  theta θ  lambda λ  mu μ  nu ν  phi φ  psi ψ
    rho ρ  sigma σ  tau τ  Delta Δ  Sigma Σ  sum Σ  prod Π  nabla ∇  infty ∞  top ᵀ  le ≤  ge ≥  approx ≈
    sim ~  pm ±  cdot ·  odot ⊙  leftarrow ←  Rightarrow ⇒  langle ⟨  rangle ⟩  | ‖  _ \ue000
"""  # noqa: RUF001 - letters that look alike
_SYMBOLS: dict[str, str] = {
    **dict(zip(_WORDS.split()[::2], _WORDS.split()[1::2], strict=True)),
    **dict.fromkeys(("left", "right", "big", "Big", "!"), ""),
    **dict.fromkeys((",", ";", " "), " "),
    **dict.fromkeys(("quad", "qquad"), "\n"),
}
_KEPT = ("frac", "tfrac", "sqrt", "text", "texttt", "mathrm", "operatorname", "mathbb", "mathcal", "begin")
_ACCENTS = {
    "hat": "\N{COMBINING CIRCUMFLEX ACCENT}",
    "bar": "\N{COMBINING MACRON}",
    "tilde": "\N{COMBINING TILDE}",
}
_MARKS = {0xE000: "_", 0xE001: "^"}  # stand for marks that are no commands any more
_LOW = str.maketrans("0123456789+-ijknt", "₀₁₂₃₄₅₆₇₈₉₊₋ᵢⱼₖₙₜ")
_HIGH = str.maketrans("0123456789+-ijknt()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁱʲᵏⁿᵗ⁽⁾")

_ATOM = r"(\{[^{}]*\}|\\?\w)"  # an argument: a group without groups in it, or a letter


def plain(equations: str) -> list[str]:
    r"""The equations, one in each line.

    >>> plain(r"u_t = \frac{\hat\mu_t}{\sqrt{\nu_t} + \epsilon}, \qquad \hat\mu_t = \frac{\mu_t}{1 - b_1^t}")
    ['uₜ = μ̂ₜ / (√νₜ + ε)', 'μ̂ₜ = μₜ / (1 - b₁ᵗ)']
    """
    text = " ".join(equations.split())
    text = re.sub(r"\\begin\{cases\}(.*?)\\end\{cases\}", _cases, text)
    text = re.sub(r"\\([A-Za-z]+|.)", _symbol, text)
    before = ""
    while text != before:
        before = text
        for pattern, replaced in _STEPS:
            text = re.sub(pattern, replaced, text)
    lines = (_tidied(line) for line in text.translate({ord("{"): "", ord("}"): ""}).split("\n"))
    return [line for line in lines if line]


def words(paragraph: str) -> str:
    """A paragraph without marks of code, with its equations as plain text."""
    text = re.sub(r"\$(.+?)\$", lambda found: " ".join(plain(found[1])), paragraph, flags=re.DOTALL)
    return text.replace("`", "")


def _cases(found: re.Match[str]) -> str:
    r"""`a & b \\ c & else` as `[a if b; c else]`."""
    rows = (row.replace(r"\text{else}", "else").split("&") for row in found[1].split(r"\\"))
    pairs = ((value.strip(), condition.strip()) for value, condition in rows)
    words = (f"{value} {'' if condition == 'else' else 'if '}{condition}" for value, condition in pairs)
    return f"[{'; '.join(words)}]"


def _symbol(found: re.Match[str]) -> str:
    name = found[1]
    if name in _KEPT or name in _ACCENTS:
        return found[0]
    return _SYMBOLS.get(name, name)


def _inner(text: str) -> str:
    return text.strip("{}").strip()


def _script(table: dict[int, int], mark: str) -> Callable[[re.Match[str]], str]:
    """An index or an exponent in small letters, if there are such; others keep their mark."""

    def replaced(found: re.Match[str]) -> str:
        text = _inner(found[1])
        small = text.replace(" ", "")
        if text in ("ᵀ", "*"):
            return text
        if all(ord(letter) in table for letter in small):
            return small.translate(table)
        return f"{mark}{text}" if len(text) == 1 or re.fullmatch("[A-Za-z]+", text) else f"{mark}({text})"

    return replaced


def _wrapped(text: str) -> str:
    """A term beside a sign of division or below a root, in parentheses where it needs them."""
    text = _inner(text)
    call = re.sub(r"^[^\s()/|‖⟨⟩⟦⟧,]*", "", text)  # what comes after a name
    whole = not call or (call[0] == "(" and _closing(call) == len(call) - 1)
    return text if whole or re.fullmatch(r"(\||‖)[^|‖]*\1\S*|⟨[^⟨⟩]*⟩", text) else f"({text})"


def _closing(text: str) -> int:
    """The index at which the parenthesis that `text` begins with is closed."""
    depth = 0
    for index, letter in enumerate(text):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if not depth:
            return index
    return -1


def _fraction(found: re.Match[str]) -> str:
    return f"⟦{_wrapped(found[1])} / {_wrapped(found[2])}⟧"


def _root(found: re.Match[str]) -> str:
    return f"{'∛' if found[1] else '√'}{_wrapped(found[2])}"


_STEPS: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"_\\text(\{[^{}]*\})", r"_\1"),
    (r"\\(?:text(?:tt)?|mathrm|operatorname|mathbb|mathcal)\s*" + _ATOM, lambda found: _inner(found[1])),
    (r"\\(hat|bar|tilde)\s*" + _ATOM, lambda found: _inner(found[2]) + _ACCENTS[found[1]]),
    (r"_([^\W_\\]|\{[^{}\\]*\})", _script(_LOW, "\ue000")),
    (r"\^([^\W_\\]|[*ᵀ+-]|\{[^{}\\]*\})", _script(_HIGH, "\ue001")),
    (r"\\sqrt(\[3\])?\s*" + _ATOM, _root),
    (r"\\t?frac\s*" + _ATOM + r"\s*" + _ATOM, _fraction),
)


def _tidied(line: str) -> str:
    """Single spaces, no comma at the end, and parentheses around fractions that something multiplies."""
    line = re.sub(r"\s+", " ", line).strip().rstrip(",").strip()
    line = re.sub(r"(?<=[(⟨]) | (?=[)⟩,;])", "", line)
    while "⟦" in line:  # from the innermost fractions outwards
        bare = re.sub(r"(^|[(⟨\[] ?|[=,;+-] )⟦([^⟦⟧]*)⟧(?=$|[)⟩\],;]| [=+-] )", r"\1\2", line)
        line = bare if bare != line else re.sub(r"⟦([^⟦⟧]*)⟧", r"(\1)", line)
    return line.translate(_MARKS)
