"""Texts that are shown as they are, whatever the data, the labels or the run file put into them."""

import re

# Control characters but tab and newline, surrogates and other non-characters, and what reverses the order of letters.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def printable(text: str) -> str:
    """The text with a replacement character for each one that a terminal or a page would obey instead of showing it."""
    return _UNPRINTABLE.sub("\ufffd", text)


_UNSEEN = re.compile(r"[\s\u00ad\u200b-\u200f\u2060-\u2064\ufeff]*")


def is_visible(text: str) -> bool:
    """Whether there is more in a text than white space and characters without width."""
    return _UNSEEN.fullmatch(text) is None
