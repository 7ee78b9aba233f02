"""A command in a private view: a mount namespace of its own, in which an overlay lies over the working tree.

    with View(tree, scratch, below=[lazy], hide=["data/old"], through=[".git", ".dvc"]) as view:
        status = view.run([["/bin/sh", "-c", line] for line in lines], cwd, environment)
        for change in view.changes(): ...

`view` is for the caller, `changes` reads what was written, `refusals` says why it does not work here; `program` is the process between
the caller and the command, with `mounts` and `kernel`: it imports nothing that it need not, because each run waits for it.

What the commands touched: `watch` and `shadow` are parts of the program, `survey` tells them which directories there are, `trace` is the value and its file, `observed` what it says
about declared dependencies.

Knows no stage and no repository: paths, commands, an environment. Blocking. Nothing is imported here, because the program would wait for it.
"""
