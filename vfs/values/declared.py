"""Which files of a revision hold metrics, parameters and plots.

Rules (DVC's, source: `repo/metrics/show.py`, `repo/params/show.py`, `repo/plots/__init__.py`): those of stages, and those that the top of a
`dvc.yaml` lists; `params.yaml` at the top if it is there; a directory stands for the files in it. A parameter file that anything tracks as a
whole is shown as a whole.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vfs.core.paths import resolve_relative
from vfs.errors import FormatError, UnknownPath, VfsError
from vfs.formats.definition import Sections, StrictPipeline
from vfs.formats.file_names import is_pointer
from vfs.formats.pipeline_schema import PLOT_KEYS
from vfs.formats.single_stage import single_definition
from vfs.formats.stage_values import Definition, OutKind
from vfs.formats.variables import OnDemand
from vfs.values.datapoints import Plot
from vfs.values.tree import Tree
from vfs.values.variables import used

DEFAULT_PARAMS = b"params.yaml"
MAX_PIPELINE = 8 * 1024 * 1024


@dataclass(slots=True)
class Pipeline:
    """A `dvc.yaml`, or a stage of DVC 0.x, that could be read; `variables` are those of its files that its stages use."""

    path: bytes
    stages: Sequence[Definition]
    sections: Sections
    variables: Mapping[bytes, Mapping[str, Any]] = field(default_factory=dict)

    def outs(self, kind: OutKind) -> Iterator[tuple[bytes, dict[str, Any]]]:
        """Paths and properties of the outs of a kind."""
        for stage in self.stages:
            for out in stage.outs:
                if out.kind is kind and out.path is not None:
                    yield out.path, dict(out.extra)

    def beside(self, written: str) -> bytes:
        """A path that the file names. Raises FormatError: it leads out of the repository."""
        return resolve_relative(self.path.rpartition(b"/")[0], written)


@dataclass(slots=True)
class Declared:
    """What the pipelines of a revision say.

    Attributes:
        pipelines: those that could be read.
        problems: what is wrong with the others, by file.
    """

    tree: Tree
    pipelines: list[Pipeline] = field(default_factory=list)
    problems: dict[str, VfsError] = field(default_factory=dict)

    def metrics(self) -> list[bytes]:
        """Files of metrics."""
        found = [path for one in self.pipelines for path, _ in one.outs(OutKind.METRIC)]
        found += self._listed((one, one.sections.metrics) for one in self.pipelines)
        return self._expanded(found)

    def params(self) -> dict[bytes, tuple[str, ...]]:
        """Files of parameters, and the keys that are tracked; none: all."""
        found: dict[bytes, list[str]] = {}
        whole = self._listed((one, one.sections.params) for one in self.pipelines)
        for pipeline in self.pipelines:
            for stage in pipeline.stages:
                for params in stage.params:
                    if params.path is not None:
                        found.setdefault(params.path, []).extend(params.keys)
                        whole += [] if params.keys else [params.path]
        if is_there(self.tree, DEFAULT_PARAMS):
            whole.append(DEFAULT_PARAMS)
        keys = {**found, **{path: [] for path in whole}}
        return {
            path: tuple(dict.fromkeys(names))
            for named, names in keys.items()
            for path in self._expanded([named])
        }

    def variables(self) -> dict[bytes, dict[str, Any]]:
        """The values that stages use of their `vars` files, where those are no files of parameters."""
        shown = self.params()
        found: dict[bytes, dict[str, Any]] = {}
        for one in self.pipelines:
            for path, values in one.variables.items():
                if path not in shown:
                    found.setdefault(path, {}).update(values)
        return found

    def headers(self) -> dict[str, bool]:
        """Whether the first line of a data file names its fields, where a stage says so."""
        return {
            text(path): bool(properties["header"])
            for one in self.pipelines
            for path, properties in one.outs(OutKind.PLOT)
            if "header" in properties
        }

    def plots(self) -> list[Plot]:
        """The plots; what several files call by one name gets that of its file in front."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for one in self.pipelines:
            for inner, properties in self._top(one):
                found.setdefault((text(one.path), inner), {}).update(properties)
        for one in self.pipelines:
            for path, properties in one.outs(OutKind.PLOT):
                drawn = {key: properties[key] for key in PLOT_KEYS if key in properties}
                for file in self._expanded([path]):
                    found.setdefault(("", text(file)), {}).update(drawn)
        names = [inner for _, inner in found]
        return [
            Plot(f"{config}::{inner}" if config and names.count(inner) > 1 else inner, inner, drawn)
            for (config, inner), drawn in found.items()
        ]

    def _top(self, pipeline: Pipeline) -> Iterator[tuple[str, dict[str, Any]]]:
        """The plots that the top of a file declares."""
        listed: dict[str, dict[str, Any]] = {}
        for item in pipeline.sections.plots:
            for name, given in (item if isinstance(item, dict) else {item: None}).items():
                listed[str(name)] = dict(given or {})
        for name, properties in listed.items():
            try:
                for axis in ("x", "y"):
                    if isinstance(properties.get(axis), dict):
                        fields = properties[axis].items()
                        properties[axis] = {text(pipeline.beside(f)): names for f, names in fields}
                if isinstance(properties.get("y"), dict):
                    yield name, properties
                    continue
                for file in self._expanded([pipeline.beside(name)]):
                    if _nearest(text(file), listed, pipeline) == name:
                        yield text(file), properties
            except FormatError as error:
                self.problems[text(pipeline.path)] = error

    def _listed(self, lists: Iterator[tuple[Pipeline, list[str]]]) -> list[bytes]:
        found = []
        for pipeline, names in lists:
            for name in names:
                try:
                    found.append(pipeline.beside(name))
                except FormatError as error:
                    self.problems[text(pipeline.path)] = error
        return found

    def _expanded(self, paths: Sequence[bytes]) -> list[bytes]:
        """`expanded`; a directory of which it is not known what it holds is a problem."""
        found: list[bytes] = []
        for path in dict.fromkeys(paths):
            try:
                found += expanded(self.tree, [path])
            except VfsError as error:
                self.problems[text(path)] = error
        return list(dict.fromkeys(found))


