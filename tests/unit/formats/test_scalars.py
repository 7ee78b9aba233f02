"""Plain scalars as DVC's loader, ruamel.yaml, sees them."""

from hypothesis import example, given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from vfs.formats import yaml12

SCALARS = st.text("0123456789+-._eExXobTZ: tainfFl~", min_size=1, max_size=12)


@given(SCALARS)
@example("2001-12-14t21:59:43.10-05:00")
@example("2001-12-14 21:59:43.1234567 +5")
@example("2001-12-15 2:59:43")
@example("2001-02-30")
@example("010.5")
@example(".5e3")
@example("1_0.5e+1")
def test_plain_scalars(text: str) -> None:
    try:
        theirs = YAML(typ="safe").load(f"- {text}")
    except (YAMLError, ValueError, AttributeError):
        return  # no plain scalar, or one that ruamel.yaml itself fails at
    if isinstance(theirs, list) and not isinstance(theirs[0], (list, dict)):
        ours = yaml12.load(f"- {text}".encode(), file="f", dvc_numbers=True)
        assert repr_of(ours) == repr_of(theirs)


def repr_of(value: object) -> str:
    """With the offset of a time, not the name that ruamel.yaml gives its zone."""
    one = value[0] if isinstance(value, list) else value
    isoformat = getattr(one, "isoformat", None)
    return f"{type(one).__name__} {isoformat() if isoformat else repr(one)}"
