// Accuracy against parameters, multiply-adds or latency: what nothing else beats in both.
(function () {
  "use strict";
  const nasbench = (window.nasbench = window.nasbench || {});
  const { el } = nasbench;
  const { isNumber, significant, count, plural } = nasbench.format;
  const COSTS = [["params", "parameters"], ["macs", "MACs"], ["latency_ms", "latency, ms"]];
  const SHAPES = { hpo: "square", joint: "triangle", plain: "diamond" };

  // The points that no other one beats: ascending in cost, each better than all before.
  nasbench.front = (points, larger) => {
    let best = null;
    return [...points].sort((a, b) => a.x - b.x || (larger ? b.y - a.y : a.y - b.y)).filter((point) => {
      const better = best === null || (larger ? point.y > best : point.y < best);
      if (better) best = point.y;
      return better;
    });
  };

  function series(points, front, kinds) {
    const on = new Set(front);
    const made = kinds.flatMap((kind) => [[true, "on the front"], [false, "beaten"]].map(([best, words]) => {
      const own = points.filter((point) => point.kind === kind && on.has(point) === best);
      return { key: `${kind}/${words}`, name: kinds.length > 1 ? `${kind}, ${words}` : words, kind: "dots", shape: SHAPES[kind], hollow: !best,
        size: best ? 10 : 8, ...nasbench.colour.family(kind, 0), x: own.map((point) => point.x), y: own.map((point) => point.y),
        labels: own.map((point) => point.name), points: own, unlabelled: !best && points.length > 12 };
    })).filter((each) => each.x.length);
    const line = { key: "front", name: "front", kind: "step", mute: true, colour: "#7d8590", dash: "4 3", width: 1.4,
      x: front.map((point) => point.x), y: front.map((point) => point.y) };
    return front.length > 1 ? [line, ...made] : made;
  }

  /* what: the word for a point. update(points, metric): points [{name, kind, y, costs, href or open}];
     the scores are in the unit that is shown. */
  nasbench.pareto = (what) => {
    const state = { cost: null, points: [], metric: null };
    const chart = nasbench.chart({ label: "Pareto front", y: "", x: "", log: true, count: true, height: 320, nearest: "point", direct: true, pick: (one, i) => go(one.points?.[i]) });
    const buttons = COSTS.map(([name, words]) => el("button", { type: "button", onclick: () => {
      state.cost = name;
      draw();
    } }, words));
    const list = el("p", { class: "front" });
    const legend = nasbench.legend([chart]);
    const node = el("div", { class: "chartbox" }, el("div", { class: "tools" }, el("span", { class: "segments", role: "group", "aria-label": "Cost" }, buttons),
      el("span", { class: "muted small" }, `Click a point to see its ${what}.`)), chart.node, legend.node, list);

    function go(point) {
      if (point?.open) point.open();
      else if (point) location.hash = point.href;
    }

    function draw() {
      const known = COSTS.map(([name]) => name).filter((name) => state.points.some((point) => point.costs[name] > 0));
      if (!known.includes(state.cost)) state.cost = known[0] || null;
      node.hidden = !state.cost;
      if (!state.cost) return false;
      COSTS.forEach(([name], i) => {
        buttons[i].setAttribute("aria-pressed", String(name === state.cost));
        buttons[i].hidden = !known.includes(name);
      });
      const points = state.points.filter((point) => isNumber(point.y) && point.costs[state.cost] > 0).map((point) => ({ ...point, x: point.costs[state.cost] }));
      const { metric } = state;
      const front = nasbench.front(points, metric.larger);
      chart.unit(`${metric.heading} against ${COSTS.find(([name]) => name === state.cost)[1]}${metric.larger ? "" : ", less is better"}`);
      const drawn = JSON.stringify([state.cost, points.map(({ x, y, name }) => [x, y, name])]);
      if (drawn !== state.drawn) {
        chart.axis({ x: COSTS.find(([name]) => name === state.cost)[1] });
        const shown = series(points, front, [...new Set(points.map((point) => point.kind))]);
        chart.update(shown);
        legend.update([{ series: shown.filter((each) => !each.mute) }]);
        state.drawn = drawn;
        const text = (point) => `${significant(point.y, 4)}${metric.share ? " %" : ""}, ${count(point.x)}`;
        list.replaceChildren(`On the front: ${plural(front.length, what)}. `, ...front.slice(0, 12).flatMap((point, i) => [i ? "; " : "", point.href
          ? el("a", { href: point.href }, point.name) : el("button", { type: "button", class: "plain small", onclick: () => go(point) }, point.name), ` (${text(point)})`]),
        front.length > 12 ? `; and ${front.length - 12} more` : "");
      }
      return true;
    }

    return {
      node,
      update(points, metric) {
        Object.assign(state, { points, metric });
        return draw();
      },
    };
  };
})();
