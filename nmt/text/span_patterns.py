"""Regular expressions of spans that are the same in every language: URLs, placeholders, tags, identifiers and the like.

All patterns take time linear in the length of the text: a match starts at the start of a word or at a rare character,
possessive quantifiers (``*+``) prevent backtracking, and what may be scanned in vain is bounded or ends at the next
possible start.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.entities import html5

from nmt.text.scripts import UNSPACED

Range = tuple[int, int]

LATIN = "A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f"
"""Latin letters, as ranges for a regular expression."""

_WORD_START = f"(?<![0-9{LATIN}_])"
_WORD_END = f"(?![0-9{LATIN}_])"

# -- URLs and e-mail addresses -----------------------------------------------------------------------------------------

# A URL ends at white space, quotation marks and CJK or Arabic punctuation. Characters of scripts without spaces between
# words belong to it only at the start of a path segment or parameter: "https://example.com/维基", but not
# "https://example.com了解更多".
_URL_CHARACTER = (
    f'[^\\s<>"`|\\\\^{UNSPACED}\x00-\x1f\x7f-\xa0\xab\xbb\u060c\u061b\u061f\u06d4\u0964\u0965\u2018-\u201f\u2026\u2039'
    "\u203a\u2190-\u2bff\u3000-\u303f\ufe30-\ufe4f\uff01-\uff65\ufe0f\ue000-\uf8ff\U0001f000-\U0010ffff]"
)
_URL_TAIL = f"(?:{_URL_CHARACTER}++|(?<=[/=#_-])[{UNSPACED}]++)"
# Top-level domains with which a name without scheme and path counts as a URL. Country codes that are common words
# ("it", "is", "me", "es") are omitted, because a space is often missing after a full stop.
_TOP_LEVEL_DOMAINS = (
    "(?:com|org|net|edu|gov|mil|int|info|biz|dev|app|xyz|blog|shop|cloud|io|ai|tv|cc|uk|de|fr|nl|eu|jp|cn|kr|tw|hk|ru|ua"
    "|pl|cz|ch|se|dk|fi|br|mx|ca|au|nz|ie|pt|gr|tr|hu|ro|bg)"
)
_LABEL = r"[A-Za-z0-9][A-Za-z0-9-]{0,62}+"
_PORT_AND_PATH = f"(?::\\d{{1,5}}+)?+(?:[/?#]{_URL_TAIL}*+)?+"
_URL = re.compile(
    f"(?<![A-Za-z0-9])[A-Za-z][A-Za-z0-9+.-]{{1,20}}+://{_URL_TAIL}++"
    f"|(?<![{LATIN}])(?:mailto|tel|urn|doi|magnet):(?=[\\w+]){_URL_TAIL}++"
    f"|(?<![{LATIN}\\d@.-])[wW]{{3}}\\.(?=[{LATIN}\\d]){_URL_TAIL}++"
    # Host name with a path, or with a well-known top-level domain.
    f"|(?<![{LATIN}\\d@./_-])(?:{_LABEL}\\.){{1,8}}"
    f"(?:{_TOP_LEVEL_DOMAINS}(?![{LATIN}\\d_-]|\\.[a-z0-9]){_PORT_AND_PATH}"
    f"|[a-z]{{2,10}}(?::\\d{{1,5}}+)?+/(?!\\s){_URL_TAIL}*+)"
    f"|(?<![{LATIN}\\d@./_-])(?:localhost|\\d{{1,3}}(?:\\.\\d{{1,3}}){{3}})(?:(?=[:/]){_PORT_AND_PATH})"
)
_BRACKETS = {")": "(", "]": "[", "}": "{"}
_CLOSING = {opening: closing for closing, opening in _BRACKETS.items()}
_EMAIL = re.compile(
    f"(?<![{LATIN}0-9._%+-])[{LATIN}0-9._%+-]{{1,64}}+@(?:{_LABEL}\\.){{1,8}}[A-Za-z][A-Za-z0-9-]{{0,61}}[A-Za-z0-9]"
)


def find_urls(text: str) -> Iterator[Range]:
    """Find URLs with and without scheme, without the punctuation and unbalanced brackets that follow them."""
    for match in _URL.finditer(text):
        url = match[0]
        surplus = {closing: url.count(closing) - url.count(opening) for closing, opening in _BRACKETS.items()}
        end = len(url)
        while end:
            last = url[end - 1]
            if last in ".,;:!?*'’":
                end -= 1
            elif last == "s" and url[end - 2 : end - 1] in {"'", "’"}:
                end -= 2
            elif surplus.get(last, 0) > 0:
                surplus[last] -= 1
                end -= 1
            elif last in _CLOSING:
                surplus[_CLOSING[last]] += 1
                end -= 1
            else:
                break
        if end > url.find(":") + 3 or "." in url[:end]:
            yield match.start(), match.start() + end


def find_emails(text: str) -> Iterator[Range]:
    """Find e-mail addresses."""
    return (match.span() for match in _EMAIL.finditer(text))


# -- File paths --------------------------------------------------------------------------------------------------------

_EXTENSIONS = (
    "(?:txt|md|rst|pdf|docx?|xlsx?|pptx?|odt|ods|odp|rtf|csv|tsv|json|jsonl|ya?ml|toml|ini|cfg|conf|xml|html?|xhtml|css"
    "|scss|jsx?|tsx?|mjs|py|pyc|ipynb|rb|php|pl|java|jar|class|kt|cpp|hpp|cc|hh|rs|sh|bash|bat|ps1|exe|dll|so|dylib|msi"
    "|deb|rpm|apk|dmg|iso|img|zip|tar|gz|tgz|bz2|xz|7z|rar|png|jpe?g|gif|bmp|svg|webp|tiff?|ico|mp[34]|m4a|wav|ogg|flac"
    "|avi|mkv|mov|webm|sql|sqlite|db|log|lock|bak|tmp|tex|bib|po|pot|mo|xliff|tmx|tbx|srt|vtt|epub|onnx|safetensors)"
)
_FILE_END = f"(?![{LATIN}0-9_])"
_COMPONENT = f"[{LATIN}0-9_.+@%$~-]"
_ROOTS = "(?:bin|boot|dev|etc|home|lib|media|mnt|opt|proc|root|run|sbin|srv|sys|tmp|usr|var|Users|Applications|Library)"
_WINDOWS_WORD = f"(?![\\w.$~()&+-]{{1,100}}\\.{_EXTENSIONS} )[\\w.$~()&+-]{{1,100}}+"
_WINDOWS_FOLDERS = "(?:Program Files(?: \\(x86\\))?|Documents and Settings)"
_PATH = re.compile(
    # Unix: absolute with a known root or two components; below ~, . or ..
    f"(?<![{LATIN}0-9_/.~<>:])(?:/{_ROOTS}(?![{LATIN}0-9_])|/(?={_COMPONENT}++/{_COMPONENT})"
    f"|(?:~[a-z0-9]{{0,32}}|\\.\\.?)/(?=[{LATIN}0-9_.])){_COMPONENT}*+(?:/{_COMPONENT}*+)*+"
    # Windows: drive or server. A folder may contain spaces, but a known file ending before a space ends the path; so
    # does a slash after a space ("C:/notes and/or"), except in well-known names of folders.
    f"|(?<![A-Za-z0-9])[A-Za-z]:(?:\\\\|/)(?:(?:(?:{_WINDOWS_WORD} ){{0,3}}[\\w.$~()&+-]{{1,100}}+\\\\)"
    f"|(?:{_WINDOWS_FOLDERS}|[\\w.$~()&+-]{{1,100}}+)/)*[\\w.$~&+-]*+"
    f"|(?<![{LATIN}0-9_\\\\])\\\\\\\\\\w[\\w.-]*+(?:\\\\[\\w.$~&+-]++)++"
)
# A relative path needs a file ending, an underscore or a digit: "src/main.py", but not "and/or" and "red/green/blue".
_RELATIVE_PATH = re.compile(f"(?<![{LATIN}0-9_/.~<>:@-])[A-Za-z0-9_.-]++(?:/[A-Za-z0-9_.+-]++)+(?:/(?![A-Za-z0-9]))?+")
_FILE_NAME = re.compile(
    f"(?<![{LATIN}0-9_/.-])(?:[{LATIN}0-9_][{LATIN}0-9_+-]{{0,99}}+\\.){{1,4}}{_EXTENSIONS}{_FILE_END}(?!\\.[a-z0-9])"
)
_HAS_FILE_ENDING = re.compile(f"\\.{_EXTENSIONS}\\Z")


def find_paths(text: str) -> Iterator[Range]:
    """Find paths of files, but not words joined by slashes such as ``and/or``."""
    for match in _PATH.finditer(text):
        yield _without_final(".,-", text, match.span())
    for match in _RELATIVE_PATH.finditer(text):
        start, end = _without_final(".,-", text, match.span())
        path = text[start:end]
        if "_" in path or path.endswith("/") or _HAS_FILE_ENDING.search(path):
            yield start, end


def find_file_names(text: str) -> Iterator[Range]:
    """Find names of files with a well-known ending."""
    return (match.span() for match in _FILE_NAME.finditer(text))


def _without_final(characters: str, text: str, span: Range) -> Range:
    """Return a range without these characters at its end."""
    start, end = span
    return start, start + len(text[start:end].rstrip(characters))


# -- Placeholders ------------------------------------------------------------------------------------------------------

_PRINTF = re.compile(
    r"%(?:(?:\d{1,3}\$|\(\w{1,64}\))[-+#0]{0,5}(?:\d{1,5}|\*)?(?:\.\d{1,5})?[hlLqjzt]{0,2}[a-zA-Z@]"  # %1$s, %(name)s
    r"|(?<!\d%)(?<!\d %)[-+#0]{0,5}(?:\d{1,5}|\*)?(?:\.\d{1,5})?[hlLqjzt]{0,2}[sd@]"
    r"|[-+#0]{0,5}(?:\d{1,5}|\*)?(?:\.(?:\d{1,5}|\*))?[hlLqjzt]{0,2}(?:[diouxXeEfFgGaAcsp@]|[YmHMSByjpZI])(?![A-Za-z])"
    r"|\{\w{1,64}\}|[A-Z_][A-Z0-9_]{1,64}%|%(?![A-Za-z0-9]))"
)
_VARIABLE = re.compile(
    rf"\$(?:\{{[^{{}}\n]{{1,200}}+\}}|\([A-Za-z_]\w{{0,64}}\)|(?<![{LATIN}0-9]\$)[A-Za-z_][A-Za-z0-9_]{{0,64}}+)"
    r"|#\{[^{}\n]{1,200}+\}"
)
_BRACES = re.compile(
    r"\{\{[^{}\n]{0,200}+\}\}|\{%(?:[^{}%\n]|%(?!\})){1,200}+%\}"
    r"|\{[#/^!>]?[A-Za-z_0-9]?[\w.\-\[\]$:@]{0,64}+(?:![rsa])?(?::[^{}\s]{1,32}+)?\}"
)
_ICU = re.compile(r"\{\s{0,4}\w{1,64}\s{0,4},\s{0,4}(?:plural|select|selectordinal|number|date|time|choice)\b")
_BRACE = re.compile("[{}]")
# "\n" and "\u00e9" as written in source code; commands of LaTeX.
_ESCAPE = re.compile(
    rf"(?<!\\)\\(?:[nrt](?![a-z])|u[0-9A-Fa-f]{{4}})|(?<![{LATIN}0-9_\\:])\\[A-Za-z]{{2,32}}+(?![{LATIN}0-9_\\])"
)


def find_placeholders(text: str) -> Iterator[Range]:
    """Find the placeholders of printf, Python, ICU, shells and template engines."""
    for pattern in (_PRINTF, _VARIABLE, _BRACES, _ESCAPE):
        yield from (match.span() for match in pattern.finditer(text))
    if _ICU.search(text):
        ends = _closing_braces(text)
        yield from ((match.start(), ends[match.start()]) for match in _ICU.finditer(text) if match.start() in ends)


def _closing_braces(text: str) -> dict[int, int]:
    """Return the end of the bracketed text that begins with each opening brace."""
    ends: dict[int, int] = {}
    open_braces: list[int] = []
    for brace in _BRACE.finditer(text):
        if brace[0] == "{":
            open_braces.append(brace.start())
        elif open_braces:
            ends[open_braces.pop()] = brace.end()
    return ends


# -- Markup ------------------------------------------------------------------------------------------------------------

# An attribute without a value must be one of HTML's, so that "<y and z>" is not a tag.
_TAG = re.compile(
    r"<(?:/[A-Za-z][\w:.-]{0,63}+\s*+>|[A-Za-z][\w:.-]{0,63}+"
    r"(?:\s++(?:[\w:.@-]++\s*+=\s*+(?:\"[^\"<]*+\"|'[^'<]*+'|[^\s\"'<>=`]++)"
    r"|(?:async|autofocus|autoplay|checked|controls|defer|disabled|hidden|loop|multiple|muted|open|readonly|required"
    r"|selected)\b(?!=)))*+\s*+/?>|!--(?:[^<>-]|-(?!->))*+-->|\?[^<>?]++\?>|%[^<>%]++%>)"
)
_ENTITY = re.compile(r"&(?:#\d{1,7}+|#[xX][0-9A-Fa-f]{1,6}+|([A-Za-z][A-Za-z0-9]{1,31}+));")
_INLINE_CODE = re.compile(r"(?<!`)(`{1,2}+)(?=\S)[^`\n]++(?<=\S)\1(?![`_])")
_LINK = re.compile(r"!?(\[)[^\[\]\n]++(\]\((?:[^()\s]|\([^()\s]*+\))++(?: \"[^\"()\n]*+\"| '[^'()\n]*+')?+\))")


def find_tags(text: str) -> Iterator[Range]:
    """Find tags of HTML and XML, comments and entities."""
    yield from (match.span() for match in _TAG.finditer(text))
    for match in _ENTITY.finditer(text):
        if match[1] is None or f"{match[1]};" in html5:
            yield match.span()


def find_markdown(text: str) -> Iterator[Range]:
    """Find Markdown's inline code, and the brackets and targets of its links."""
    yield from (match.span() for match in _INLINE_CODE.finditer(text))
    for match in _LINK.finditer(text):
        yield match.start(), match.end(1)
        yield match.span(2)


