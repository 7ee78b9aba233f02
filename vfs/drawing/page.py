"""Pages of one file: everything is inside, nothing runs, nothing is fetched (a policy in the page says so, too)."""

from vfs.drawing.svg import Markup, element, joined

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = """
body{font:14px/1.4 system-ui,sans-serif;margin:24px;color:#222;background:#fff}
h1{font-size:20px}h2{font-size:15px;margin:0 0 6px}
figure{display:inline-block;vertical-align:top;margin:0 20px 20px 0;padding:12px;border:1px solid #ddd;border-radius:6px}
figcaption,.note{color:#666;font-size:12px;max-width:640px}
.error{color:#a00}
ul.legend{list-style:none;margin:4px 0 0;padding:0;font-size:12px}ul.legend li{display:inline-block;margin-right:14px}
svg{font:11px system-ui,sans-serif;display:block}
.h{opacity:0}.h:hover{opacity:1}
img{max-width:640px;max-height:480px;display:block}
"""


def page(title: str, *body: str) -> str:
    """A whole HTML page."""
    head = joined(
        (
            Markup('<meta charset="utf-8">'),
            Markup(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
            element("title", {}, title),
            Markup(f"<style>{_STYLE}</style>"),
        )
    )
    inner = joined((element("h1", {}, title), *body))
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>{inner}</body></html>\n'


def figure(title: str, *inside: str, notes: tuple[str, ...] = ()) -> Markup:
    """A picture with its title, and remarks below."""
    remarks = [element("figcaption", {}, note) for note in notes]
    return element("figure", {}, element("h2", {}, title), *inside, *remarks)


def problem(words: str) -> Markup:
    """A line that says what is not on the page."""
    return element("p", {"class": "error"}, words)
