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

  // The word for the place of a run among several: A, B, … and numbers after Z.
  nasbench.letter = (r) => (r < 26 ? String.fromCharCode(65 + r) : String(r + 1));
  nasbench.runLook = (r) => nasbench.colour.series(r);

  // runs: [{name, curves}]; several runs differ by colour, then by dash, and share a legend.
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
      const many = runs.length > 1;
      const series = members.map(({ curve, r }) => {
        const index = names.indexOf(curve.name);
        const y = percent ? scaled(curve.y) : curve.y;
        if (!many) return { key: curve.name, name: curve.name, kind: "line", ...nasbench.colour.series(index), x: curve.x, y };
        // Of several curves of a run, the first is strong.
        return { key: String(r), name: `${nasbench.letter(r)}: ${curve.name}`, kind: "line", ...nasbench.runLook(r), x: curve.x, y,
          width: index ? 1 : 2, ...(index ? { dash: "2 3" } : {}) };
      });
      const words = many && names.length > 1 ? `${names[0]} strong, ${names.slice(1, 4).join(", ")} dotted` : "";
      return { key, series, unit: percent ? "%" : "", words };
    });
  }

  // shared(charts): called with the charts of several runs, which have one legend together.
  nasbench.curves = (shared) => {
    const node = el("div", { class: "charts" });
    const shown = new Map();
    return {
      node,
      update(runs) {
        const wanted = charts(runs);
        const signature = wanted.map((each) => [each.key, each.unit, each.words]);
        if (JSON.stringify(signature) !== JSON.stringify([...shown].map(([key, { unit, words }]) => [key, unit, words]))) {
          shown.clear();
          for (const { key, unit, words } of wanted) {
            const chart = nasbench.chart({ label: key.replaceAll("_", " "), y: [unit, words].filter(Boolean).join("; "), x: "epoch", whole: true, height: 230 });
            shown.set(key, { unit, words, chart, legend: nasbench.legend([chart]) });
          }
          node.replaceChildren(...[...shown.values()].map(({ chart, legend }) =>
            el("div", { class: "chartbox" }, chart.node, shared ? null : legend.node)));
          shared?.([...shown.values()].map((each) => each.chart));
        }
        for (const { key, series } of wanted) {
          const { chart, legend } = shown.get(key);
          chart.update(series);
          if (!shared) legend.update([{ series }]);
        }
        return wanted.length > 0;
      },
    };
  };
})();
