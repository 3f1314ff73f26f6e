// A chart with axes, drawn to the width that it has.
(function () {
  "use strict";
  const nasbench = (window.nasbench = window.nasbench || {});
  const { el, svg, scale, extent } = nasbench;
  const MARGIN = { left: 52, right: 14, top: 10, bottom: 36 };

  function axes(width, height, x, y, options) {
    const bottom = height - MARGIN.bottom;
    const right = width - MARGIN.right;
    const lines = svg("g", { class: "grid" });
    const texts = svg("g", { class: "ticks" });
    for (const tick of y.ticks) {
      lines.append(svg("path", { d: `M${MARGIN.left} ${y.at(tick)}H${right}` }));
      texts.append(svg("text", { x: MARGIN.left - 7, y: y.at(tick) + 4, "text-anchor": "end" }, y.label(tick)));
    }
    for (const tick of x.ticks) {
      lines.append(svg("path", { d: `M${x.at(tick)} ${bottom}v4` }));
      texts.append(svg("text", { x: x.at(tick), y: bottom + 16, "text-anchor": "middle" }, x.label(tick)));
    }
    lines.append(svg("path", { class: "base", d: `M${MARGIN.left} ${bottom}H${right}` }));
    texts.append(svg("text", { class: "axis", x: right, y: height - 4, "text-anchor": "end" }, options.x));
    return [lines, texts];
  }

  function summary(options, series) {
    const parts = series.map((each) => {
      const last = each.y.findLastIndex(nasbench.format.isNumber);
      if (last < 0) return `${each.name}: no values`;
      const value = nasbench.format.significant(each.y[last], 4);
      return `${each.name}: ${nasbench.format.plural(each.y.length, "value")}, last ${value}`;
    });
    const some = parts.slice(0, 8).join("; ") + (parts.length > 8 ? `; and ${parts.length - 8} more` : "");
    return `${options.label}. Down: ${options.y}; across: ${options.x}. ${some}. Arrow keys read values.`;
  }

  function domains(series, options, zoomed) {
    const shown = series.filter((each) => !each.aside);
    const x = extent(shown.map((each) => each.x), options.log);
    let y = extent(shown.flatMap((each) => [each.y, each.low, each.high]));
    if (zoomed && y) {
      const all = shown.flatMap((each) => each.y).filter(nasbench.format.isNumber).sort((a, b) => a - b);
      y = [all[Math.floor(all.length / 2)], y[1]];
    }
    return [x, y];
  }

  /* options: label, x and y (axis names), log and time (x axis), whole (x counts), height, zoom
     (offers a closer look at the upper half), nearest ("x" or "point": what the pointer reads).
     Returns {node, update(series), unit(text), hide(keys), highlight(key)}. */
  nasbench.chart = (options) => {
    const state = { series: [], hidden: new Set(), zoomed: false, width: 0 };
    const box = el("div", { class: "plot", tabindex: 0, role: "group" });
    const readout = nasbench.readout(box, options);
    const zoom = options.zoom && el("button", {
      type: "button", class: "plain small", "aria-pressed": "false", onclick: () => {
        state.zoomed = !state.zoomed;
        zoom.setAttribute("aria-pressed", String(state.zoomed));
        draw();
      },
    }, "Upper half only");
    const unit = el("span", { class: "muted" }, options.y);
    const node = el("figure", { class: "chart" },
      el("figcaption", {}, el("span", {}, options.label), unit, zoom), box);

    function draw() {
      const width = state.width;
      if (!width) return;
      const height = options.height || 240;
      const series = state.series.filter((each) => !state.hidden.has(each.key));
      const [dx, dy] = domains(series, options, state.zoomed);
      const text = summary(options, series);
      box.setAttribute("aria-label", text);
      if (!dx || !dy) {
        readout.clear();
        box.replaceChildren(el("p", { class: "muted empty" }, "No values to draw yet."));
        return;
      }
      const inner = { width: width - MARGIN.left - MARGIN.right, height: height - MARGIN.top - MARGIN.bottom };
      const x = scale(dx, [MARGIN.left, width - MARGIN.right],
        { log: options.log, time: options.time, whole: options.whole, gap: 62, pad: 0.02 });
      const y = scale(dy, [height - MARGIN.bottom, MARGIN.top], { gap: 34, pad: 0.06 });
      // A nested svg cuts off what lies outside of the axes, without ids that clash.
      const area = svg("svg", { x: MARGIN.left, y: MARGIN.top, ...inner, overflow: "hidden" },
        svg("g", { transform: `translate(${-MARGIN.left} ${-MARGIN.top})` },
          series.map((each) => nasbench.mark(each, x.at, y.at))));
      const cursor = svg("g", { class: "cursor" });
      box.replaceChildren(svg("svg", { width, height, role: "img", "aria-label": text },
        axes(width, height, x, y, options), area, cursor), readout.node);
      readout.show({ series, x, y, cursor, width, height, bottom: height - MARGIN.bottom, top: MARGIN.top });
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
