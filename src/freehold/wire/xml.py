"""XML: a strict small parser for requests, and a writer.

Documents with a DOCTYPE are refused, so that there are no entities to expand and nothing to fetch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.parsers import expat

from freehold.wire.locations import ANSWER_LOCATIONS
from freehold.wire.messages import WireError
from freehold.wire.scalars import text_reader, text_writer
from freehold.wire.shapes import Shape

DEPTH_MAX = 64
Write = Callable[[Any, "list[str]"], None]


class Element:
    """An element without its namespace: tag, attributes, children, text."""

    __slots__ = ("attributes", "children", "tag", "text")

    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag = tag
        self.attributes = attributes
        self.children: list[Element] = []
        self.text = ""


def parse(document: bytes) -> Element:
    """Return the root element; WireError MalformedXML if there is none."""
    builder = _Builder()
    # Every service writes and reads UTF-8; another encoding's name would make expat ask Python for it.
    parser = expat.ParserCreate("UTF-8", namespace_separator="\x1f")
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(document, True)
    except expat.ExpatError as error:
        raise malformed() from error
    if builder.root is None:
        raise malformed()
    return builder.root


def malformed() -> WireError:
    return WireError(
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )


class _Builder:
    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        element = Element(_local(tag), {_local(k): v for k, v in attributes.items()})
        if self._open:
            if len(self._open) >= DEPTH_MAX:
                raise malformed()
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def end(self, tag: str) -> None:
        self._open.pop()

    def text(self, text: str) -> None:
        # Text between elements means nothing.
        if not self._open[-1].children:
            self._open[-1].text += text


def _local(name: str) -> str:
    return name.rpartition("\x1f")[2]


def _refuse_doctype(*_: Any) -> None:
    raise malformed()


class XmlReaders:
    """Compiled functions from elements to values."""

    def __init__(self) -> None:
        self._compiled: dict[tuple[str, bool], list[Callable[[Element], Any]]] = {}

    def reader(self, shape: Shape) -> Callable[[Element], Any]:
        if shape.type not in ("structure", "list", "map"):
            convert = text_reader(shape, timestamp_form="iso8601", malformed="MalformedXML")
            return lambda element: convert(element.text)
        key = (shape.name, bool(shape.get("flattened")))
        if key in self._compiled:
            holder = self._compiled[key]
            return holder[0] if holder else lambda element: holder[0](element)
        holder = self._compiled[key] = []
        compiled = {
            "structure": self._structure,
            "list": self._list,
            "map": self._map,
        }[shape.type](shape)
        holder.append(compiled)
        return compiled

    def _structure(self, shape: Shape) -> Callable[[Element], Any]:
        members: dict[str, tuple[str, Any, bool]] = {}
        attributes: dict[str, tuple[str, Any]] = {}
        for name, member in shape.members.items():
            if member.get("location"):
                continue
            if member.get("xmlAttribute"):
                convert = text_reader(member, timestamp_form="iso8601", malformed="MalformedXML")
                attributes[member.wire_name(name).rpartition(":")[2]] = (name, convert)
            else:
                repeats = member.type in ("list", "map") and bool(member.get("flattened"))
                members[member.wire_name(name)] = (name, self.reader(member), repeats)

        def read(element: Element) -> dict[str, Any]:
            result: dict[str, Any] = {}
            repeated: dict[str, list[Element]] = {}
            for child in element.children:
                found = members.get(child.tag)
                if found is None:
                    continue
                name, convert, repeats = found
                if repeats:
                    repeated.setdefault(child.tag, []).append(child)
                else:
                    result[name] = convert(child)
            for tag, children in repeated.items():
                name, convert, _ = members[tag]
                together = Element(tag, {})
                together.children = children
                result[name] = convert(together)
            for key, text in element.attributes.items():
                if key in attributes:
                    name, convert = attributes[key]
                    result[name] = convert(text)
            return result

        return read

    def _list(self, shape: Shape) -> Callable[[Element], Any]:
        convert = self.reader(shape.member("member"))
        return lambda element: [convert(child) for child in element.children]

    def _map(self, shape: Shape) -> Callable[[Element], Any]:
        key_name = shape.member("key").wire_name("key")
        value_name = shape.member("value").wire_name("value")
        convert = self.reader(shape.member("value"))

        def read(element: Element) -> dict[str, Any]:
            result = {}
            for entry in element.children:
                parts = {child.tag: child for child in entry.children}
                if key_name not in parts or value_name not in parts:
                    raise malformed()
                result[parts[key_name].text] = convert(parts[value_name])
            return result

        return read


def _flat_name(name: str, member: Shape) -> str:
    """A flattened member's element: the member's own locationName, else its list's member's, else its name."""
    if "locationName" in member.traits:
        return member.wire_name(name)
    if member.type == "list":
        return member.member("member").wire_name(name)
    return name


class XmlWriters:
    """Compiled functions that append a value's elements to a list of text."""

    def __init__(self, *, is_ec2: bool = False) -> None:
        self._compiled: dict[str, list[Write]] = {}
        self._is_ec2 = is_ec2

    def element(self, name: str, shape: Shape) -> Write:
        """Write a value as an element of this name (or as several, where its list is flattened)."""
        if shape.type == "list":
            return self._list(name, shape)
        if shape.type == "map":
            return self._map(name, shape)
        start, end = _tags(name, shape)
        if shape.type == "structure":
            attributes = self.attributes(shape)
            content = self.content(shape)

            def write_structure(value: Any, out: list[str]) -> None:
                out.append(start[:-1] + attributes(value) + ">" if attributes else start)
                content(value, out)
                out.append(end)

            return write_structure
        convert = text_writer(shape, timestamp_form="iso8601")

        def write(value: Any, out: list[str]) -> None:
            out.append(f"{start}{escape(convert(value))}{end}")

        return write

    def content(self, shape: Shape) -> Write:
        """Write the members of a structure, without an element around them."""
        if shape.name in self._compiled:
            holder = self._compiled[shape.name]
            return holder[0] if holder else lambda value, out: holder[0](value, out)
        holder = self._compiled[shape.name] = []
        members = {}
        for name, member in shape.members.items():
            if member.get("location") in ANSWER_LOCATIONS or member.get("xmlAttribute"):
                continue
            members[name] = self.element(_member_name(name, member), member)

        def write(value: Any, out: list[str]) -> None:
            for key, inner in value.items():
                if inner is not None and key in members:
                    members[key](inner, out)

        holder.append(write)
        return write

    def attributes(self, shape: Shape) -> Callable[[Any], str] | None:
        """The members of a structure that its element has as attributes; None where there are none."""
        found = {
            name: (member.wire_name(name), text_writer(member, timestamp_form="iso8601"))
            for name, member in shape.members.items()
            if member.get("xmlAttribute")
        }
        if not found:
            return None

        def write(value: Any) -> str:
            return "".join(
                f' {wire_name}="{escape(convert(value[name]))}"'
                for name, (wire_name, convert) in found.items()
                if value.get(name) is not None
            )

        return write

    def _list(self, name: str, shape: Shape) -> Write:
        member = shape.member("member")
        start, end = _tags(name, shape)
        if shape.get("flattened"):
            item = self.element(_flat_name(name, shape) if name == "" else name, member)

            def write_flat(value: Any, out: list[str]) -> None:
                for inner in value:
                    item(inner, out)

            return write_flat
        item = self.element(member.wire_name("item" if self._is_ec2 else "member"), member)

        def write(value: Any, out: list[str]) -> None:
            out.append(start)
            for inner in value:
                item(inner, out)
            out.append(end)

        return write

    def _map(self, name: str, shape: Shape) -> Write:
        key = shape.member("key")
        write_key = self.element(key.wire_name("key"), key)
        value_shape = shape.member("value")
        write_value = self.element(value_shape.wire_name("value"), value_shape)
        flattened = bool(shape.get("flattened"))
        start, end = _tags(name, shape)
        entry_start, entry_end = (start, end) if flattened else ("<entry>", "</entry>")

        def write(value: Any, out: list[str]) -> None:
            if not flattened:
                out.append(start)
            for inner_key, inner in value.items():
                out.append(entry_start)
                write_key(inner_key, out)
                write_value(inner, out)
                out.append(entry_end)
            if not flattened:
                out.append(end)

        return write


def _member_name(name: str, member: Shape) -> str:
    if member.type in ("list", "map") and member.get("flattened"):
        return _flat_name(name, member)
    return member.wire_name(name)


def _tags(name: str, shape: Shape) -> tuple[str, str]:
    namespace = shape.get("xmlNamespace")
    if not namespace:
        return f"<{name}>", f"</{name}>"
    if isinstance(namespace, str):
        namespace = {"uri": namespace}
    prefix = f":{namespace['prefix']}" if namespace.get("prefix") else ""
    return f'<{name} xmlns{prefix}="{escape(namespace["uri"])}">', f"</{name}>"


_ESCAPES = str.maketrans(
    {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        '"': "&quot;",
        "\r": "&#xD;",
        "\n": "&#xA;",
        "\x85": "&#x85;",
        "\u2028": "&#x2028;",
        # XML 1.0 cannot hold these at all; a replacement beats a document that no client can read.
        **{chr(code): "\ufffd" for code in range(32) if code not in (9, 10, 13)},
    }
)


def escape(text: str) -> str:
    return text.translate(_ESCAPES)
