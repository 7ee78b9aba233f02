"""The verbs: which module has each, and its line in `vfs --help`.

Rule: nothing is imported to show the list; a module is loaded when its verb is used. It has a `click.Command` named
`command`.
"""

from typing import NamedTuple


class Verb(NamedTuple):
    """A row of the table."""

    name: str
    module: str
    summary: str


SECTIONS: tuple[tuple[str, tuple[Verb, ...]], ...] = (
    (
        "A repository",
        (
            Verb("init", "vfs_cli.init", "let data be tracked in a Git repository"),
            Verb("config", "vfs_cli.config", "show or set an option"),
            Verb("remote", "vfs_cli.remote", "list, add, change or remove remotes"),
            Verb("install", "vfs_cli.install", "Git hooks, and merging of tracked directories"),
            Verb("git-hook", "vfs_cli.git_hook", "what Git calls after 'vfs install'"),
        ),
    ),
    (
        "Tracking",
        (
            Verb(
                "status", "vfs_cli.status", "what differs in the working tree, and what is mounted"
            ),
            Verb("add", "vfs_cli.add", "track files and directories"),
            Verb("commit", "vfs_cli.commit", "record what tracked data holds now"),
            Verb("remove", "vfs_cli.remove", "stop tracking"),
            Verb("move", "vfs_cli.move", "give a tracked file or directory another path"),
        ),
    ),
    (
        "Sharing",
        (
            Verb("fetch", "vfs_cli.fetch", "missing objects from remotes into the DVC cache"),
            Verb("push", "vfs_cli.push", "objects of the DVC cache to remotes"),
            Verb("pull", "vfs_cli.pull", "fetch, then check out"),
            Verb("checkout", "vfs_cli.checkout", "data from the DVC cache into the working tree"),
        ),
    ),
    (
        "Pipelines",
        (
            Verb("run", "vfs_cli.run", "run a command once, as a stage that is recorded"),
            Verb("stage", "vfs_cli.stage", "add, list, show or remove stages"),
            Verb("repro", "vfs_cli.repro", "run the stages that changed, in their order"),
            Verb("freeze", "vfs_cli.freeze", "let a stage be as it is, whatever it depends on"),
            Verb("unfreeze", "vfs_cli.unfreeze", "let a frozen stage follow what it depends on"),
            Verb("dag", "vfs_cli.dag", "which stage needs which, as a picture"),
            Verb("trace", "vfs_cli.trace", "what the command of a stage read and wrote"),
            Verb("params", "vfs_cli.params", "parameters of revisions, and how they differ"),
            Verb("metrics", "vfs_cli.metrics", "metrics of revisions, and how they differ"),
            Verb("plots", "vfs_cli.plots", "plots of revisions, as one HTML page"),
        ),
    ),
    (
        "Other repositories and URLs",
        (
            Verb("import", "vfs_cli.import_", "data of another repository, with its commit"),
            Verb("import-url", "vfs_cli.import_url", "data at a URL or path"),
            Verb("update", "vfs_cli.update", "bring imports up to date"),
            Verb("get", "vfs_cli.get", "download from a repository, tracking nothing"),
            Verb("list", "vfs_cli.list_", "list a repository, downloading nothing"),
        ),
    ),
    (
        "Upkeep of data",
        (
            Verb("gc", "vfs_cli.gc", "remove objects that nothing needs"),
            Verb("fsck", "vfs_cli.fsck", "name what is missing or damaged, and mend it"),
            Verb("du", "vfs_cli.du", "bytes of tracked data, and what revisions share"),
            Verb("migrate", "vfs_cli.migrate", "pointers of DVC 0.x to 2 become those of DVC 3"),
        ),
    ),
    (
        "Mounts",
        (
            Verb("mount", "vfs_cli.mount", "show a revision as a directory"),
            Verb("switch", "vfs_cli.switch", "show another revision in a mount"),
            Verb("offline", "vfs_cli.offline", "let a mount ask no remote, or again"),
            Verb("umount", "vfs_cli.umount", "take mounts down"),
            Verb("fuse-helper", "vfs_cli.fuse_helper", "make mounts for daemons that may not"),
            Verb("top", "vfs_cli.top", "watch what mounts do"),
            Verb("stats", "vfs_cli.stats", "every figure of a mount"),
        ),
    ),
    (
        "Contents, with or without a mount",
        (
            Verb("ls", "vfs_cli.ls", "list a directory of a revision"),
            Verb("cat", "vfs_cli.cat", "write a file of a revision to standard output"),
            Verb("log", "vfs_cli.log", "commits that changed a path's data"),
            Verb("diff", "vfs_cli.diff", "what differs between two revisions"),
            Verb("prefetch", "vfs_cli.prefetch", "fetch data ahead of reading it"),
            Verb("estimate", "vfs_cli.estimate", "what reading would take, before it is done"),
            Verb("why", "vfs_cli.why", "where the bytes of a path are, and what would be faster"),
            Verb("report", "vfs_cli.report", "what a mount, an epoch or a run read and fetched"),
        ),
    ),
    (
        "Machine",
        (
            Verb("cache", "vfs_cli.cache", "look at, check or empty the shared cache"),
            Verb("doctor", "vfs_cli.doctor", "what limits vfs here, and how to mend it"),
            Verb("demo", "vfs_cli.demo", "mount a small repository and switch between versions"),
            Verb("completion", "vfs_cli.completion", "print a shell's completion script"),
        ),
    ),
)

VERBS = {verb.name: verb for _, verbs in SECTIONS for verb in verbs}
