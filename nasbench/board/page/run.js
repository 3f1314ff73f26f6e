// One run: how it stands, its curves, its cell, its weights, its trials, what made it.
(function () {
  "use strict";
  const nasbench = (window.nasbench = window.nasbench || {});
  const { el } = nasbench;
  const { score, measured, seconds, count, moment, isNumber, percent, significant, plural } = nasbench.format;

  function head(run, id) {
    const runs = (field) => `${nasbench.href(id, "runs")}?q=${encodeURIComponent(`${field}:"${run[field]}"`)}`;
    return [el("div", { class: "row" }, nasbench.status(run), nasbench.progress(run),
      run.status === "running" && el("b", {}, isNumber(run.seconds_left) ? `${nasbench.left(run)} left` : "time left not known yet"),
      el("a", { class: "button", href: nasbench.href(id, "compare", run.key) }, "Compare with …")),
    run.error && el("p", { class: "error", role: "alert" }, el("b", {}, run.status === "failed" ? "Failed: " : "Error: "), el("bdi", {}, run.error)),
    nasbench.facts([["verb", run.verb], ["method", nasbench.link(runs("method"), run.method)],
      ["task", nasbench.link(runs("task"), run.task)], ["space", run.space], ["seed", run.seed],
      ["started", run.started ? moment(run.started) : ""], ["device time", seconds(run.seconds)]])];
  }

  nasbench.warnings = (lines) => (lines?.length ? [el("div", { class: "note warnings", role: "note" },
    lines.map((line) => el("p", {}, el("span", { "aria-hidden": "true" }, "⚠ "), el("b", {}, "Warning: "), el("bdi", {}, line))))] : []);

  const tiles = nasbench.tiles = (run) => {
    const record = run.record || {};
    const what = `test ${record.metric?.words}`;
    const list = [[record.at_chance ? `${what}, at chance level` : what, isNumber(record.result) && measured(record.result, record.metric)],
      ...Object.entries(record.also || {}).map(([name, [value, share]]) => [name, measured(value, { share })]),
      ...Object.entries(run.metrics || {}).map(([name, value]) => [name.replaceAll("_", " "),
        isNumber(value) && (run.shares?.includes(name) ? score(value) : significant(value, 4))]),
      ["parameters", isNumber(record.params) && count(record.params)], ["MACs", isNumber(record.macs) && (record.uncounted ? "≥ " : "") + count(record.macs)],
      ["latency", isNumber(record.latency_ms) && `${significant(record.latency_ms)} ms`],
      ["test openings", isNumber(record.test_openings) && record.test_openings]];
    return list.filter(([, value]) => value !== false).map(([name, value]) =>
      el("div", { class: "tile" }, el("b", {}, value), el("span", {}, el("bdi", { title: name }, name))));
  };

  function folds(list, metric) {
    const values = list.map((fold) => fold.result).filter(isNumber);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return [el("p", {}, `${plural(list.length, "fold")}, mean validation ${metric?.words} ${measured(mean, metric)}.`),
      nasbench.facts(list.map((fold) => [`fold ${fold.fold}`, measured(fold.result, metric)]))];
  }

  const pairs = (object) => nasbench.facts(Object.entries(object));

  function sections(run) {
    return [
      run.parameters && ["Best setting found", [pairs(run.parameters)], true],
      run.arch && ["Architecture", [pairs(run.arch)], Object.keys(run.arch).length <= 12],
      run.folds?.length && ["Folds", folds(run.folds, run.metric), true],
      ["How it was made", [run.command && el("p", {}, el("code", { class: "command" }, run.command)),
        nasbench.facts([["hardware", run.hardware], ["versions", run.versions], ["run", run.name], ["key", run.key]])], true],
      Object.keys(run.config || {}).length > 0 && [`Configuration, ${plural(Object.keys(run.config).length, "entry").replace("entrys", "entries")}`,
        [pairs(run.config)], false],
    ].filter(Boolean);
  }

  // From a search to its retrainings, and back.
  function relatives(run, id) {
    const line = (one) => el("li", {}, nasbench.link(nasbench.href(id, "run", one.key), one.name), " ", nasbench.status(one), " ",
      isNumber(one.test) ? `test ${one.metric?.words || "result"} ${measured(one.test, one.metric)}` : nasbench.progress(one), one.seed !== null && `, seed ${one.seed}`);
    return [run.search && el("p", {}, "Retrains what ", nasbench.origin(run.search, id), " found."),
      run.has_record && el("p", {}, el("a", { href: nasbench.href(id, "record", run.key) }, "Its record and its row of the leaderboard")),
      run.retrainings?.length > 0 && el("p", {}, `Retrained by ${plural(run.retrainings.length, "run")}:`),
      run.retrainings?.length > 0 && el("ul", { class: "plainlist" }, run.retrainings.map(line)),
      run.verb !== "retrain" && run.status === "done" && !run.retrainings?.length &&
        el("p", { class: "muted" }, "What it found was not retrained yet: ", el("code", {}, `nasbench retrain ${run.name}`))];
  }

  // Details keep the reader's choice of open and closed when their content changes.
  const folding = nasbench.folding = () => {
    const node = el("div");
    const known = new Map();
    return {
      node,
      update(list) {
        for (const [title, content, open] of list) {
          const key = title.split(",")[0];
          if (!known.has(key)) {
            const made = { summary: el("summary"), body: el("div") };
            made.node = el("details", { class: "panel", open }, made.summary, made.body);
            known.set(key, made);
            node.append(made.node);
          }
          const { summary, body } = known.get(key);
          summary.textContent = title;
          nasbench.replace(body, content.map((each) => each && each.outerHTML), () => content);
        }
      },
    };
  };

  function build() {
    const title = el("h1", { class: "runtitle" });
    const top = el("div", { class: "panel" });
    const numbers = el("div", { class: "tiles" });
    const [warnings, family, log, notes] = [el("div"), el("div", { class: "panel" }), nasbench.log(), nasbench.notes()];
    const [curves, weights, trials, classes, rest] = [nasbench.curves(), nasbench.weights(), nasbench.trials(), nasbench.classes(), folding()];
    const drawings = nasbench.drawings((epoch) => weights.at(epoch));
    const parts = {
      curves: nasbench.section("Curves", curves.node),
      drawings: nasbench.section("The network", drawings.node),
      weights: nasbench.section("Architecture weights over time", weights.node),
      trials: nasbench.section("Trials", trials.node),
      classes: nasbench.section("Classes of the test set", classes.node),
    };
    const waiting = el("p", { class: "line" });
    return {
      node: el("div", {}, title, warnings, top, numbers, family, notes.node, parts.curves, parts.drawings, parts.weights, parts.trials, parts.classes, waiting, rest.node, log.node),
      leave: () => drawings.stop(),
      update({ runs: [run], id }) {
        nasbench.replace(title, run.name, () => [nasbench.name(run.name)]);
        const standing = ["status", "error", "epoch", "epochs", "trials_done", "trials_total", "seconds", "seconds_left", "started"];
        nasbench.replace(top, [id, run.method, run.task, standing.map((name) => run[name])], () => head(run, id));
        const told = [...(run.warnings || []), ...(run.record?.warnings || [])];
        nasbench.replace(warnings, [told, run.notes], () => [...nasbench.warnings(told),
          ...(run.notes || []).map((line) => el("p", { class: "muted" }, el("bdi", {}, line)))]);
        nasbench.replace(numbers, [run.metrics, run.record], () => tiles(run));
        nasbench.replace(family, [id, run.search, run.retrainings, run.has_record, run.status], () => relatives(run, id));
        family.hidden = !family.childNodes.length;
        parts.classes.hidden = !classes.update(run.record);
        log.update(run);
        notes.update(run);
        parts.curves.hidden = !curves.update([run]);
        parts.weights.hidden = !weights.update(run.weights);
        parts.drawings.hidden = !drawings.update(run);
        parts.drawings.firstChild.textContent = `The ${run.drawn || "network"}`;
        parts.trials.hidden = !trials.update(run.trials, run.key);
        waiting.hidden = !Object.values(parts).every((part) => part.hidden);
        waiting.textContent = run.status === "running" ? "Nothing measured yet: the first epoch or trial is under way."
          : "This run left no curves, drawings or trials.";
        rest.update(sections(run));
      },
    };
  }

  nasbench.views.run = { heading: "Run", build };
})();