# -- Hashtags, mentions, emoji -----------------------------------------------------------------------------------------

_HASHTAG = re.compile(rf"(?<![{LATIN}0-9_&/#＃])[#＃](?=\w*?[^\W\d_])[\w\u0900-\u0dff\u200c\u200d]++")
_MENTION = re.compile(
    rf"(?<![{LATIN}0-9_@./-])@(?=[0-9_]{{0,64}}[A-Za-z])[A-Za-z0-9_]++(?:[.-][A-Za-z0-9_]++)*+(?:@(?:{_LABEL}\.)++[a-z]{{2,16}}+)?+"
)
PICTOGRAPHS = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u2211\u2213-\u22ff\u2300-\u23ff\u2460-\u24ff\u25a0-\u27bf\u2900-\u297f"
    "\u2b00-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
)
"""Emoji and other symbols that are the same in all languages, as ranges for a regular expression."""

_EMOJI_UNIT = (
    "(?:[\U0001f1e6-\U0001f1ff]{2}|[0-9#*]\ufe0f?\u20e3"
    f"|[{PICTOGRAPHS}](?:[\ufe0e\ufe0f]|[\U0001f3fb-\U0001f3ff])*+(?:[\U000e0020-\U000e007f]++)?+)"
)
_EMOJI = re.compile(f"(?:{_EMOJI_UNIT}\u200d?)++")


