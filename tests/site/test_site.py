"""The site: it builds without a warning, no link is broken, and what users look for is found."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

for needed in ("sphinx", "furo", "myst_nb", "sphinx_copybutton", "sphinx_design", "latex2mathml"):
    pytest.importorskip(needed)

DOCS = Path(__file__).parents[2] / "docs"

# What the pages of a learner's way through optimization are called, and the texts that show them.
SUBJECTS = {
    "stochastic gradient descent": "sgd",
    "momentum": "momentum",
    "Nesterov": "nesterov",
    "AdaGrad": "adagrad",
    "RMSprop": "rmsprop",
    "Adam": "adam",
    "the meaning of b1, b2 and eps": "b2",
    "AdamW": "adamw",
    "Adafactor": "adafactor",
    "LAMB": "lamb",
    "LARS": "lars",
    "Lion": "lion",
    "Sophia": "sophia",
    "8-bit Adam": "adamw8bit",
    "batch size and rate": "scaled_learning_rate",
    "warmup": "linear_warmup_schedule",
    "step decay": "step_decay_schedule",
    "cosine": "cosine_decay_schedule",
    "linear": "linear_schedule",
    "inverse square root": "inverse_sqrt_schedule",
    "warmup and cosine": "warmup_cosine_floor_schedule",
    "the range test": "lr_range_test",
    "weight decay exclusion": "except_bias_norm_embedding",
    "clipping": "clip_by_global_norm",
    "NaN": "guard",
    "stall": "unmoved_share",
    "overfit": "overfit",
}

# From a search to the page that has to be among the results.
SEARCHES = {
    "learning rate finder": "learning_rate",
    "mask": "selection",
    "freeze": "selection",
    "EMA": "averages",
    "overfit": "debugging",
    "resume": "checkpoints",
    "8-bit": "low_precision",
}


class Page(HTMLParser):
    """The links, the anchors and the text of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.text = path.read_text()
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = dict(attrs)
        self.anchors |= {value for name in ("id", "name") if (value := own.get(name))}
        self.links += [value for name in ("href", "src") if (value := own.get(name))]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `sphinx-build -W` does."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
    built = subprocess.run([*command, str(DOCS), str(folder)], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Page]:
    return {str(path.relative_to(site)): Page(path) for path in sorted(site.rglob("*.html"))}


def test_no_link_and_no_anchor_is_broken(site: Path, pages: dict[str, Page]) -> None:
    broken = []
    for name, page in pages.items():
        for target, anchor in inner_links(name, page):
            known = pages.get(target)
            if known is None and not (site / target).exists():
                broken.append(f"{name}: {target}")
            elif known is not None and anchor and anchor not in known.anchors:
                broken.append(f"{name}: {target}#{anchor}")
    assert not broken


def inner_links(name: str, page: Page) -> Iterator[tuple[str, str]]:
    """The files of the site to which a page links, with the anchors."""
    for link in page.links:
        address, anchor = urldefrag(link)
        if not re.match(r"[a-z]+:", address) and not address.startswith("//"):
            target = (Path(name).parent / unquote(address.partition("?")[0])) if address else Path(name)
            yield str(Path(*_resolved(target))), unquote(anchor)


def _resolved(path: Path) -> list[str]:
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return parts


def test_each_subject_is_two_clicks_away(pages: dict[str, Page]) -> None:
    first = {target for target, _ in inner_links("index.html", pages["index.html"]) if target in pages}
    second = {target for name in first for target, _ in inner_links(name, pages[name]) if target in pages}
    texts = [pages[name].text for name in first | second if not name.startswith("_modules")]
    missing = [subject for subject, text in SUBJECTS.items() if not any(text in page for page in texts)]
    assert not missing


@pytest.mark.parametrize("query", SEARCHES)
def test_a_search_finds_its_page(site: Path, query: str) -> None:
    assert SEARCHES[query] in results(site, query)


def test_a_search_for_nothing_that_is_there_finds_no_page(site: Path) -> None:
    assert not results(site, "xylophone")


def results(site: Path, query: str) -> set[str]:
    """The pages with all words of a query in their titles or texts, as the search of the site finds them."""
    text = (site / "searchindex.js").read_text()
    index = json.loads(text[text.index("{") : text.rindex("}") + 1])
    language = pytest.importorskip("sphinx.search").SearchEnglish({})
    words = [language.stem(word.lower()) for word in language.split(query)]
    words = [word for word in words if language.word_filter(word)]
    found = [places(index["terms"], word) | places(index["titleterms"], word) for word in words]
    return {index["docnames"][number] for number in set.intersection(*found)}


def places(terms: dict[str, int | list[int]], word: str) -> set[int]:
    entry = terms.get(word, [])
    return {entry} if isinstance(entry, int) else {*entry}


def test_each_notebook_is_a_page_with_its_pictures(pages: dict[str, Page]) -> None:
    for path in DOCS.parent.glob("notebooks/*.ipynb"):
        page = pages[f"notebooks/{path.stem}.html"]
        assert page.text.count("_images/") >= 3
        assert f"{path.stem}.html" in pages["notebooks/index.html"].links


def test_the_source_of_each_class_and_function_is_linked(pages: dict[str, Page]) -> None:
    rules = pages["reference/rules.html"].text
    of_a_class = r'"py class">\s*<dt class="sig sig-object py" id="gradtx\.(scale_by_\w+)">(.*?)</dt>'
    signatures = re.findall(of_a_class, rules, re.DOTALL)
    assert len(signatures) > 40
    assert not [name for name, text in signatures if "viewcode-link" not in text]


def test_an_optimizer_has_its_equation_and_its_arguments(pages: dict[str, Page]) -> None:
    optimizers = pages["reference/optimizers.html"].text
    entry = optimizers[optimizers.index('id="gradtx.adamw"') :]
    entry = entry[: entry.index('class="sig sig-object')]
    assert "<math" in entry
    assert "(a number or a schedule" in entry
