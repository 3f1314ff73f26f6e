// A chart: Observable Plot draws, and the pointer or the keyboard reads, zooms and saves.
(function () {
  "use strict";
  const nasbench = (window.nasbench = window.nasbench || {});
  const { el, svg } = nasbench;
  const { Plot, d3 } = window;
  const { isNumber, significant, seconds, plural } = nasbench.format;
  const MARGIN = { marginLeft: 52, marginRight: 14, marginTop: 10, marginBottom: 36 };
  const MANY = 1500; // dots that are drawn as one path, as an element for each takes a second
  const TIMES = [0.001, 0.01, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600,
    7200, 18000, 36000, 86400, 172800, 432000, 864000, 2592000, 8640000];
  const SYMBOLS = { square: d3.symbolSquare, triangle: d3.symbolTriangle, diamond: d3.symbolDiamond };

  nasbench.extent = (lists, positive) => {
    const [low, high] = d3.extent(lists.flatMap((list) => list || []).filter((value) => isNumber(value) && (!positive || value > 0)));
    return low === undefined ? null : [low, high];
  };

  // Room around values; one value, or values that differ by rounding alone, gets a scale too.
  function padded([low, high], log, share, whole) {
    if (high - low <= 1e-9 * Math.max(Math.abs(low), Math.abs(high))) {
      const room = log ? 2 : whole ? 0.5 : Math.abs(low) * 0.01 || 1;
      return log ? [low / room, high * room] : [low - room, high + room];
    }
    if (log) return [low / (high / low) ** share, high * (high / low) ** share];
    return [low - (high - low) * share, high + (high - low) * share];
  }

  // Ticks that stand at least a gap apart.
  function ticks(domain, size, options) {
    const at = (options.log ? d3.scaleLog : d3.scaleLinear)(domain, [0, size]);
    let last = -Infinity;
    return someTicks(domain, size, options).filter((tick) => {
      const fits = at(tick) - last >= options.gap * 0.7;
      if (fits) last = at(tick);
      return fits;
    });
  }

  function someTicks([low, high], size, { log, time, whole, gap }) {
    const most = Math.max(size / gap, 2);
    const inside = (list) => list.filter((tick) => tick >= low && tick <= high);
    if (log && time && inside(TIMES).length > 2) return inside(TIMES);
    const linear = d3.ticks(low, high, most).filter((tick) => !whole || Number.isInteger(tick));
    if (!log || high / low < 3) return linear.length || !whole ? linear : inside([Math.round((low + high) / 2)]);
    const found = d3.scaleLog([low, high], [0, 1]).ticks(most);
    const few = found.length > most ? inside(d3.range(-20, 21).map((power) => 10 ** power)) : found;
    return few.length > 1 ? few : linear;
  }

  // A scale outside of a chart, for small drawings in tables.
  nasbench.scale = (range, [from, to], { log = false, gap = 50, pad = 0 } = {}) => {
    const domain = padded(range, log, pad);
    return { at: (log ? d3.scaleLog : d3.scaleLinear)(domain, [from, to]), ticks: ticks(domain, Math.abs(to - from), { log, gap }), domain };
  };

  // Dots of one series; forms differ as well as colours.
  function dots(series, rows, size) {
    const shape = d3.symbol(SYMBOLS[series.shape] || d3.symbolCircle, Math.PI * (size / 2) ** 2)();
    const look = series.hollow ? { fill: "var(--panel, #fff)", stroke: series.colour, "stroke-width": 2 } : { fill: series.colour, "fill-opacity": series.opacity };
    return (_, { x, y }, __, size_) => {
      const { width, height, marginLeft: left, marginTop: top } = size_;
      const drawn = rows.length > MANY
        ? svg("path", { d: rows.map((row) => `M${x(row.x).toFixed(1)} ${y(row.y).toFixed(1)}h0`).join(""), stroke: series.colour,
          "stroke-width": size, "stroke-linecap": "round", "stroke-opacity": series.opacity })
        : rows.map((row) => svg("path", { d: shape, transform: `translate(${x(row.x).toFixed(1)},${y(row.y).toFixed(1)})`, ...look }));
      const area = { x: left - 5, y: top - 5, width: width - left - size_.marginRight + 10, height: height - top - size_.marginBottom + 10 };
      return svg("g", { class: "series", "data-key": series.key },
        svg("svg", { ...area, overflow: "hidden" }, svg("g", { transform: `translate(${-area.x} ${-area.y})` }, drawn)));
    };
  }

  /* The marks of a series {key, name, x, y, low?, high?, colour, dash, kind: line|step|dots|whiskers,
     shape?, hollow?, size?, opacity?, mute?, width?, labels?}. A line bridges gaps, a step ends. */
  function marks(series) {
    const rows = series.x.map((x, i) => ({ x, y: series.y[i], low: series.low?.[i], high: series.high?.[i] })).filter((row) => isNumber(row.x));
    const known = rows.filter((row) => isNumber(row.y));
    if (!known.length) return [];
    const curve = series.kind === "step" ? "step-after" : "linear";
    const render = (...given) => {
      const drawn = given.pop()(...given);
      drawn?.setAttribute("data-key", series.key);
      drawn?.classList.add("series");
      return drawn;
    };
    const shared = { x: "x", clip: true, render };
    if (series.kind === "dots") return [dots(series, known, series.size || 5)];
    if (series.kind === "whiskers") {
      return [series.low && Plot.ruleX(rows.filter((row) => isNumber(row.low)), { ...shared, y1: "low", y2: "high", stroke: series.colour, strokeWidth: 1.5 }),
        dots(series, known, series.size || 9)];
    }
    return [
      series.low && Plot.areaY(rows, { ...shared, y1: "low", y2: "high", curve, fill: series.colour, fillOpacity: 0.13 }),
      Plot.line(series.kind === "step" ? rows : known, { ...shared, y: "y", curve, stroke: series.colour, strokeWidth: series.width || 1.8,
        strokeDasharray: series.dash || null, strokeLinecap: "round", strokeLinejoin: "round" }),
      (series.shape || known.length === 1) && dots(series, known.slice(-1), 7), // a line of one value is none
    ];
  }

  // Names beside their points or the ends of their lines, where there is room.
  function labels(node, list, x, y, box) {
    const taken = [];
    const group = svg("g", { class: "direct", "font-size": 11.5, fill: "currentColor", "text-anchor": "start" });
    node.append(group);
    const wanted = list.flatMap((series) => {
      const last = series.y.findLastIndex(isNumber);
      return last < 0 || series.mute || series.unlabelled ? [] : series.labels ? series.labels.map((text, i) => [text, series, i]) : [[series.name, series, last]];
    }).filter(([text, series, i]) => text && isNumber(series.y[i])).sort((a, b) => b[1].y[b[2]] - a[1].y[a[2]]);
    const points = list.filter((series) => series.kind !== "line" && series.kind !== "step").flatMap((series) =>
      series.x.map((value, i) => [x(value), y(series.y[i])]));
    for (const [name, series, i] of wanted) {
      const [px, py] = [x(series.x[i]), y(series.y[i])];
      if (px < box.left - 1 || px > box.right + 1 || py < box.top - 1 || py > box.bottom + 1) continue;
      const text = svg("text", { "paint-order": "stroke", stroke: "var(--panel, #fff)", "stroke-width": 3 }, name.length > 28 ? `${name.slice(0, 27)}…` : name);
      group.append(text);
      const width = text.getComputedTextLength?.() || name.length * 6;
      const beside = series.kind === "step" || series.kind === "line" ? [[9, 4], [-2 - width, -8], [-2 - width, 17]] : [[9, 4], [-9 - width, 4]];
      const spots = [...beside, [-width / 2, -9], [-width / 2, 18], [9, -9], [9, 16], [-9 - width, -9], [-9 - width, 16], [9, -22], [9, 29]];
      const fits = spots.map(([dx, dy]) => ({ l: px + dx, r: px + dx + width, t: py + dy - 10, b: py + dy + 3 })).find((at) =>
        at.l >= box.left && at.r <= box.right + MARGIN.marginRight && at.t >= 0 && at.b <= box.bottom &&
        taken.every((other) => at.r < other.l || at.l > other.r || at.b < other.t || at.t > other.b) &&
        points.every(([qx, qy]) => Math.hypot(qx - px, qy - py) < 2 || qx < at.l - 4 || qx > at.r + 4 || qy < at.t - 3 || qy > at.b + 3));
      if (!fits) {
        text.remove();
        continue;
      }
      taken.push(fits);
      text.setAttribute("x", fits.l);
      text.setAttribute("y", fits.b - 3);
    }
  }

  function summary(options, list) {
    const parts = list.map((each) => {
      const last = each.y.findLastIndex(isNumber);
      return last < 0 ? `${each.name}: no values` : `${each.name}: ${plural(each.y.length, "value")}, last ${significant(each.y[last], 4)}`;
    });
    const some = parts.slice(0, 8).join("; ") + (parts.length > 8 ? `; and ${parts.length - 8} more` : "");
    return `${options.label}. Down: ${options.y}; across: ${options.x}. ${some}. Arrow keys read values, plus and minus zoom, Escape shows all.`;
  }

  /* options: label, x and y (axis names), log, time, count, whole (x axis), height, nearest ("x" or
     "point": what the pointer reads), direct (names in the chart), pick(series, i) on a click at a
     point. An axis whose values are integers has no ticks between them.
     Returns {node, update(series), unit(text), axis({x, log}), hide(keys), highlight(key)}. */
  nasbench.chart = (options) => {
    const state = { series: [], hidden: new Set(), view: null, width: 0, drawn: null };
    const box = el("div", { class: "plot", tabindex: 0, role: "group" });
    const readout = nasbench.readout(box, options);
    const reset = el("button", { type: "button", class: "plain small", hidden: true, onclick: () => look(null) }, "Show all");
    const unit = el("span", { class: "muted" }, options.y);
    const save = ["SVG", "PNG"].map((kind) => el("button", {
      type: "button", class: "plain small", title: `Save this chart as ${kind}`, "aria-label": `Save ${options.label} as ${kind}`,
      onclick: () => state.drawn && nasbench.save(kind, { ...options, unit: unit.textContent, series: shown(), plot: plot(640, options.height || 240, true) }),
    }, kind));
    const node = el("figure", { class: "chart" },
      el("figcaption", {}, el("span", {}, options.label), unit, el("span", { class: "tools" }, reset, save)), box);
    nasbench.zoom(box, () => state.drawn, look);
    if (options.pick) {
      box.classList.add("pickable");
      box.addEventListener("click", (event) => {
        const corner = box.getBoundingClientRect();
        const found = state.drawn && nasbench.nearestPoint(state.drawn, event.clientX - corner.left, event.clientY - corner.top);
        if (found && found.far < 16) options.pick(found.series, found.i);
      });
    }

    const shown = () => state.series.filter((each) => !state.hidden.has(each.key));

    function look(view) {
      state.view = view;
      reset.hidden = !view;
      draw();
    }

    function plot(width, height, still) {
      const list = shown();
      const leading = list.filter((each) => !each.aside);
      const x = nasbench.extent(leading.map((each) => each.x), options.log);
      const y = nasbench.extent(leading.flatMap((each) => [each.y, each.low, each.high]));
      if (!x || !y) return null;
      const integers = (name) => leading.every((each) => each[name].every((value) => !isNumber(value) || Number.isInteger(value)));
      const [wholeX, wholeY] = [options.whole || (!options.log && integers("x")), integers("y")];
      const view = state.view || { x: padded(x, options.log, 0.02, wholeX), y: padded(y, false, 0.06, wholeY) };
      const [wide, high] = [width - MARGIN.marginLeft - MARGIN.marginRight, height - MARGIN.marginTop - MARGIN.marginBottom];
      const time = (tick) => (tick < 10 ? `${significant(tick, 2)} s` : seconds(tick));
      const label = options.time ? time : options.count ? nasbench.format.count : (tick) => significant(tick, options.log ? 2 : 4);
      const drawn = Plot.plot({
        ...MARGIN, width, height, className: "nb", style: { fontSize: "11.5px", overflow: "visible", fontFamily: "inherit" },
        x: { type: options.log ? "log" : "linear", domain: view.x }, y: { domain: view.y },
        marks: [
          Plot.gridY(ticks(view.y, high, { whole: wholeY, gap: 34 }), { stroke: "currentColor", strokeOpacity: 0.12 }),
          Plot.axisY(ticks(view.y, high, { whole: wholeY, gap: 34 }), { label: null, tickSize: 0, text: (tick) => significant(tick, 4), fillOpacity: 0.75 }),
          Plot.axisX(ticks(view.x, wide, { ...options, whole: wholeX, gap: options.count ? 90 : 62 }), { label: options.x, labelAnchor: "right", labelArrow: "none", tickSize: 4, text: label, fillOpacity: 0.75 }),
          Plot.frame({ anchor: "bottom", stroke: "currentColor", strokeOpacity: 0.4 }),
          ...list.flatMap(marks).filter(Boolean),
        ],
      });
      const [sx, sy] = [drawn.scale("x"), drawn.scale("y")];
      const area = { left: MARGIN.marginLeft, right: width - MARGIN.marginRight, top: MARGIN.marginTop, bottom: height - MARGIN.marginBottom };
      if (still && options.direct) {
        drawn.classList.add("measured");
        box.append(drawn); // texts have a width only in the page
        labels(drawn, list, sx.apply, sy.apply, area);
        drawn.remove();
      }
      return { node: drawn, series: list, view, area, width, height, bottom: area.bottom, top: area.top,
        x: { at: sx.apply, back: sx.invert }, y: { at: sy.apply, back: sy.invert } };
    }

    function draw() {
      if (!state.width) return;
      const text = summary(options, shown());
      box.setAttribute("aria-label", text);
      const found = state.drawn = plot(state.width, options.height || 240, false);
      for (const button of save) button.hidden = !found;
      if (!found) {
        readout.clear();
        box.replaceChildren(el("p", { class: "muted empty" }, "No values to draw yet."));
        return;
      }
      found.node.setAttribute("role", "img");
      found.node.setAttribute("aria-label", text);
      found.cursor = svg("g", { class: "cursor" });
      box.replaceChildren(found.node, readout.node);
      if (options.direct) labels(found.node, found.series, found.x.at, found.y.at, found.area);
      found.node.append(found.cursor);
      readout.show(found);
    }

    new ResizeObserver(() => {
      const width = Math.floor(box.clientWidth);
      if (width === state.width) return;
      state.width = width;
      draw();
    }).observe(box);

    return {
      node,
      update(series) {
        state.series = series;
        draw();
      },
      unit(text) {
        options.y = text;
        unit.textContent = text;
      },
      axis(changes) {
        Object.assign(options, changes);
        look(null);
      },
      hide(keys) {
        state.hidden = keys;
        draw();
      },
      highlight(key) {
        for (const group of box.querySelectorAll(".series")) {
          group.classList.toggle("dim", key !== null && group.dataset.key !== key);
        }
      },
    };
  };
})();
