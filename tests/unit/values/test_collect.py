"""Metrics, parameters and plots of revisions in memory."""

import re
from html.parser import HTMLParser

from tests.unit.values.trees import Memory
from vfs.values.collect import metrics, params, plots
from vfs.values.pictures import MAX_IMAGE, chart, document, html

PIPELINE = """
metrics: [top.json, gone.json]
params: [more.toml]
plots:
- both: {x: step, y: {out/loss.csv: [loss, acc]}}
- pictures
- out/loss.csv: {y: acc}
stages:
  train:
    cmd: train
    deps: [train.py]
    params: [lr, "model.depth", "sub.yaml:", {other.py: [A, B.c]}]
    metrics: [m.yaml, scores: {cache: false}]
    plots:
    - out/loss.csv: {x: step, y: loss, title: <b>Loss</b>}
""".replace('"sub.yaml:", ', "")
FILES: dict[str, str | bytes] = {
    "dvc.yaml": PIPELINE,
    "params.yaml": "lr: 0.1\nmodel: {depth: 3, k: [1, 2]}\nunused: 1\n",
    "other.py": "A = 1\nclass B:\n    c = 2\n    d = 3\n",
    "more.toml": "[a]\nb = 1\n",
    "m.yaml": "f1: 0.5\nnames: [a]\n",
    "top.json": '{"n": 3}',
    "scores/a.json": '{"s": 1}',
    "scores/b.json": '{"s": 2}',
    "out/loss.csv": "step,loss,acc\n1,0.5,1\n2,0.25,2\n",
    "pictures/a.png": b"\x89PNG",
    "pictures/b.svg": "<svg onload='alert(1)'><script>alert(1)</script></svg>",
}


def test_metrics() -> None:
    found = metrics(Memory("HEAD", FILES))
    assert found.documents == {
        "m.yaml": {"f1": 0.5},
        "scores/a.json": {"s": 1},
        "scores/b.json": {"s": 2},
        "top.json": {"n": 3},
    }
    assert list(found.problems) == ["gone.json"]


def test_params() -> None:
    found = params(Memory("HEAD", FILES))
    assert not found.problems
    assert found.documents == {
        "params.yaml": {"lr": 0.1, "model": {"depth": 3, "k": [1, 2]}, "unused": 1},
        "other.py": {"A": 1, "B": {"c": 2}},
        "more.toml": {"a": {"b": 1}},
    }


def test_targets_are_read_whole() -> None:
    tree = Memory("HEAD", FILES)
    assert params(tree, [b"other.py"]).documents == {"other.py": {"A": 1, "B": {"c": 2, "d": 3}}}
    assert set(metrics(tree, [b"scores"]).documents) == {"scores/a.json", "scores/b.json"}


def test_a_broken_pipeline_is_named_and_the_others_are_shown() -> None:
    files = {**FILES, "broken/dvc.yaml": "stages: {a: {cmd: x, nonsense: 1}}"}
    found = metrics(Memory("HEAD", files))
    assert "m.yaml" in found.documents
    assert "nonsense" in found.problems["broken/dvc.yaml"].message


def test_plots() -> None:
    old, new = (
        Memory("v1", FILES),
        Memory("v2", {**FILES, "out/loss.csv": "step,loss,acc\n1,9,9\n"}),
    )
    found = plots([old, new], [], {})
    assert not found.problems
    assert set(found.shown) == {
        "both", "pictures/a.png", "pictures/b.svg", "dvc.yaml::out/loss.csv", "out/loss.csv",
    }  # fmt: skip
    loss = chart(found.shown["out/loss.csv"])
    assert [series.label for series in loss.series] == ["v1", "v2"]
    assert loss.series[0].points == [("1", "0.5"), ("2", "0.25")]
    both = chart(found.shown["both"])
    assert [s.label for s in both.series] == ["v1: loss", "v1: acc", "v2: loss", "v2: acc"]
    shape = document(list(found.shown.values()))
    assert [item["revisions"] for item in shape["pictures/a.png"]] == [["v1"], ["v2"]]


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        for name, value in attrs:
            assert not name.startswith("on")
            assert name != "src" or (value or "").startswith("data:image/")


def test_a_page_runs_nothing_and_asks_nobody() -> None:
    found = plots(
        [Memory("<script>x</script>", FILES)], [], {"title": "</title><script>alert(1)</script>"}
    )
    page = html("Plots", list(found.shown.values()), ["<img onerror=x>"])
    tags = Tags()
    tags.feed(page)
    assert "script" not in tags.seen
    assert tags.seen.count("img") == 2
    assert "default-src 'none'" in page
    assert not re.search(r"(https?:)?//", page.replace("data:", ""))


def test_a_large_image_is_named() -> None:
    files = {"big.png": b"x" * (MAX_IMAGE + 1)}
    found = plots([Memory("HEAD", files)], [("big.png", "big.png")], {})
    assert "more than the" in html("t", list(found.shown.values()), [])


def test_a_missing_file_is_a_problem_of_its_revision() -> None:
    without = {path: text for path, text in FILES.items() if path != "out/loss.csv"}
    found = plots([Memory("v1", without), Memory("v2", FILES)], [("both", "sub/both")], {})
    assert list(found.problems) == [("v1", "out/loss.csv")]
    assert {row.group for row in chart(found.shown["both"]).series} == {"v2"}


def test_given_properties_win() -> None:
    found = plots(
        [Memory("HEAD", FILES)], [("loss.csv", "out/loss.csv")], {"x": "acc", "y": "step"}
    )
    assert chart(found.shown["out/loss.csv"]).series[0].points == [("1", "1"), ("2", "2")]


def test_variables_that_stages_use_are_parameters() -> None:
    files = {
        "dvc.yaml": "vars: [v.yaml, params.yaml, {x: 1}]\n"
        "stages:\n"
        "  s: {cmd: 'do ${a.b} ${x} ${k.l}', vars: [local.json], outs: ['${name}']}\n"
        "  e: {foreach: '${items}', do: {cmd: 'do ${item} ${lr}'}}\n",
        "v.yaml": "a: {b: 1, c: 2}\nname: out\nitems: [p, q]\n",
        "local.json": '{"k": {"l": 3}}',
        "params.yaml": "lr: 0.1\n",
    }
    found = params(Memory("HEAD", files))
    assert not found.problems
    assert found.documents["v.yaml"] == {"a.b": 1, "name": "out", "items": ["p", "q"]}
    assert found.documents["local.json"] == {"k.l": 3}
    assert found.documents["params.yaml"] == {"lr": 0.1}
