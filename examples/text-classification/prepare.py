"""Translation catalogues -> messages with their language, one a line, split into train and test.

Reads data/**/LOCALE/LC_MESSAGES/*.po; writes prepared/train.tsv and prepared/test.tsv.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import yaml

STRING = re.compile(r'(?:(msgid|msgstr) )?"(.*)"')
NOISE = re.compile(r"\\.|%\(\w+\)\w|%\w|\{[^}]*\}|<[^>]*>|:\w+:|[\W\d]")


def messages(path: Path) -> Iterator[tuple[str, str]]:
    """(original, translation) of one catalogue; not the fuzzy ones, nor plurals."""
    for entry in path.read_text("utf-8", errors="replace").split("\n\n"):
        if "#, fuzzy" in entry:
            continue
        found = {"msgid": "", "msgstr": ""}
        current = ""
        for line in entry.splitlines():
            match = STRING.fullmatch(line)
            current = (match[1] or current) if match else ""
            if match and current:
                found[current] += match[2]
        if found["msgid"] and found["msgstr"]:
            yield found["msgid"], found["msgstr"]


def order(text: str) -> bytes:
    """A place for a text that looks like chance, and is the same each time."""
    return hashlib.sha256(text.encode()).digest()


def held_back(original: str, share: float) -> bool:
    """Whether all translations of a message are for the test."""
    return int.from_bytes(order(original)[:4], "big") < share * 2**32


def main() -> None:
    """Read, clean, choose, write."""
    with open("params.yaml", encoding="utf-8") as file:
        params = yaml.safe_load(file)["prepare"]
    languages: dict[str, set[str]] = defaultdict(set)
    tested: dict[str, bool] = {}
    for path in sorted(Path("data").rglob("LC_MESSAGES/*.po")):
        language = re.split("[_@-]", path.parent.parent.name)[0]
        for original, translation in messages(path):
            text = " ".join(NOISE.sub(" ", translation).lower().split())
            if len(text) >= params["shortest"] and translation != original:
                languages[text].add(language)
                tested[text] = held_back(original, params["held_back"])

    chosen: dict[str, list[str]] = defaultdict(list)
    for text in sorted(languages, key=order):
        if len(languages[text]) == 1:  # what two languages have says nothing
            chosen[min(languages[text])].append(text)
    most = params["per_language"]
    Path("prepared").mkdir(exist_ok=True)
    with (
        open("prepared/train.tsv", "w", encoding="utf-8") as train,
        open("prepared/test.tsv", "w", encoding="utf-8") as test,
    ):
        for language, texts in sorted(chosen.items()):
            if len(texts) >= most / 2:
                for text in texts[:most]:
                    (test if tested[text] else train).write(f"{language}\t{text}\n")


if __name__ == "__main__":
    main()