def declared(tree: Tree) -> Declared:
    """What the pipelines of a revision declare; those that cannot be read are problems."""
    found = Declared(tree)

    def read(path: bytes) -> bytes | None:
        try:
            return tree.read(path, MAX_PIPELINE)
        except UnknownPath:
            return None

    for path in tree.pipelines():
        try:
            data = tree.read(path, MAX_PIPELINE)
            if is_pointer(path):
                single = single_definition(data, path)
                stages = [] if single is None else [tree.relative(single[0])]
                found.pipelines.append(Pipeline(path, stages, Sections([], [], [], {})))
                continue
            files = OnDemand(read)
            pipeline = StrictPipeline(data, path, files)
            stages = [tree.relative(one) for one in pipeline.definitions()]
            made = Pipeline(path, stages, pipeline.sections(), used(data, path, files))
            found.pipelines.append(made)
        except VfsError as error:
            found.problems[text(path)] = error
    return found


def expanded(tree: Tree, paths: Sequence[bytes]) -> list[bytes]:
    """Paths, with the files of each directory in its place, none twice."""
    found: dict[bytes, None] = {}
    for path in paths:
        found.update(dict.fromkeys(tree.files(path) or [path]))
    return list(found)


def is_there(tree: Tree, path: bytes) -> bool:
    """Whether a revision has a file, whether or not it can be read."""
    try:
        tree.read(path, MAX_PIPELINE)
    except UnknownPath:
        return False
    except VfsError:
        return True
    return True


def _nearest(file: str, listed: dict[str, Any], pipeline: Pipeline) -> str:
    """Of the plots that a file belongs to, the one with the longest path."""
    best, length = "", -1
    for name, properties in listed.items():
        if isinstance(properties.get("y"), dict):
            continue
        path = text(pipeline.beside(name))
        if (not path or file == path or file.startswith(path + "/")) and len(path) > length:
            best, length = name, len(path)
    return best


def text(path: bytes) -> str:
    """A path as text; bytes that are no UTF-8 stay recoverable."""
    return path.decode("utf-8", "surrogateescape")


def path_of(name: str) -> bytes:
    """The path that `text` made a text of."""
    return name.encode("utf-8", "surrogateescape")
