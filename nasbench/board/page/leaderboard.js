// Methods by their test result, a table per task and metric, all intervals of a task on one scale.
(function () {
  "use strict";
  const nasbench = (window.nasbench = window.nasbench || {});
  const { el, svg } = nasbench;
  const { isNumber, plural, significant } = nasbench.format;
  const WIDTH = 150;
  const FIRST = ["method", "result", "interval"];
  const OPTIONAL = ["evaluations", "openings", "retrain"]; // left to the page of the record where there is no room

  const KINDS = { nas: "architecture search", hpo: "hyperparameter tuning", joint: "architecture and hyperparameters in one search", plain: "trained as it is" };

  // Shares come in percent already.
  const shown = (value, metric) => (metric.share ? `${value.toFixed(2)} %` : significant(value, 4));

  function whisker(row, at, metric) {
    const text = (value) => shown(value, metric);
    const label = row.interval
      ? `${text(row.mean)}, interval ${row.interval.map(text).join(" to ")}`
      : `${text(row.mean)}, a single run`;
    const colour = nasbench.colour.family(row.kind, 0).colour;
    return svg("svg", { class: "whisker", width: WIDTH, height: 18, role: "img", "aria-label": label },
      svg("title", {}, label),
      svg("path", { class: "rail", d: `M0 9H${WIDTH}` }),
      (row.results || []).filter(isNumber).map((each) => svg("path", { class: "seed", d: `M${at(each)} 4v10` })),
      row.interval && svg("path", {
        d: `M${at(row.interval[0])} 9H${at(row.interval[1])}`, stroke: colour, "stroke-width": 2.5,
      }),
      svg("circle", {
        cx: at(row.mean), cy: 9, r: 4, stroke: colour, "stroke-width": 2, fill: row.interval ? colour : "none",
      }));
  }

  // The drawn column tells its range in its head.
  function drawnColumn(rows, metric) {
    const range = nasbench.extent(rows.flatMap((row) => [[row.mean], row.interval, row.results]));
    if (!range) return null;
    const { at, ticks, domain } = nasbench.scale(range, [8, WIDTH - 8], { gap: 62, pad: 0.02 });
    const text = metric.share ? `from ${domain[0].toFixed(1)} to ${domain[1].toFixed(1)} %`
      : `from ${significant(domain[0], 3)} to ${significant(domain[1], 3)}`;
    const axis = svg("svg", { class: "whisker", width: WIDTH, height: 18, role: "img", "aria-label": `Scale ${text}` },
      ticks.map((tick) => svg("text", { x: at(tick), y: 12, "text-anchor": "middle" }, tick)),
      ticks.map((tick) => svg("path", { class: "rail", d: `M${at(tick)} 15v3` })));
    return {
      heading: "interval, drawn", head: [el("span", {}, `drawn ${text}`), axis], sort: false, stamp: domain, value: () => null,
      title: `Mean (dot), 95 % interval (line), each run (ticks); ${text}. A hollow dot is a single run.`,
      cell: (row) => (isNumber(row.mean) ? whisker(row, at, metric) : ""),
    };
  }

  function columns(task, place) {
    const list = task.columns.map((column, i) => ({
      heading: column.heading,
      numeric: column.numeric,
      less: column.less,
      optional: OPTIONAL.includes(column.name),
      name: column.name,
      value: (row) => row.sort?.[i],
      cell: (row) => {
        if (column.name !== "method") return el("bdi", { class: column.numeric ? null : "name long", title: row.cells[i] }, row.cells[i]);
        return el("span", { class: "methodcell" }, el("span", { class: "muted rank" }, row.rank),
          el("span", { class: `kind ${row.kind}`, title: KINDS[row.kind] || row.kind }, row.kind),
          el("a", { href: nasbench.href(place, "record", row.key), "data-focus": row.key },
            nasbench.name(row.cells[i])));
      },
    }));
    const rank = task.columns.findIndex((column) => column.name === "rank"); // stands beside the method
    if (rank >= 0) list.splice(rank, 1);
    const drawn = drawnColumn(task.rows, task.metric);
    // What a narrow screen shows without scrolling: who, and how good.
    const first = (column) => FIRST.indexOf(column.name);
    const front = list.filter((column) => first(column) >= 0).sort((a, b) => first(a) - first(b));
    return [...front, ...(drawn ? [drawn] : []), ...list.filter((column) => first(column) < 0)];
  }

  function board(name) {
    const table = nasbench.table({ label: `Leaderboard of ${name}` });
    const count = el("span", { class: "muted" });
    const verdict = el("div");
    const node = el("section", { class: "panel" }, el("h2", {}, nasbench.name(name), count), verdict, table.node);
    return {
      node,
      update(task, place) {
        count.textContent = plural(task.rows.length, "method");
        nasbench.replace(verdict, task.verdict, () => (task.verdict || []).map((line) => el("p", {}, el("bdi", {}, line))));
        table.update(task.rows, columns(task, place));
      },
    };
  }

  nasbench.views = nasbench.views || {};
  nasbench.views.leaderboard = {
    heading: "Leaderboard",
    build() {
      const strip = nasbench.runningStrip();
      const boards = new Map();
      const list = el("div");
      const empty = el("p", { class: "line" }, "No finished results in this folder yet. ",
        "A row appears here when a found architecture or setting was trained and tested.");
      const notes = el("div", { class: "notes" });
      return {
        node: el("div", {}, strip.node, list, empty, notes),
        update({ place, id }) {
          strip.update(place.runs, id);
          empty.hidden = place.tasks.length > 0;
          for (const name of [...boards.keys()]) {
            if (place.tasks.some((task) => task.title === name)) continue;
            boards.get(name).node.remove();
            boards.delete(name);
          }
          for (const task of place.tasks) {
            if (!boards.has(task.title)) {
              boards.set(task.title, board(task.title));
              list.append(boards.get(task.title).node);
            }
            boards.get(task.title).update(task, id);
          }
          nasbench.replace(notes, [place.notes, place.tasks.length > 0], () => [
            place.tasks.length > 0 && el("p", {}, "Drawn intervals: the dot is the mean, the line the 95 % interval, ",
              "small ticks are single runs; a hollow dot has one run only. All rows of a table share one scale."),
            place.notes?.length > 0 && el("details", {}, el("summary", {}, plural(place.notes.length, "note")), place.notes.map((text) => el("p", {}, text)))]);
        },
      };
    },
  };
})();
