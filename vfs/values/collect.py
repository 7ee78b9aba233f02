"""Metrics, parameters and plots of revisions, read.

Rule: what cannot be read is a problem on its file, and the rest is there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vfs.errors import FormatError, VfsError
from vfs.formats.documents import MAX_BYTES, parse_document
from vfs.formats.params import selected
from vfs.values import datapoints
from vfs.values.compare import Value, numbers
from vfs.values.datapoints import IMAGES, Content, Plot, parse, points, suffix
from vfs.values.declared import Declared, declared, expanded, path_of, text
from vfs.values.pictures import MAX_IMAGE, Image, Shown
from vfs.values.tree import Tree


@dataclass(slots=True)
class Values:
    """What one revision has.

    Attributes:
        documents: by file.
        problems: why others are not there.
    """

    documents: dict[str, Value] = field(default_factory=dict)
    problems: dict[str, VfsError] = field(default_factory=dict)


def metrics(tree: Tree, targets: Sequence[bytes] = ()) -> Values:
    """The metrics of a revision; `targets` are read instead of what it declares."""
    if targets:
        return _read(tree, dict.fromkeys(expanded(tree, targets), _numbers), {})
    found = declared(tree)
    return _read(tree, dict.fromkeys(found.metrics(), _numbers), found.problems)


def params(tree: Tree, targets: Sequence[bytes] = ()) -> Values:
    """The parameters of a revision; `targets` are read instead of what it declares, as a whole."""
    if targets:
        return _read(tree, dict.fromkeys(expanded(tree, targets), _whole), {})
    found = declared(tree)
    chosen = {path: _chooser(keys) for path, keys in found.params().items()}
    values = _read(tree, chosen, found.problems)
    values.documents |= {text(path): used for path, used in found.variables().items()}
    return values


Choice = Callable[[Value, bytes], Value]
"""What is shown of the document of a file."""


def _whole(document: Value, _path: bytes) -> Value:
    return document


def _numbers(document: Value, _path: bytes) -> Value:
    return numbers(document)


def _chooser(keys: Sequence[str]) -> Choice:
    """What keeps some keys of a document, each in its place; without any, all of it."""

    def choose(document: Value, path: bytes) -> Value:
        kept: dict[Any, Any] = {}
        for key, value in selected(document, path, keys).items():
            *above, last = key.split(".")
            inner = kept
            for name in above:
                below = inner.setdefault(name, {})
                inner = below if isinstance(below, dict) else {}
            inner[last] = value
        return kept

    return choose if keys else _whole


def _read(
    tree: Tree,
    files: Mapping[bytes, Choice],
    problems: Mapping[str, VfsError],
) -> Values:
    found = Values(problems=dict(problems))
    for path, choose in files.items():
        try:
            document = parse_document(tree.read(path, MAX_BYTES), path)
            found.documents[text(path)] = choose(document, path)
        except VfsError as error:
            found.problems[text(path)] = error
    return found


@dataclass(slots=True)
class Plots:
    """The plots of some revisions.

    Attributes:
        problems: by revision and file or plot.
    """

    shown: dict[str, Shown] = field(default_factory=dict)
    problems: dict[tuple[str, str], VfsError] = field(default_factory=dict)


def plots(
    trees: Sequence[Tree], targets: Sequence[tuple[str, str]], given: Mapping[str, Any]
) -> Plots:
    """The plots of revisions.

    Args:
        trees: the revisions, in the order in which they are shown.
        targets: ids of plots, files, or directories of them, each as it was typed and as a path of the repository; none: all
            that are declared.
        given: properties that overrule those of the plots.
    """
    found = Plots()
    for tree in trees:
        said = declared(tree)
        found.problems |= {(tree.name, file): error for file, error in said.problems.items()}
        for plot in _chosen(said, targets):
            before = found.shown.get(plot.id)
            properties = {**plot.properties, **(before.plot.properties if before else {}), **given}
            shown = before or Shown(plot)
            shown.plot = Plot(plot.id, plot.inner, properties)
            found.shown[plot.id] = shown
            _add(found, shown, Plot(plot.id, plot.inner, properties), tree, said.headers())
    return found


def _chosen(said: Declared, targets: Sequence[tuple[str, str]]) -> list[Plot]:
    """The plots that targets mean; a file that is none is one by being named."""
    every = said.plots()
    if not targets:
        return every
    chosen: dict[str, Plot] = {}
    for typed, path in targets:
        inside = path + "/" if path else ""
        plots = [
            plot
            for plot in every
            if plot.id == typed or path in (plot.id, plot.inner) or plot.inner.startswith(inside)
        ]
        if not plots:
            plots = [Plot(text(f), text(f)) for f in expanded(said.tree, [path_of(path)])]
        chosen.update({plot.id: plot for plot in plots})
    return list(chosen.values())


def _add(found: Plots, shown: Shown, plot: Plot, tree: Tree, headers: Mapping[str, bool]) -> None:
    """Read what one revision has for a plot."""
    contents: dict[str, Content] = {}
    for source in plot.sources:
        header = bool(plot.properties.get("header", headers.get(source, True)))
        path = path_of(source)
        try:
            if plot.is_image:
                shown.images.append(_image(tree, path))
            else:
                data = tree.read(path, datapoints.MAX_BYTES)
                contents[source] = parse(data, path, header=header)
        except VfsError as error:
            found.problems[tree.name, source] = error
    if not plot.is_image:
        try:
            shown.points[tree.name] = points(plot, contents, tree.name)
        except FormatError as error:
            found.problems[tree.name, plot.id] = error


def _image(tree: Tree, path: bytes) -> Image:
    data = tree.read(path, datapoints.MAX_BYTES)
    kept = data if len(data) <= MAX_IMAGE else None
    return Image(tree.name, IMAGES[suffix(path)], kept, len(data))
