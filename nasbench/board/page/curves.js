// A run's curves, grouped into charts; of one run or of two laid over each other.
(function () {
  "use strict";
  const nasbench = (window.nasbench = window.nasbench || {});
  const { el } = nasbench;

  // The metric of a curve: training and validation lie in one chart.
  function group(name) {
    const metric = name.split(",")[0].replace(/^(supernet_|derived_)?(val_|train_|test_)?/, "");
    return metric.includes("loss") ? "loss" : metric;
  }

  const isShare = (runs, { curve, r }) => (runs[r].shares || []).includes(curve.name.split(",")[0]);

  const scaled = (values) => values.map((value) => (nasbench.format.isNumber(value) ? value * 100 : null));

  // runs: [{name, curves}]; two runs differ by colour, their curves by dash.
  function charts(runs) {
    const found = new Map();
    runs.forEach((run, r) => {
      for (const curve of run.curves || []) {
        const key = group(curve.name);
        if (!found.has(key)) found.set(key, []);
        found.get(key).push({ curve, r });
      }
    });
    const order = (key) => ["accuracy", "loss"].indexOf(key) >>> 0;
    return [...found].sort((a, b) => order(a[0]) - order(b[0])).map(([key, members]) => {
      const percent = members.every((member) => isShare(runs, member)) && nasbench.format.arePercent(members.flatMap(({ curve }) => curve.y));
      const names = [...new Set(members.map(({ curve }) => curve.name))];
      const series = members.map(({ curve, r }) => {
        const index = names.indexOf(curve.name);
        const colour = nasbench.colour.series(runs.length > 1 ? r : index).colour;
        const dash = nasbench.colour.series(index * 6).dash;
        const name = runs.length > 1 ? `${"AB"[r]}: ${curve.name}` : curve.name;
        return { key: `${r}/${curve.name}`, name, kind: "line", colour, dash, x: curve.x, y: percent ? scaled(curve.y) : curve.y };
      });
      return { key, series, unit: percent ? "%" : "" };
    });
  }

  nasbench.curves = () => {
    const node = el("div", { class: "charts" });
    const shown = new Map();
    return {
      node,
      update(runs) {
        const wanted = charts(runs);
        const signature = wanted.map((each) => [each.key, each.unit]);
        if (JSON.stringify(signature) !== JSON.stringify([...shown].map(([key, { unit }]) => [key, unit]))) {
          shown.clear();
          for (const { key, unit } of wanted) {
            const chart = nasbench.chart({ label: key.replaceAll("_", " "), y: unit, x: "epoch", whole: true, height: 230 });
            shown.set(key, { unit, chart, legend: nasbench.legend([chart]) });
          }
          node.replaceChildren(...[...shown.values()].map(({ chart, legend }) =>
            el("div", { class: "chartbox" }, chart.node, legend.node)));
        }
        for (const { key, series } of wanted) {
          const { chart, legend } = shown.get(key);
          chart.update(series);
          legend.update([{ series }]);
        }
        return wanted.length > 0;
      },
    };
  };
})();
