// Zoom into a chart, and save it as a file: texts stay texts in SVG, PNG has twice the pixels.
(function () {
  "use strict";
  const nasbench = (window.nasbench = window.nasbench || {});
  const { el, svg } = nasbench;
  const LEAST = 8; // pixels of a drag

  /* Drag a box to look closer; plus and minus do so around the middle, Escape and a double click
     show all. drawn() returns what chart.js drew, look(view) draws another view. */
  nasbench.zoom = (box, drawn, look) => {
    let from = null;
    const frame = svg("rect", { class: "zoombox" });
    const inside = (event, area) => {
      const corner = box.getBoundingClientRect();
      const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
      return [clamp(event.clientX - corner.left, area.left, area.right), clamp(event.clientY - corner.top, area.top, area.bottom)];
    };
    // A drag along one axis leaves the other as it is.
    const range = ([ax, ay], [bx, by], area) => {
      const flat = Math.abs(by - ay) < 3 * LEAST;
      const thin = Math.abs(bx - ax) < LEAST;
      return [thin ? area.left : Math.min(ax, bx), thin ? area.right : Math.max(ax, bx),
        flat ? area.top : Math.min(ay, by), flat ? area.bottom : Math.max(ay, by)];
    };

    function zoomTo([left, right, top, bottom]) {
      const { x, y } = drawn();
      look({ x: [x.back(left), x.back(right)], y: [y.back(bottom), y.back(top)] });
    }

    box.addEventListener("pointerdown", (event) => {
      if (event.button || !drawn()) return;
      from = inside(event, drawn().area);
    });
    box.addEventListener("pointermove", (event) => {
      if (!from || !drawn()) return;
      const [left, right, top, bottom] = range(from, inside(event, drawn().area), drawn().area);
      if (!frame.isConnected) drawn().node.append(frame);
      const place = { x: left, y: top, width: right - left, height: bottom - top };
      for (const name in place) frame.setAttribute(name, place[name]);
    });
    for (const name of ["pointercancel", "pointerleave"]) {
      box.addEventListener(name, () => {
        from = null;
        frame.remove();
      });
    }
    box.addEventListener("pointerup", (event) => {
      const start = from;
      from = null;
      frame.remove();
      if (!start || !drawn()) return;
      const end = inside(event, drawn().area);
      const dragged = Math.abs(end[0] - start[0]) >= LEAST || Math.abs(end[1] - start[1]) >= 3 * LEAST;
      if (dragged) zoomTo(range(start, end, drawn().area));
    });
    box.addEventListener("dblclick", () => look(null));
    box.addEventListener("keydown", (event) => {
      if (event.key === "Escape") return look(null);
      const share = { "+": 0.2, "=": 0.2, "-": -0.3 }[event.key];
      if (share === undefined || !drawn()) return;
      event.preventDefault();
      const { left, right, top, bottom } = drawn().area;
      const [dx, dy] = [(right - left) * share, (bottom - top) * share];
      zoomTo([left + dx, right - dx, top + dy, bottom - dy]);
    });
  };

  // The chart with its title and its legend, in the colours of paper.
  function whole({ label, unit, series, plot, direct }) {
    const named = direct ? [] : series.filter((each) => each.name);
    const lines = named.length;
    const head = 26;
    const height = plot.height + head + lines * 16 + 8;
    const picture = svg("svg", { xmlns: "http://www.w3.org/2000/svg", width: plot.width, height, viewBox: `0 0 ${plot.width} ${height}`,
      "font-family": "system-ui, sans-serif", fill: "currentColor" });
    picture.style.setProperty("color", "#222");
    const inner = plot.node.cloneNode(true);
    inner.querySelector("style")?.remove();
    inner.setAttribute("y", head);
    picture.append(svg("rect", { width: "100%", height: "100%", fill: "#fff" }),
      svg("text", { x: 8, y: 17, "font-size": 13, "font-weight": 600 }, `${label}${unit ? `, ${unit}` : ""}`), inner,
      ...named.map((each, i) => svg("g", { transform: `translate(52,${plot.height + head + i * 16 + 6})` },
        svg("path", { d: each.kind === "dots" || each.kind === "whiskers" ? "M12 0h0" : "M0 0H24", stroke: each.colour, "stroke-dasharray": each.dash,
          "stroke-width": each.kind === "dots" || each.kind === "whiskers" ? 7 : 2, "stroke-linecap": each.shape === "square" ? "square" : "round" }),
        svg("text", { x: 32, y: 4, "font-size": 11.5 }, each.name))));
    return [new XMLSerializer().serializeToString(picture).replaceAll("var(--panel, #fff)", "#fff"), plot.width, height];
  }

  function give(blob, name) {
    const address = URL.createObjectURL(blob);
    const link = el("a", { href: address, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  }

  nasbench.save = async (kind, chart) => {
    const [text, width, height] = whole(chart);
    const name = `${chart.label.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-")}.${kind.toLowerCase()}`;
    if (kind === "SVG") return give(new Blob([text], { type: "image/svg+xml" }), name);
    const image = new Image();
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
    await image.decode();
    const canvas = el("canvas", { width: 2 * width, height: 2 * height });
    canvas.getContext("2d").drawImage(image, 0, 0, 2 * width, 2 * height);
    canvas.toBlob((blob) => give(blob, name), "image/png");
  };
})();
