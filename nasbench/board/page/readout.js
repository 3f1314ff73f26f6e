// Values under the pointer, or under a cursor that the arrow keys move.
(function () {
  "use strict";
  const nasbench = (window.nasbench = window.nasbench || {});
  const { el, svg } = nasbench;
  const { isNumber, significant, seconds } = nasbench.format;
  const MOST = 10;

  // The index whose x lies nearest, where x rises; steps look back, as a step holds until the next.
  function nearest(values, target, back) {
    let [low, high] = [0, values.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (values[middle] <= target) low = middle;
      else high = middle - 1;
    }
    if (!back && low + 1 < values.length && values[low + 1] - target < target - values[low]) low += 1;
    return low;
  }

  function atX(view, target) {
    const found = [];
    for (const series of view.series) {
      if (!series.x.length || series.mute) continue;
      const i = nearest(series.x, target, series.kind === "step");
      if (series.kind === "step" && series.x[i] > target) continue;
      if (isNumber(series.y[i])) found.push({ series, i });
    }
    return found.sort((a, b) => b.series.y[b.i] - a.series.y[a.i]);
  }

  function atPoint(view, px, py) {
    let best = null;
    for (const series of view.series.filter((each) => !each.mute)) {
      series.x.forEach((value, i) => {
        if (!isNumber(series.y[i])) return;
        const far = Math.hypot(view.x.at(value) - px, view.y.at(series.y[i]) - py);
        if (!best || far < best.far) best = { series, i, far };
      });
    }
    return best ? [best] : [];
  }

  nasbench.nearestPoint = (view, px, py) => atPoint(view, px, py)[0];

  function describe(series, i) {
    const value = significant(series.y[i], 4);
    const band = series.low && isNumber(series.low[i])
      ? ` [${significant(series.low[i], 4)}, ${significant(series.high[i], 4)}]` : "";
    return value + band;
  }

  nasbench.readout = (box, options) => {
    const node = el("div", { class: "readout", hidden: true, "aria-live": "polite" });
    let view = null;
    let place = null; // {px, py} of the pointer or {index} of the keyboard

    function paint() {
      if (!view || !place) return clear();
      const stops = (view.series.find((each) => !each.mute && each.x.length) || { x: [] }).x;
      let px = place.px;
      if (place.index !== undefined) {
        place.index = Math.min(Math.max(place.index, 0), stops.length - 1);
        px = view.x.at(stops[place.index]);
      }
      const found = options.nearest === "point" && place.index === undefined
        ? atPoint(view, px, place.py) : atX(view, view.x.back(px));
      if (!found.length) return clear();
      const lead = found[0].series;
      const at = options.nearest === "point" || lead.kind !== "step" ? lead.x[found[0].i] : view.x.back(px);
      const line = Math.round(view.x.at(at));
      view.cursor.replaceChildren(svg("path", { d: `M${line} ${view.top}V${view.bottom}` }),
        ...found.slice(0, MOST).map(({ series, i }) => svg("circle", {
          cx: series.kind === "step" ? line : view.x.at(series.x[i]), cy: view.y.at(series.y[i]), r: 3.5, fill: series.colour,
        })));
      const name = options.time ? seconds(at) : `${options.x} ${options.count ? nasbench.format.count(at) : significant(at, 5)}`;
      node.replaceChildren(el("b", {}, name), ...found.slice(0, MOST).map(({ series, i }) => el("span", {},
        nasbench.sample(series), el("bdi", { class: "name" }, series.labels?.[i] || series.name), el("output", {}, describe(series, i)))));
      if (found.length > MOST) node.append(el("i", {}, `and ${found.length - MOST} more`));
      node.hidden = false;
      // On the other side of what is read, so that it hides least.
      const high = view.y.at(lead.y[found[0].i]) < (view.top + view.bottom) / 2;
      node.style.top = high ? "auto" : "8px";
      node.style.bottom = high ? `${view.height - view.bottom + 6}px` : "auto";
      const left = line > view.width / 2;
      node.style.left = left ? "auto" : `${line + 12}px`;
      node.style.right = left ? `${view.width - line + 12}px` : "auto";
    }

    function clear() {
      node.hidden = true;
      view?.cursor.replaceChildren();
    }

    box.addEventListener("pointermove", (event) => {
      const corner = box.getBoundingClientRect();
      place = { px: event.clientX - corner.left, py: event.clientY - corner.top };
      paint();
    });
    for (const name of ["pointerleave", "blur"]) {
      box.addEventListener(name, () => {
        place = null;
        clear();
      });
    }
    box.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
      if (by === undefined) return;
      event.preventDefault();
      place = { index: (place?.index ?? (by > 0 ? -1 : Number.MAX_SAFE_INTEGER)) + by };
      paint();
    });

    return {
      node,
      clear,
      show(next) {
        view = next;
        paint();
      },
    };
  };
})();
