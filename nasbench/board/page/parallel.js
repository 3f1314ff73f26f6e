// Parallel coordinates: an axis per parameter, ten paths for all trials together.
(function () {
  "use strict";
  const nasbench = (window.nasbench = window.nasbench || {});
  const { el, svg } = nasbench;
  const { isNumber, significant } = nasbench.format;
  const SHARES = [0, 0.2, 0.4, 0.6, 0.75, 0.85, 0.92, 0.96, 0.98, 0.99];
  const BUCKETS = SHARES.length;
  const [TOP, BOTTOM, SIDE, APART] = [34, 22, 56, 104];
  const HEIGHT = 300;

  // Where each trial crosses an axis; null where it has no value there.
  function axis(column) {
    const { values } = column;
    if (column.kind === "number") {
      const log = column.log && values.every((value) => !isNumber(value) || value > 0);
      const range = nasbench.extent([values]) || [0, 1];
      const scale = nasbench.scale(range, [HEIGHT - BOTTOM, TOP], { log, gap: 40 });
      return { name: column.name, log, ys: values.map((value) => (isNumber(value) ? scale.at(value) : null)),
        ticks: scale.ticks.map((tick) => [scale.at(tick), significant(tick)]) };
    }
    const known = [...new Set(values.filter((value) => value !== null).map(String))];
    known.sort(new Intl.Collator("en", { numeric: true }).compare);
    const space = (HEIGHT - BOTTOM - TOP) / Math.max(known.length, 1);
    const at = new Map(known.map((value, i) => [value, HEIGHT - BOTTOM - (i + 0.5) * space]));
    const every = Math.ceil(13 / space);
    return { name: column.name, ys: values.map((value) => at.get(String(value)) ?? null),
      ticks: known.filter((_, i) => i % every === 0).map((value) => [at.get(value), value]) };
  }

  function trialPath(axes, xs, i) {
    let path = "";
    let pen = false;
    axes.forEach(({ ys }, a) => {
      if (ys[i] !== null) path += `${pen ? "L" : "M"}${xs[a]} ${ys[i].toFixed(1)}`;
      pen = ys[i] !== null;
    });
    return path;
  }

  // By rank, finer towards the best: among 10,000 trials the best hundred are what one looks for.
  function buckets(scores) {
    const sorted = scores.filter(isNumber).sort((a, b) => a - b);
    const floors = SHARES.map((share) => sorted[Math.floor(sorted.length * share)]);
    const groups = Array.from({ length: BUCKETS }, () => []);
    scores.forEach((score, i) => {
      if (!isNumber(score)) return;
      groups[floors.findLastIndex((floor) => score >= floor)].push(i);
    });
    return { groups, sorted };
  }

  function drawAxis({ name, log, ticks }, x) {
    const short = (text) => (text.length > 14 ? `${text.slice(0, 13)}…` : text);
    return svg("g", { class: "ticks" },
      svg("path", { class: "axisline", d: `M${x} ${TOP}V${HEIGHT - BOTTOM}` }),
      svg("text", { x, y: TOP - 18, "text-anchor": "middle", class: "axisname" }, svg("title", {}, name), short(name)),
      log && svg("text", { x, y: TOP - 7, "text-anchor": "middle" }, "log"),
      ticks.map(([y, text]) => svg("text", { x: x + 5, y: y + 4, class: "halo" }, svg("title", {}, text), short(text))));
  }

  /* picked(index) is called when a reader clicks near a line. update(trials, selected) draws. */
  nasbench.parallel = (picked) => {
    const state = { trials: null, selected: null, share: 100, axes: [], xs: [], shown: [] };
    const best = el("input", { type: "range", min: 1, max: 100, value: 100, "aria-label": "Best trials shown, percent",
      oninput: () => {
        state.share = Number(best.value);
        draw();
      } });
    const told = el("output");
    const legend = el("span", { class: "rampkey" });
    const box = el("div", { class: "scroll parallel", tabindex: 0, role: "region", "aria-label": "Parallel coordinates" });
    const over = svg("g", { class: "over" });
    const node = el("div", {}, el("div", { class: "tools" },
      el("label", {}, "Best trials only ", best), told, legend), box);

    function outline(i, className) {
      const path = i === null || i < 0 ? "" : trialPath(state.axes, state.xs, i);
      return path && svg("path", { class: className, d: path });
    }

    function mark(hovered) {
      over.replaceChildren(...[outline(state.selected, "selected"), outline(hovered, "hovered")].filter(Boolean));
    }

    function near(event) {
      const corner = box.firstChild.getBoundingClientRect();
      const [px, py] = [event.clientX - corner.left, event.clientY - corner.top];
      const a = Math.min(Math.max(state.xs.findIndex((x) => x > px) - 1, 0), Math.max(state.xs.length - 2, 0));
      const [left, right] = [state.axes[a], state.axes[a + 1]];
      if (!right) return null;
      const share = Math.min(Math.max((px - state.xs[a]) / (state.xs[a + 1] - state.xs[a]), 0), 1);
      let found = null;
      let least = 14;
      for (const i of state.shown) {
        if (left.ys[i] === null || right.ys[i] === null) continue;
        const far = Math.abs(left.ys[i] + (right.ys[i] - left.ys[i]) * share - py);
        if (far <= least) [found, least] = [i, far];
      }
      return found;
    }

    box.addEventListener("pointermove", (event) => state.axes.length && mark(near(event)));
    box.addEventListener("pointerleave", () => mark(null));
    box.addEventListener("click", (event) => {
      const found = state.axes.length ? near(event) : null;
      if (found !== null) picked(found);
    });

    function draw() {
      const { trials } = state;
      const sign = trials.larger === false ? -1 : 1; // the scores times it: more is better
      const signed = trials.score.map((each) => (isNumber(each) ? sign * each : null));
      const { groups, sorted } = buckets(signed);
      if (!sorted.length) {
        state.axes = [];
        box.replaceChildren(el("p", { class: "muted empty" }, "No finished trial yet."));
        return;
      }
      const count = Math.max(1, Math.ceil((sorted.length * state.share) / 100));
      const least = sorted[sorted.length - count];
      const percent = nasbench.trialsInPercent(trials);
      const value = percent ? nasbench.format.percent : (each) => significant(each, 4);
      told.textContent = state.share === 100 ? "all" : `${count} of ${sorted.length}, ${value(sign * least)} and ${sign < 0 ? "less" : "more"}`;
      const score = { name: percent ? "score, %" : "score", kind: "number", log: false,
        values: percent ? trials.score.map((each) => (isNumber(each) ? each * 100 : null)) : trials.score };
      state.axes = [...trials.columns, score].map(axis);
      const width = Math.max(box.clientWidth || 800, state.axes.length * APART + SIDE);
      const apart = (width - 2 * SIDE) / Math.max(state.axes.length - 1, 1);
      state.xs = state.axes.map((_, a) => Math.round(SIDE + a * apart));
      state.shown = [];
      // The best lie on top.
      const paths = groups.map((members, b) => {
        const kept = members.filter((i) => signed[i] >= least);
        state.shown.push(...kept);
        return svg("path", { d: kept.map((i) => trialPath(state.axes, state.xs, i)).join(""), fill: "none",
          stroke: nasbench.colour.css(0.22 + (0.78 * b) / (BUCKETS - 1)), "stroke-opacity": Math.min(0.9, 9 / Math.sqrt(kept.length || 1)) });
      });
      legend.replaceChildren(`by rank: worst ${value(sign * sorted[0])}`, el("span", { "aria-hidden": "true" }, groups.map((_, b) => el("span",
        { style: { background: nasbench.colour.css(0.22 + (0.78 * b) / (BUCKETS - 1)) } }))), `best ${value(sign * sorted[sorted.length - 1])}`);
      box.replaceChildren(svg("svg", { width, height: HEIGHT, role: "img",
        "aria-label": `Parallel coordinates of ${count} trials over ${trials.columns.length} parameters and the score; ` +
          "the table below holds the same values." },
      paths, over, state.axes.map((each, a) => drawAxis(each, state.xs[a]))));
      mark(null);
    }

    let width = 0;
    new ResizeObserver(() => {
      if (!state.trials || box.clientWidth === width) return;
      width = box.clientWidth;
      draw();
    }).observe(box);

    return {
      node,
      update(trials, selected) {
        state.selected = selected;
        if (trials === state.trials && box.firstChild && nasbench.isDark() === state.dark) return mark(null);
        state.trials = trials;
        state.dark = nasbench.isDark();
        if (box.clientWidth) draw();
      },
    };
  };
})();
