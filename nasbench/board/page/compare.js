// Two runs side by side: what differs in their configuration, curves, cells.
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

  // Entries of both; the ones that differ carry a sign, not just a colour.
  function comparison(label) {
    const table = nasbench.table({
      label, empty: "No differences.", mark: (row) => (row.differs ? "differs" : null), columns: [
        { heading: "≠", title: "Differs", value: (row) => (row.differs ? 0 : 1),
          cell: (row) => (row.differs ? el("span", { role: "img", "aria-label": "differs" }, "≠") : "") },
        ...["name", "A", "B"].map((heading) => ({ heading, value: (row) => row[heading] ?? null,
          cell: (row) => (row[heading] === null ? el("span", { class: "muted" }, "–") : el("bdi", { class: "wrap" }, row[heading])) }))],
    });
    return {
      node: table.node,
      update(a, b, onlyDifferences) {
        const rows = [...new Set([...a.keys(), ...b.keys()])].map((name) => {
          const [left, right] = [a.get(name) ?? null, b.get(name) ?? null];
          return { name, A: left, B: right, differs: left !== right };
        });
        table.update(onlyDifferences ? rows.filter((row) => row.differs) : rows);
        return rows;
      },
    };
  }

  function chooser(letter, view) {
    const select = el("select", { "aria-label": `Run ${letter}`, onchange: () => {
      const keys = [...view.keys];
      keys["AB".indexOf(letter)] = select.value;
      location.hash = nasbench.href(view.id, "compare", ...keys);
    } });
    const node = el("label", { class: `pickrun ${letter}` }, el("b", { class: "letter" }, letter), select);
    return {
      node,
      update(runs, key) {
        nasbench.replace(select, runs.map((run) => [run.key, run.name, run.task, run.method]), () => {
          const groups = new Map();
          for (const run of runs) groups.set(run.task, [...(groups.get(run.task) || []), run]);
          return [el("option", { value: "" }, "choose a run …"), ...[...groups].map(([task, members]) =>
            el("optgroup", { label: task || "no task" }, members.map((run) =>
              el("option", { value: run.key }, `${run.method}, seed ${run.seed ?? "–"}, ${run.name}`.slice(0, 120)))))];
        });
        select.value = key || "";
      },
    };
  }

  function side(letter) {
    const head = el("div");
    const drawings = nasbench.drawings();
    return {
      head, drawings: drawings.node, leave: drawings.stop,
      update(run, id) {
        nasbench.replace(head, [run.key, run.status, run.epoch, run.trials_done, run.error], () => [
          el("div", { class: "row" }, el("b", { class: `letter ${letter}` }, letter),
            el("a", { href: nasbench.href(id, "run", run.key) }, nasbench.name(run.name))),
          el("div", { class: "row" }, nasbench.status(run), nasbench.progress(run)),
          run.error && el("p", { class: "error" }, el("bdi", {}, run.error))]);
        return drawings.update(run);
      },
    };
  }

  function build() {
    const view = { id: 0, keys: [], runs: [] };
    const choosers = ["A", "B"].map((letter) => chooser(letter, view));
    const sides = ["A", "B"].map(side);
    const swap = el("a", { class: "button" }, "⇄ Swap");
    const hint = el("p", { class: "line" }, "Choose two runs to see them side by side. In the list of runs two can be ticked as well.");
    const only = el("input", { type: "checkbox", checked: true, onchange: tables });
    const [outcome, config, arch, curves] = [comparison("Results"), comparison("Configuration"), comparison("Architecture"), nasbench.curves()];
    const best = nasbench.chart({ label: "Best so far", y: "score", x: "trial", whole: true, height: 230 });
    const legend = nasbench.legend([best]);
    const bestBox = el("div", { class: "chartbox" }, best.node, legend.node);
    const cells = nasbench.section("Cells", el("div", { class: "two" }, sides.map((each) => each.drawings)));
    const archBox = nasbench.section("Architecture", arch.node);
    const curveBox = nasbench.section("Curves", curves.node, bestBox);
    const body = el("div", {}, el("div", { class: "two panel" }, sides.map((each) => each.head)), nasbench.section("Results", outcome.node),
      nasbench.section("Configuration", el("label", { class: "check" }, only, "differences only"), config.node),
      curveBox, cells, archBox);

    function tables() {
      const [a, b] = view.runs;
      outcome.update(results(a), results(b), false);
      config.update(settings(a), settings(b), only.checked);
      archBox.hidden = !arch.update(architecture(a), architecture(b), only.checked).length;
    }

    function lines() {
      const series = view.runs.flatMap((run, i) => (run.trials?.number.length
        ? nasbench.scoreSeries(run.trials, "AB"[i], { colour: nasbench.colour.series(i).colour, dash: null }, false).series : []));
      const unit = view.runs.find((run) => run.trials) && view.runs.every((run) =>
        !run.trials || nasbench.trialsInPercent(run.trials)) ? "%" : "score";
      best.unit(unit);
      best.update(series);
      legend.update([{ series }]);
      bestBox.hidden = !series.length;
      curveBox.hidden = !curves.update(view.runs) && !series.length;
    }

    return {
      node: el("div", {}, el("div", { class: "tools" }, choosers.map((each) => each.node), swap), hint, body),
      leave: () => sides.forEach((each) => each.leave()),
      update({ place, runs, keys, id }) {
        Object.assign(view, { id, keys, runs });
        choosers.forEach((each, i) => each.update(place.runs, keys[i]));
        swap.href = nasbench.href(id, "compare", keys[1] || "", keys[0] || "");
        const both = Boolean(runs[0] && runs[1]);
        [hint.hidden, body.hidden, swap.hidden] = [both, !both, !both];
        if (!both) return;
        const drawn = sides.map((each, i) => each.update(runs[i], id));
        cells.hidden = !drawn.some(Boolean);
        tables();
        lines();
      },
    };
  }

  nasbench.views.compare = { heading: "Compare", build };
})();
