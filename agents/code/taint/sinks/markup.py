"""XML: which parser reads it, with which options.

The standard library's parsers follow no external entities unless told to, and expat stops entities
that multiply since 2.4.1, so a plain ``ElementTree.fromstring`` is no finding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from agents.code.taint.heap import only, write
from agents.code.taint.sinks.call import Call
from agents.code.taint.values import Thing, Value, constant

EXTERNAL: Final = frozenset({
    "xml.sax.handler.feature_external_ges", "xml.sax.handler.feature_external_pes",
    "http://xml.org/sax/features/external-general-entities",
    "http://xml.org/sax/features/external-parameter-entities",
})  # fmt: skip


def _feature(site: Call) -> None:
    """``parser.setFeature(feature_external_ges, True)`` is kept with the parser."""
    if site.receiver is None or len(site.args) < 2:
        return
    feature = site.args[0]
    name = feature.ref if isinstance(feature.ref, str) else feature.const
    name = str(name).replace("sax.handler.", "xml.sax.handler.").replace("xml.xml.", "xml.")
    if name not in EXTERNAL:
        return
    on = not (site.args[1].known and not site.args[1].const)
    write(
        site.run, site.state, site.receiver,
        lambda old: Thing(old.of, {**old.attrs, str(name): constant(on)})
        if isinstance(old, Thing) else None,
    )  # fmt: skip


def _external(site: Call, value: Value | None) -> bool:
    """Whether a sax parser was told to follow external entities."""
    thing = only(site.run, site.state, value, Thing) if value is not None else None
    if thing is None:
        return False
    return any(bool(item.const) for name, item in thing.attrs.items() if name in EXTERNAL)


def _sax(site: Call) -> None:
    if _external(site, site.receiver):
        site.flow("xxe", "xxe", site.arg(0, "source"))


def _dom(site: Call) -> None:
    """``minidom.parseString(text, parser)``: the parser's options decide."""
    given = site.arg(1, "parser")
    if given is not None and _external(site, given):
        site.flow("xxe", "xxe", site.arg(0, "string", "file"))


def _lxml(site: Call) -> None:
    given = site.arg(1, "parser")
    thing = only(site.run, site.state, given, Thing) if given is not None else None
    if given is not None and thing is None:
        return
    attrs = thing.attrs if thing is not None else {}
    resolve = attrs.get("resolve_entities")
    if resolve is not None and resolve.known and not resolve.const:
        return
    if resolve is not None and resolve.const == "internal":
        return
    site.flow("xxe", "xxe", site.arg(0, "text", "source"))
    huge = attrs.get("huge_tree")
    if huge is not None and huge.const is True:
        site.flow("xml-bomb", "xxe", site.arg(0, "text", "source"))


def _entities(site: Call) -> None:
    """A parser built to follow entities is worth a word even where its text is unknown."""
    value = site.const(-1, "resolve_entities")
    if value is True and site.const(-1, "no_network", default=True) is False:
        site.pattern("xxe", confidence="medium",
                     message="This XML parser follows external entities")  # fmt: skip


Check = Callable[[Call], None]
BY_NAME: Final[dict[str, Check]] = {
    **dict.fromkeys((
        "lxml.etree.fromstring", "lxml.etree.parse", "lxml.etree.XML", "lxml.etree.iterparse",
        "lxml.objectify.fromstring", "lxml.objectify.parse",
    ), _lxml),
    **dict.fromkeys((
        "xml.dom.minidom.parseString", "xml.dom.minidom.parse", "xml.dom.pulldom.parseString",
        "xml.dom.pulldom.parse",
    ), _dom),
    "lxml.etree.XMLParser": _entities,
}  # fmt: skip
BY_METHOD: Final[dict[str, Check]] = {
    "setFeature": _feature,
    "parse": _sax,
}
