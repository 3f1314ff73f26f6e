// What a result costs: architecture search against hyperparameter tuning.
(function () {
  "use strict";
  const nasbench = (window.nasbench = window.nasbench || {});
  const { el } = nasbench;
  const { isNumber } = nasbench.format;
  const FAMILIES = [["nas", "Architecture search (NAS): blue and green, round"],
    ["hpo", "Hyperparameter tuning (HPO): orange and pink, square"],
    ["joint", "Both in one search (joint): purple, triangles"], ["plain", "Trained as it is: grey, diamonds"]];

  const named = (row) => row.name || row.method;

  // One look per row of the task, by name: the same in both charts, and when the ranks change.
  function looks(rows) {
    const counts = {};
    const look = new Map();
    for (const row of [...rows].sort((a, b) => (named(a) < named(b) ? -1 : 1))) {
      const index = counts[row.kind] = (counts[row.kind] ?? -1) + 1;
      look.set(row, {
        key: `${row.kind}/${index}/${named(row)}`, name: named(row), family: row.kind,
        shape: { hpo: "square", joint: "triangle", plain: "diamond" }[row.kind] || "round", ...nasbench.colour.family(row.kind, index),
      });
    }
    return rows.map((row) => look.get(row));
  }

  function panel(name, metric) {
    const unit = `${metric.words}${metric.share ? ", %" : ""}`;
    const less = metric.larger ? "" : " (less is better)";
    const curves = nasbench.chart({
      label: "While searching", y: `best validation ${metric.words} so far${metric.share ? ", %" : ""}, 95 % band${less}`, x: "device-seconds",
      log: true, time: true, height: 340, direct: true,
    });
    const ends = nasbench.chart({
      label: "In the end", y: `test ${unit}, 95 % interval${less}`, x: "device-seconds, search and retraining",
      log: true, time: true, height: 340, nearest: "point", direct: true,
      pick: (series) => (location.hash = series.href),
    });
    const pareto = nasbench.pareto("method");
    const legend = nasbench.legend([curves, ends]);
    const missing = el("p", { class: "muted" });
    return {
      node: el("section", { class: "panel" }, el("h2", {}, nasbench.name(name)),
        el("div", { class: "charts wide" }, curves.node, ends.node), legend.node, missing, pareto.node),
      update(rows, id) {
        const look = looks(rows);
        pareto.update(rows.map((row, i) => ({ name: look[i].name, kind: row.kind, y: row.mean, costs: row, href: nasbench.href(id, "record", row.key) })), metric);
        const lines = [];
        const points = [];
        rows.forEach((row, i) => {
          const { curve, mean, seconds } = row;
          if (curve?.x.length) {
            lines.push({ ...look[i], kind: "step", x: curve.x, y: curve.mean, low: curve.low, high: curve.high });
          }
          if (isNumber(mean) && seconds > 0) {
            const [low, high] = row.interval || [null, null];
            points.push({ ...look[i], href: nasbench.href(id, "record", row.key), kind: "whiskers", x: [seconds], y: [mean], low: [low], high: [high] });
          }
        });
        curves.update(lines);
        curves.node.hidden = !lines.length;
        ends.update(points);
        legend.update(FAMILIES.map(([family, title]) =>
          ({ name: title, series: look.filter((each) => each.family === family) })));
        const without = rows.length - lines.length;
        missing.hidden = !without;
        missing.textContent = `${without} of ${nasbench.format.plural(rows.length, "method")} ` +
          "kept no curve over time (no score is measured while searching) and stand in the right chart alone.";
        if (!lines.length) missing.textContent = "No method of this task kept a curve over time.";
      },
    };
  }

  nasbench.views.cost = {
    heading: "Results by cost",
    build() {
      const panels = new Map();
      const list = el("div");
      const empty = el("p", { class: "line" }, "No finished results in this folder yet, so there are no costs to compare.");
      const notes = el("div", { class: "notes" });
      return {
        node: el("div", {}, list, empty, notes),
        update({ place, id }) {
          empty.hidden = place.tasks.length > 0;
          for (const [name, { node }] of [...panels]) {
            if (place.tasks.some((task) => task.title === name)) continue;
            node.remove();
            panels.delete(name);
          }
          for (const task of place.tasks) {
            if (!panels.has(task.title)) {
              panels.set(task.title, panel(task.title, task.metric));
              list.append(panels.get(task.title).node);
            }
            panels.get(task.title).update(task.rows, id);
          }
          notes.hidden = !place.notes?.length;
          nasbench.replace(notes, id, () => [el("p", {}, "What to know of these rows is noted under the ",
            el("a", { href: nasbench.href(id, "leaderboard") }, "leaderboard"), ".")]);
        },
      };
    },
  };
})();
