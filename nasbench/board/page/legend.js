// Names of a chart's series; each can be switched off.
(function () {
  "use strict";
  const nasbench = (window.nasbench = window.nasbench || {});
  const { el, svg } = nasbench;

  nasbench.sample = (series) => {
    const dots = series.kind === "dots" || series.kind === "whiskers";
    const square = series.shape === "square";
    const form = series.shape === "diamond" ? "M12 1L16 5L12 9L8 5Z" : series.shape === "triangle" ? "M12 1L16 9H8Z" : square ? "M9 2H15V8H9Z" : "M8.5 5a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0Z";
    return svg("svg", { class: "sample", width: 24, height: 10, "aria-hidden": "true" },
      !dots && svg("path", { d: "M1 5H23", stroke: series.colour, "stroke-width": 2, "stroke-dasharray": series.dash }),
      (dots || series.shape) && svg("path", { d: form, stroke: series.colour, "stroke-width": 1.6, fill: series.hollow ? "none" : series.colour }));
  };

  // charts: one or more that show the same series. Returns {node, update(groups)}.
  nasbench.legend = (charts) => {
    const node = el("div", { class: "legend" });
    const hidden = new Set();
    const highlight = (key) => charts.forEach((chart) => chart.highlight(key));

    function entry(series) {
      const button = el("button", {
        type: "button", "aria-pressed": String(!hidden.has(series.key)), title: `${series.name}: show or hide`,
        onclick: () => {
          if (!hidden.delete(series.key)) hidden.add(series.key);
          button.setAttribute("aria-pressed", String(!hidden.has(series.key)));
          charts.forEach((chart) => chart.hide(hidden));
        },
        onpointerenter: () => highlight(series.key),
        onpointerleave: () => highlight(null),
      }, nasbench.sample(series), el("bdi", { class: "name" }, series.name));
      return button;
    }

    return {
      node,
      // groups: [{name, series}]; one group without a name for a plain legend.
      update(groups) {
        const signature = groups.map((group) => [group.name,
          group.series.map(({ key, name, colour, dash }) => [key, name, colour, dash])]);
        nasbench.replace(node, signature, () => groups.filter((group) => group.series.length).map((group) =>
          el("div", { class: "group" }, group.name && el("b", {}, group.name), group.series.map(entry))));
      },
    };
  };
})();
