// The trials of a tuning run or a sampled search: curve, parallel coordinates, table, one in detail.
(function () {
  "use strict";
  const nasbench = (window.nasbench = window.nasbench || {});
  const { el } = nasbench;
  const { isNumber, significant, seconds, plural, percent } = nasbench.format;

  function text(value) {
    if (value === null || value === undefined) return "–";
    return isNumber(value) ? significant(value, 4) : String(value);
  }

  // The best score among trials 0..i.
  function bestSoFar(scores, larger) {
    let best = null;
    return scores.map((score) => {
      if (isNumber(score) && (best === null || (larger ? score > best : score < best))) best = score;
      return best;
    });
  }

  nasbench.trialsInPercent = ({ metric, score }) => (metric ? metric.share : true) && nasbench.format.arePercent(score);

  nasbench.scoreSeries = (trials, name = "", look = nasbench.colour.series(0), dots = true) => {
    const inPercent = nasbench.trialsInPercent(trials);
    const scores = inPercent ? trials.score.map((score) => (isNumber(score) ? score * 100 : null)) : trials.score;
    const lead = name ? `${name}: ` : "";
    return { unit: inPercent ? "%" : "", series: [
      dots && { key: `${name}dots`, name: `${lead}trials`, kind: "dots", colour: name ? look.colour : "#56B4E9", x: trials.number, y: scores,
        size: trials.number.length > 2000 ? 2.5 : 6, opacity: trials.number.length > 2000 ? 0.5 : 0.9 },
      { key: `${name}best`, name: `${lead}best so far`, kind: "step", ...look, colour: name ? look.colour : nasbench.colour.best, x: trials.number, y: bestSoFar(scores, trials.larger !== false), width: 2.2 },
    ].filter(Boolean) };
  };

  const costs = nasbench.trialCosts = (trials) => [["params", "parameters", nasbench.format.count], ["macs", "MACs", nasbench.format.count],
    ["latency_ms", "latency, ms", (value) => significant(value)]].filter(([name]) => trials.costs?.[name])
    .map(([name, heading, text]) => ({ name, heading, text, values: trials.costs[name] }));

  function columns(trials, state, select) {
    const score = state.percent ? percent : (value) => significant(value, 4);
    const some = (list) => list?.some((value) => value !== null);
    const duration = { heading: "time", numeric: true, value: (i) => trials.seconds[i], cell: (i) => seconds(trials.seconds[i]) };
    const epochs = { heading: "epochs", numeric: true, value: (i) => trials.epochs[i], cell: (i) => trials.epochs[i] ?? "–" };
    return [
      { heading: "trial", numeric: true, value: (i) => trials.number[i], cell: (i) => el("button", {
        type: "button", class: "plain pick", "aria-pressed": String(state.selected === i), "data-focus": `t${i}`,
        "aria-label": `Trial ${trials.number[i]}: details`, onclick: () => select(i),
      }, trials.number[i]) },
      { heading: "score", title: trials.metric?.words, numeric: true, less: trials.larger === false, value: (i) => trials.score[i], cell: (i) => (isNumber(trials.score[i])
        ? score(trials.score[i])
        : el("span", { class: "status failed", title: trials.error[i] }, el("span", { "aria-hidden": "true" }, "✕"), "failed")) },
      ...costs(trials).map(({ heading, values, text }) => ({ heading, numeric: true, less: true, value: (i) => values[i],
        cell: (i) => text(values[i]) })),
      ...trials.columns.map((column) => ({
        heading: column.name, numeric: column.kind === "number", value: (i) => column.values[i],
        cell: (i) => (column.kind === "number" ? text(column.values[i]) : nasbench.name(text(column.values[i]))),
      })),
      ...(some(trials.seconds) ? [duration] : []),
      ...(some(trials.epochs) ? [epochs] : []),
    ];
  }

  // What happened in the trial is loaded when it is looked at.
  async function events(box, key, number) {
    const found = await nasbench.load(`trial-${key}-${number}`).catch(() => null);
    if (!found) return;
    const curves = nasbench.curves();
    const drawn = curves.update([found]);
    box.replaceChildren(...[drawn && curves.node, el("h4", {}, "Log"), nasbench.logLines(found.lines, `Log of trial ${number}`),
      ...Object.entries(found.printed).flatMap(([name, text]) => nasbench.printed(name, text))].filter(Boolean));
  }

  function detail(trials, i, inPercent, key) {
    const box = el("div");
    const image = el("img", { alt: `Architecture of trial ${trials.number[i]}`, decoding: "async", onerror: () => image.parentNode?.remove() });
    const paper = el("div", { class: "paper", hidden: !nasbench.live || !trials.drawn }, image);
    if (nasbench.live && trials.drawn) image.src = `drawings/${key}-trial-${trials.number[i]}.svg`;
    events(box, key, trials.number[i]);
    const reports = trials.reports?.[i] || [];
    const chart = reports.length > 1 && nasbench.chart({ label: "Reports", y: inPercent ? "%" : "", x: "report", whole: true, height: 170 });
    if (chart) {
      chart.update([{ key: "reports", name: "reported", kind: "line", ...nasbench.colour.series(0), x: reports.map((_, at) => at + 1),
        y: inPercent ? reports.map((value) => (isNumber(value) ? value * 100 : null)) : reports }]);
    }
    const score = isNumber(trials.score[i]) ? (inPercent ? percent(trials.score[i]) : significant(trials.score[i], 5)) : "none: the trial failed";
    return [el("h3", {}, `Trial ${trials.number[i]}`),
      trials.error[i] && el("p", { class: "error" }, el("bdi", {}, trials.error[i])),
      nasbench.facts([["score", score], ["time", seconds(trials.seconds?.[i])], ["epochs", trials.epochs?.[i]],
        ...costs(trials).map(({ heading, values, text }) => [heading, isNumber(values[i]) ? text(values[i]) : ""]),
        ...trials.columns.map((column) => [column.name, text(column.values[i])])]), chart?.node, paper, box];
  }

  nasbench.trials = () => {
    const state = { trials: null, selected: null, filter: "all", percent: true };
    const summary = el("p", { class: "summary" });
    const chart = nasbench.chart({ label: "Best so far", y: "score", x: "trial", whole: true, height: 240 });
    const legend = nasbench.legend([chart]);
    const parallel = nasbench.parallel(select);
    const pareto = nasbench.pareto("architecture");
    const importance = nasbench.importance();
    const parallelBox = el("div", {}, el("h3", {}, "Parameters and score"), parallel.node);
    const aside = el("div", { class: "detail", "aria-live": "polite" });
    const filter = el("select", { "aria-label": "Trials shown", onchange: () => {
      state.filter = filter.value;
      list();
    } }, ["all", "finished", "failed"].map((name) => el("option", { value: name }, `${name} trials`)));
    const table = nasbench.table({
      label: "Trials", tall: true, sort: { column: "score", descending: true }, empty: "No such trial.",
      mark: (i) => (i === state.selected ? "selected" : null),
      signature: (i) => JSON.stringify([i, i === state.selected, state.trials.score[i], state.trials.error[i],
        state.trials.seconds?.[i], state.trials.epochs?.[i], state.trials.columns.map((column) => column.values[i])]),
    });
    const node = el("div", {}, summary, el("div", { class: "chartbox" }, chart.node, legend.node), pareto.node, importance.node, parallelBox, aside,
      el("div", { class: "tools" }, el("h3", {}, "Table"), filter), table.node);

    function select(i) {
      state.selected = state.selected === i ? null : i;
      parallel.update(state.trials, state.selected);
      show();
      list();
    }

    // From a chart to the trial in detail.
    function pick(i) {
      if (state.selected !== i) select(i);
      aside.scrollIntoView({ block: "nearest" });
    }

    function list() {
      const { trials } = state;
      const fits = { all: () => true, finished: isNumber, failed: (score) => !isNumber(score) }[state.filter];
      table.update([...trials.number.keys()].filter((i) => fits(trials.score[i])), columns(trials, state, select));
    }

    function show() {
      const i = state.selected;
      const key = i === null ? null : [i, state.trials.score[i], state.trials.error[i], state.trials.reports?.[i], state.trials.epochs[i]];
      nasbench.replace(aside, key, () => (i === null
        ? [parallelBox.hidden ? null : el("p", { class: "muted" }, "Choose a trial in the table or click a line to see it in detail.")]
        : detail(state.trials, i, state.percent, state.key)));
    }

    return {
      node,
      update(trials, key) {
        if (!trials?.number.length) return false;
        state.key = key;
        state.trials = trials;
        state.percent = nasbench.trialsInPercent(trials);
        const larger = trials.larger !== false;
        const finished = trials.score.filter(isNumber);
        const best = finished.reduce((top, score) => (larger ? Math.max : Math.min)(top, score), larger ? -Infinity : Infinity);
        const failed = trials.score.length - finished.length;
        summary.textContent = `${plural(trials.number.length, "trial")}` + (failed ? `, ${nasbench.format.grouped(failed)} failed` : "") +
          (finished.length ? `; best ${state.percent ? percent(best) : significant(best, 5)} in trial ${trials.number[trials.score.indexOf(best)]}` : "");
        const { series, unit } = nasbench.scoreSeries(trials);
        chart.unit(unit || trials.metric?.words || "score");
        chart.update(series);
        legend.update([{ series }]);
        const scale = state.percent ? 100 : 1;
        pareto.update(trials.number.map((number, i) => ({ name: `trial ${number}`, kind: "nas", y: isNumber(trials.score[i]) ? scale * trials.score[i] : null,
          costs: Object.fromEntries(costs(trials).map(({ name, values }) => [name, values[i]])), open: () => pick(i) })),
        { larger, share: state.percent, heading: unit ? `${trials.metric?.words || "score"}, %` : trials.metric?.words || "score" });
        importance.update(key, finished.length, trials.columns.length);
        parallelBox.hidden = !trials.columns.length;
        if (trials.columns.length) parallel.update(trials, state.selected);
        show();
        list();
        return true;
      },
    };
  };
})();
