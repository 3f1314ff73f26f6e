"""Scenes as PDF: one page of the scene's size, text as text, fonts embedded."""

from __future__ import annotations

import zlib

from nasbench.report.canvas.scene import (
    FONTS,
    Circle,
    Line,
    Mark,
    Rect,
    Scene,
    Text,
    head,
    shaft,
    text_width,
)
from nasbench.report.canvas.styles import colour

_ROUND = 0.5523  # of a quarter circle as a cubic Bézier curve


def pdf(scene: Scene, style: str) -> bytes:
    """Return a scene as PDF; characters outside of Windows-1252 become question marks."""
    content = "\n".join(_mark(mark, scene.height, style) for mark in scene.marks)
    packed = zlib.compress(content.encode("latin-1"))
    box = f"[0 0 {_n(scene.width)} {_n(scene.height)}]"
    fonts = "<< /F0 5 0 R /F1 8 0 R >>"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox {box} /Contents 4 0 R "
        f"/Resources << /Font {fonts} >> >>".encode(),
        _stream(packed),
        *_font(False, 5),
        *_font(True, 8),
    ]
    return _file(objects)


def _file(objects: list[bytes]) -> bytes:
    """Return the objects as a file with its table of places."""
    out, places = bytearray(b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n"), []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\n" % (len(objects) + 1)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


def _stream(packed: bytes, more: str = "") -> bytes:
    facts = f"<< /Length {len(packed)} /Filter /FlateDecode{more} >>"
    return facts.encode() + b"\nstream\n" + packed + b"\nendstream"


def _font(bold: bool, first: int) -> list[bytes]:
    """Return a font's three objects, the first of which has the number ``first``."""
    raw = FONTS[bold].read_bytes()
    name = f"NBDRAW+Arimo{'-Bold' if bold else ''}"
    signs = (bytes((code,)).decode("cp1252", "replace") for code in range(32, 256))
    widths = " ".join(str(round(text_width(sign, 1000, bold))) for sign in signs)
    return [
        f"<< /Type /Font /Subtype /TrueType /BaseFont /{name} /FirstChar 32 /LastChar 255 "
        f"/Widths [{widths}] /Encoding /WinAnsiEncoding "
        f"/FontDescriptor {first + 1} 0 R >>".encode(),
        f"<< /Type /FontDescriptor /FontName /{name} /Flags 32 /FontBBox [-544 -303 1302 980] "
        f"/ItalicAngle 0 /Ascent 905 /Descent -212 /CapHeight 716 /StemV {140 if bold else 80} "
        f"/FontFile2 {first + 2} 0 R >>".encode(),
        _stream(zlib.compress(raw), f" /Length1 {len(raw)}"),
    ]


def _mark(mark: Mark, height: float, style: str) -> str:
    if isinstance(mark, Text):
        raw = mark.text.encode("cp1252", "replace").decode("latin-1")
        safe = raw.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
        return (
            f"{_rgb(mark.fill, style)} rg BT /F{int(mark.bold)} {_n(mark.size)} Tf "
            f"{_n(mark.left)} {_n(height - mark.y)} Td ({safe}) Tj ET"
        )
    if isinstance(mark, Line):
        drawn = _stroke(mark.edge, mark.line, mark.dashed, style)
        drawn += f" {_curve(shaft(mark), mark.curved, height)} S"
        if mark.arrow:
            corners = _curve(head(mark), False, height)
            drawn += f" {_rgb(mark.edge, style)} rg {corners} f"
        return drawn
    dashed = isinstance(mark, Rect) and mark.dashed
    look, close = _stroke(mark.edge, mark.line, dashed, style), "S"
    if mark.fill != "none":
        look, close = f"{look} {_rgb(mark.fill, style)} rg", "B"
    if mark.edge == "none":
        close = "f"
    return f"{look} {_outline(mark, height)} {close}"


def _outline(mark: Rect | Circle, height: float) -> str:
    """Return the path of a rectangle with round corners; a circle is one of them."""
    if isinstance(mark, Circle):
        r = mark.radius
        mark = Rect(mark.x - r, mark.y - r, 2 * r, 2 * r, mark.fill, mark.edge, radius=r)
    r = min(mark.radius, mark.width / 2, mark.height / 2)
    x, y, right, bottom = mark.x, mark.y, mark.x + mark.width, mark.y + mark.height
    k = r * (1 - _ROUND)
    corners = (
        ((right - r, y), (right - k, y), (right, y + k), (right, y + r)),
        ((right, bottom - r), (right, bottom - k), (right - k, bottom), (right - r, bottom)),
        ((x + r, bottom), (x + k, bottom), (x, bottom - k), (x, bottom - r)),
        ((x, y + r), (x, y + k), (x + k, y), (x + r, y)),
    )
    path = f"{_n(x + r)} {_n(height - y)} m"
    for start, *bend in corners:
        path += f" {_n(start[0])} {_n(height - start[1])} l "
        path += " ".join(f"{_n(a)} {_n(height - b)}" for a, b in bend) + " c"
    return path + " h"


def _curve(points: tuple[tuple[float, float], ...], curved: bool, height: float) -> str:
    texts = [f"{_n(x)} {_n(height - y)}" for x, y in points]
    if not curved:
        return f"{texts[0]} m " + " ".join(f"{text} l" for text in texts[1:])
    triples = [texts[at : at + 3] for at in range(1, len(texts), 3)]
    return f"{texts[0]} m " + " ".join(f"{' '.join(triple)} c" for triple in triples)


def _stroke(edge: str, line: float, dashed: bool, style: str) -> str:
    if edge == "none":
        return ""
    dashes = "[2 1.5] 0 d" if dashed else "[] 0 d"
    return f"{_rgb(edge, style)} RG {_n(line)} w {dashes}"


def _rgb(name: str, style: str) -> str:
    text = colour(name, style)
    return " ".join(_n(int(text[at : at + 2], 16) / 255) for at in (1, 3, 5))


def _n(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".") or "0"
