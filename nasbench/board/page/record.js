// One row of the leaderboard and one of its records: found with or without the run's folder.
(function () {
  "use strict";
  const nasbench = (window.nasbench = window.nasbench || {});
  const { el } = nasbench;
  const { measured, seconds, count, moment, significant, plural } = nasbench.format;
  const KINDS = { nas: "architecture search", hpo: "hyperparameter tuning", joint: "architecture and hyperparameters in one search", plain: "trained as it is" };

  const pairs = (object) => nasbench.facts(Object.entries(object));

  // A name that leads to the run if its folder is there, else to the record.
  const there = (link, id, view = link.run ? "run" : "record") => nasbench.link(nasbench.href(id, view, link.key), link.name);

  nasbench.origin = (link, id) => (link.run ? there(link, id) : el("span", {}, nasbench.name(link.name), el("span", { class: "muted" }, " (its folder is not here)")));

  function columns(found, id) {
    const { metric } = found.row;
    const value = (heading, get, cell) => ({ heading, numeric: true, value: get, cell });
    return [
      { heading: "record", value: (row) => row.name, cell: (row) => (row.key === found.key ? el("b", {}, nasbench.name(row.name)) : there(row, id, "record")) },
      value("search seed", (row) => row.seeds[0], (row) => row.seeds[0]), value("retrain seed", (row) => row.seeds[1], (row) => row.seeds[1]),
      { ...value(metric.words, (row) => row.result, (row) => measured(row.result, metric)), less: !metric.larger },
      { heading: "architecture", value: (row) => row.arch, cell: (row) => el("code", {}, row.arch) },
      value("parameters", (row) => row.params, (row) => count(row.params)), value("MACs", (row) => row.macs, (row) => count(row.macs)),
      value("latency, ms", (row) => row.latency_ms, (row) => significant(row.latency_ms)),
      { heading: "run", value: (row) => row.run, cell: (row) => (row.run ? el("a", { href: nasbench.href(id, "run", row.key) }, "open") : el("span", { class: "muted" }, "not here")) },
    ];
  }

  function head(found, id) {
    return [el("div", { class: "row" }, el("span", { class: `kind ${found.kind}` }, found.kind), el("b", {}, KINDS[found.kind] || ""),
      found.run && el("a", { class: "button", href: nasbench.href(id, "run", found.key) }, "Open the run"),
      found.search?.run && el("a", { class: "button", href: nasbench.href(id, "run", found.search.key) }, "Open the search")),
    nasbench.facts([["method", found.method], ["task", found.task], ["space", found.space], ["given", found.given],
      ["search seed", found.seeds[0]], ["retrain seed", found.seeds[1]], ["search", found.search && nasbench.origin(found.search, id)],
      ["search cost", found.seconds[0] > 0 ? seconds(found.seconds[0]) : ""], ["retraining cost", seconds(found.seconds[1])],
      ["started", found.started ? moment(found.started) : ""], ["latency measured on", found.device]])];
  }

  function build() {
    const [title, top, tiles, warnings, rest] = [el("h1", { class: "runtitle" }), el("div", { class: "panel" }), el("div", { class: "tiles" }), el("div"), nasbench.folding()];
    const table = nasbench.table({ label: "Records of this row" });
    const [rowTitle, classes] = [el("p"), nasbench.classes()];
    const panel = nasbench.section("Classes of the test set", classes.node);
    const drawings = nasbench.drawings();
    const drawn = nasbench.section("The network", drawings.node);
    const siblings = nasbench.section("The row", rowTitle, table.node);
    return {
      node: el("div", {}, title, warnings, top, tiles, siblings, drawn, panel, rest.node),
      update({ runs: [found], id }) {
        const { row } = found;
        nasbench.replace(title, found.name, () => [nasbench.name(row.name)]);
        nasbench.replace(warnings, found.record.warnings, () => nasbench.warnings(found.record.warnings));
        nasbench.replace(top, [id, found], () => head(found, id));
        nasbench.replace(tiles, found.record, () => nasbench.tiles({ record: found.record }));
        const unit = row.metric.share ? " %" : "";
        const text = (value) => significant(value, 4);
        rowTitle.textContent = `${plural(row.records.length, "record")}: mean test ${row.metric.words} ${text(row.mean)}${unit}` +
          (row.interval ? `, 95 % interval ${text(row.interval[0])} to ${text(row.interval[1])}${unit}.` : ", a single run.");
        table.update(row.records, columns(found, id));
        drawn.hidden = !drawings.update(found);
        drawn.firstChild.textContent = `The ${found.drawn}`;
        panel.hidden = !classes.update(found.record);
        rest.update([[found.kind === "hpo" ? "Setting" : found.kind === "joint" ? "Architecture and setting" : "Architecture", [pairs(found.arch)], Object.keys(found.arch).length <= 12],
          ["How it was made", [found.command && el("code", { class: "command" }, found.command), nasbench.facts([["run", found.name]])], true],
          ["Configuration of the search", [pairs(found.search_config)], false],
          ["Configuration of the retraining", [pairs(found.retrain_config)], false]]);
      },
    };
  }

  nasbench.views.record = { heading: "", build };
})();
