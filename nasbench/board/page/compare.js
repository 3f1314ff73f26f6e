// Any number of runs side by side: what differs in their configuration, curves, networks.
(function () {
  "use strict";
  const nasbench = (window.nasbench = window.nasbench || {});
  const { el } = nasbench;
  const { score, measured, seconds, count, moment, isNumber, significant } = nasbench.format;

  function results(run) {
    const record = run.record || {};
    const metrics = Object.entries(run.metrics || {}).map(([name, value]) =>
      [name.replaceAll("_", " "), run.shares?.includes(name) ? score(value) : significant(value, 4)]);
    return new Map([["status", run.status], ["error", run.error], ["method", run.method], ["task", run.task],
      ["space", run.space], ["seed", String(run.seed ?? "")], ["started", run.started ? moment(run.started) : ""],
      ["device time", seconds(run.seconds)], [`test ${record.metric?.words}`, isNumber(record.result) ? measured(record.result, record.metric) : ""],
      ...metrics, ["parameters", isNumber(record.params) ? count(record.params) : ""],
      ["MACs", isNumber(record.macs) ? (record.uncounted ? "≥ " : "") + count(record.macs) : ""],
      ["latency", isNumber(record.latency_ms) ? `${significant(record.latency_ms)} ms` : ""],
      ["hardware", run.hardware], ["versions", run.versions]].filter(([, value]) => value));
  }

  const settings = (run) => new Map([...Object.entries(run.config || {}),
    ...Object.entries(run.parameters || {}).map(([name, value]) => [`best ${name}`, value])]);
  const architecture = (run) => new Map(Object.entries(run.arch || {}));

  // Entries of all runs; the ones that differ carry a sign, not just a colour.
  function comparison(label) {
    const table = nasbench.table({ label, empty: "No differences.", mark: (row) => (row.differs ? "differs" : null) });
    const columns = (count) => [
      { heading: "≠", title: "Differs", value: (row) => (row.differs ? 0 : 1),
        cell: (row) => (row.differs ? el("span", { role: "img", "aria-label": "differs" }, "≠") : "") },
      ...["name", ...Array.from({ length: count }, (_, r) => nasbench.letter(r))].map((heading) => ({ heading, value: (row) => row[heading] ?? null,
        cell: (row) => (heading === "name" ? nasbench.name(row.name) : row[heading] === null ? el("span", { class: "muted" }, "–") : el("bdi", { class: "wrap" }, row[heading])) }))];
    return {
      node: table.node,
      update(maps, onlyDifferences) {
        const rows = [...new Set(maps.flatMap((map) => [...map.keys()]))].map((name) => {
          const values = maps.map((map) => map.get(name) ?? null);
          return { ...Object.fromEntries(values.map((value, r) => [nasbench.letter(r), value])), name, differs: values.some((value) => value !== values[0]) };
        });
        table.update(onlyDifferences ? rows.filter((row) => row.differs) : rows, columns(maps.length));
        return rows;
      },
    };
  }

  const badge = (r) => {
    const node = el("b", { class: "letter" }, nasbench.letter(r));
    node.style.setProperty("border-color", nasbench.runLook(r).colour);
    return node;
  };

  // A choice among all runs that are not compared yet.
  function chooser(view) {
    const select = el("select", { "aria-label": "Add a run", onchange: () => {
      if (select.value) location.hash = nasbench.href(view.id, "compare", ...view.keys, select.value);
    } });
    return {
      node: el("label", { class: "pickrun" }, select),
      update(runs, keys) {
        const others = runs.filter((run) => !keys.includes(run.key));
        nasbench.replace(select, others.map((run) => [run.key, run.name, run.task, run.method]), () => {
          const groups = new Map();
          for (const run of others) groups.set(run.task, [...(groups.get(run.task) || []), run]);
          return [el("option", { value: "" }, keys.length ? "add a run …" : "choose a run …"), ...[...groups].map(([task, members]) =>
            el("optgroup", { label: task || "no task" }, members.map((run) =>
              el("option", { value: run.key }, `${run.method}, seed ${run.seed ?? "–"}, ${run.name}`.slice(0, 120)))))];
        });
        select.value = "";
      },
    };
  }

  function side(r) {
    const head = el("div", { class: "side" });
    const drawings = nasbench.drawings();
    return {
      head, drawings: el("div", {}, el("h3", {}, badge(r)), drawings.node), leave: drawings.stop,
      update(run, view) {
        const others = view.keys.filter((_, i) => i !== r);
        nasbench.replace(head, [run.key, run.status, run.epoch, run.trials_done, run.error, others], () => [
          el("div", { class: "row one" }, badge(r), el("a", { href: nasbench.href(view.id, "run", run.key) }, nasbench.name(run.name)),
            el("a", { class: "button small", href: nasbench.href(view.id, "compare", ...others), "aria-label": `Remove ${nasbench.letter(r)}`, title: "Remove" }, "✕")),
          el("div", { class: "row" }, nasbench.status(run), nasbench.progress(run)),
          run.error && el("p", { class: "error" }, el("bdi", {}, run.error))]);
        return drawings.update(run);
      },
    };
  }

  function build() {
    const view = { id: 0, keys: [], runs: [], charts: [] };
    const add = chooser(view);
    const sides = [];
    const hint = el("p", { class: "line" }, "Choose two or more runs to see them side by side. In the list of runs they can be ticked as well.");
    const only = el("input", { type: "checkbox", checked: true, onchange: tables });
    const [outcome, config, arch] = [comparison("Results"), comparison("Configuration"), comparison("Architecture")];
    const best = nasbench.chart({ label: "Best so far", y: "score", x: "trial", whole: true, height: 230 });
    const legendBox = el("div");
    let legend = null;
    const curves = nasbench.curves((charts) => {
      legend = nasbench.legend([...charts, best]); // one for all charts
      legendBox.replaceChildren(legend.node);
    });
    const heads = el("div", { class: "sides panel" });
    const cellsBox = el("div", { class: "sides" });
    const cells = nasbench.section("Networks", cellsBox);
    const archBox = nasbench.section("Architecture", arch.node);
    const curveBox = nasbench.section("Curves", legendBox, curves.node, best.node);
    const body = el("div", {}, heads, nasbench.section("Results", outcome.node), curveBox,
      nasbench.section("Configuration", el("label", { class: "check" }, only, "differences only"), config.node), cells, archBox);

    function tables() {
      outcome.update(view.runs.map(results), false);
      config.update(view.runs.map(settings), only.checked);
      archBox.hidden = !arch.update(view.runs.map(architecture), only.checked).length;
    }

    function lines() {
      const tried = view.runs.map((run, r) => [run, r]).filter(([run]) => run.trials?.number.length);
      const series = tried.flatMap(([run, r]) => nasbench.scoreSeries(run.trials, nasbench.letter(r), nasbench.runLook(r), false).series
        .map((each) => ({ ...each, key: String(r) })));
      const drawn = curves.update(view.runs);
      legend ||= nasbench.legend([best]);
      legendBox.replaceChildren(legend.node);
      best.unit(tried.every(([run]) => nasbench.trialsInPercent(run.trials)) ? "%" : "score");
      best.update(series);
      best.node.hidden = !series.length;
      legend.update([{ series: view.runs.map((run, r) => ({ key: String(r), name: `${nasbench.letter(r)}: ${run.method}, seed ${run.seed ?? "–"}`, kind: "line", ...nasbench.runLook(r) })) }]);
      curveBox.hidden = !drawn && !series.length;
    }

    return {
      node: el("div", {}, el("div", { class: "tools" }, add.node), hint, body),
      leave: () => sides.forEach((each) => each.leave()),
      update({ place, runs, keys, id }) {
        const there = runs.filter(Boolean);
        Object.assign(view, { id, keys: keys.filter((_, i) => runs[i]), runs: there });
        add.update(place.runs, view.keys);
        [hint.hidden, body.hidden] = [there.length > 1, there.length === 0];
        if (!there.length) return;
        while (sides.length < there.length) sides.push(side(sides.length));
        for (const [box, part] of [[heads, "head"], [cellsBox, "drawings"]]) {
          if (box.children.length !== there.length) box.replaceChildren(...sides.slice(0, there.length).map((each) => each[part]));
        }
        const drawn = there.map((run, r) => sides[r].update(run, view));
        there.forEach((_, r) => (sides[r].drawings.hidden = !drawn[r]));
        cells.hidden = !drawn.some(Boolean);
        tables();
        lines();
      },
    };
  }

  nasbench.views.compare = { heading: "Compare", build };
})();