def find_hashtags(text: str) -> Iterator[Range]:
    """Find hashtags, which contain at least one letter."""
    return (match.span() for match in _HASHTAG.finditer(text))


def find_mentions(text: str) -> Iterator[Range]:
    """Find mentions of accounts, such as ``@name``."""
    return (match.span() for match in _MENTION.finditer(text))


def find_emoji(text: str) -> Iterator[Range]:
    """Find sequences of emoji, with their modifiers and joiners, and of other pictographic symbols."""
    return (match.span() for match in _EMOJI.finditer(text))


# -- Identifiers -------------------------------------------------------------------------------------------------------

_NAME = r"[A-Za-z_][A-Za-z0-9_]*+"
_DOTTED = re.compile(rf"(?<![{LATIN}0-9_.@\\]){_NAME}(?:\.{_NAME})*+(\(\))?+{_WORD_END}")
_SPECIAL_NAME = re.compile(rf"{_WORD_START}(?:[A-Z]\+\+|[CFJ]#|\.NET){_WORD_END}")
_OPTION = re.compile(
    f"(?<![{LATIN}0-9_/.-])--[a-z][a-z0-9]*+(?:-[a-z0-9]++)*+(?:=[A-Za-z0-9_./:~%@+-]*[A-Za-z0-9_/])?{_WORD_END}"
)
_SNAKE_CASE = re.compile("[A-Za-z0-9]_+[A-Za-z0-9]")
_GENDER_GAP = re.compile("[A-Z][a-z]+_in(?:nen)?")  # German "Lehrer_in"
_HUMP = re.compile("[a-z][A-Z]")


def find_identifiers(text: str) -> Iterator[Range]:
    """Find snake_case, camelCase, dotted.names.of_parts, calls() and command-line options such as ``--verbose``."""
    for match in _DOTTED.finditer(text):
        if match[1] or _is_identifier(match[0]):
            yield match.span()
    for pattern in (_SPECIAL_NAME, _OPTION):
        yield from (match.span() for match in pattern.finditer(text))


def _is_identifier(name: str) -> bool:
    """Return whether a name, possibly with dots, can't be a word, name or abbreviation."""
    if name.islower() and "_" not in name and "." not in name:
        return False
    if _SNAKE_CASE.search(name):
        return not _GENDER_GAP.fullmatch(name)
    # Names of people and brands have one hump after a capital letter: McDonald, YouTube.
    humps = len(_HUMP.findall(name))
    if humps >= 2 or (humps == 1 and ("." in name or name[0].islower())):
        return True
    parts = name.split(".")
    return len(parts) >= 3 and all(len(part) >= 2 for part in parts)
