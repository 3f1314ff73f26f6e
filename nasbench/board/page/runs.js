// All runs of a place: filter, sort, choose those to compare.
(function () {
  "use strict";
  const nasbench = (window.nasbench = window.nasbench || {});
  const { el } = nasbench;
  const { measured, seconds, moment, plural, grouped } = nasbench.format;
  const MOST_TICKED = 30; // runs that one click ticks
  const STATUSES = ["running", "done", "stopped", "failed"];
  const FIELDS = ["name", "verb", "method", "task", "space", "seed", "status", "error", "tag", "note"];

  // Words must all occur; field:word looks in one field, field:"a text" for the whole of it.
  function matcher(text) {
    const terms = [...text.toLowerCase().matchAll(/(?:(\w+):)?(?:"([^"]*)"|(\S+))/g)].map((found) => {
      const [whole, field, quoted, word] = found;
      if (field && !FIELDS.includes(field)) return { word: whole };
      return { field, word: quoted ?? word, exact: Boolean(field) && quoted !== undefined };
    });
    return (run) => terms.every(({ field, word, exact }) => {
      const texts = (field ? [field] : FIELDS).flatMap((each) => (each === "tag" ? run.tags : [run[each]])).map((each) => String(each ?? "").toLowerCase());
      return texts.some((each) => (exact ? each === word : each.includes(word)));
    });
  }

  function columns(view) {
    const text = (heading) => ({
      heading, value: (run) => run[heading] || null, cell: (run) => (run[heading] ? nasbench.name(String(run[heading])) : ""),
    });
    const value = (heading, title) => ({
      heading, title, numeric: true, value: (run) => run[heading],
      cell: (run) => el("span", { title: run.metric?.words }, measured(run[heading], run.metric)),
    });
    return [
      { heading: "name", value: (run) => run.name, cell: (run) => el("span", { class: "namecell" },
        el("input", {
          type: "checkbox", "aria-label": `Compare ${run.name}`, title: "Choose for comparison", "data-focus": `c${run.key}`,
          checked: view.chosen.includes(run.key), onchange: () => view.choose(run.key),
        }),
        el("a", { href: nasbench.href(view.id, "run", run.key), "data-focus": run.key }, nasbench.name(run.name))) },
      { heading: "status", value: (run) => run.status, cell: (run) => el("span", { title: run.error }, nasbench.status(run)) },
      { heading: "progress", title: "Epochs or trials", value: nasbench.share, cell: (run) => nasbench.progress(run, true) },
      { heading: "left", title: "Estimate until the end", numeric: true,
        value: (run) => (run.status === "running" ? run.seconds_left : null),
        cell: (run) => (run.status === "running" ? seconds(run.seconds_left) : "") },
      ...(view.runs.some((run) => run.tags?.length || run.note) ? [{ heading: "tags", value: (run) => run.tags?.join(" ") || null,
        cell: (run) => el("span", { title: run.note }, nasbench.tags(run.tags), run.note ? el("span", { "aria-label": "has a note" }, " ✎") : "") }] : []),
      text("verb"), text("method"), text("task"), text("space"),
      { heading: "seed", numeric: true, value: (run) => run.seed, cell: (run) => run.seed ?? "" },
      value("val", "Last validation result"), value("best", "Best validation result"), value("test", "Test result"),
      { heading: "metric", value: (run) => run.metric?.words || null, cell: (run) => run.metric?.words || "" },
      { heading: "device time", numeric: true, value: (run) => run.seconds, cell: (run) => seconds(run.seconds) },
      { heading: "started", title: "Local time", value: (run) => run.started || null, cell: (run) => moment(run.started) },
    ];
  }

  function build() {
    const view = { id: 0, runs: [], chosen: [], status: "", query: "", choose };
    const strip = nasbench.runningStrip();
    const search = el("input", {
      type: "search", placeholder: "Filter: darts seed:2 task:digits", "aria-label": "Filter runs", spellcheck: "false",
      title: "Every word must occur. field:word looks in one field: " + FIELDS.join(", "), oninput: draw,
    });
    const count = el("span", { class: "muted", role: "status" });
    const buttons = ["", ...STATUSES].map((status) => el("button", { type: "button", onclick: () => {
      view.status = status;
      draw();
    } }));
    const compare = el("a", { class: "button" });
    const clear = el("button", { type: "button", class: "plain", onclick: () => {
      search.value = "";
      view.status = "";
      draw();
    } }, "Clear the filter");
    const all = el("button", { type: "button", class: "plain", onclick: () => {
      const keys = view.runs.filter(matcher(search.value)).filter((run) => !view.status || run.status === view.status).map((run) => run.key);
      view.chosen = keys.every((key) => view.chosen.includes(key)) ? view.chosen.filter((key) => !keys.includes(key)) : [...new Set([...view.chosen, ...keys])];
      draw();
    } });
    const table = nasbench.table({
      label: "Runs", sort: { column: "started", descending: true }, empty: "No run fits.",
      signature: (run) => JSON.stringify(run) + view.chosen.includes(run.key), mark: (run) => run.status,
    });

    function choose(key) {
      view.chosen = view.chosen.includes(key) ? view.chosen.filter((each) => each !== key) : [...view.chosen, key];
      draw();
    }

    function draw() {
      const fitting = view.runs.filter(matcher(search.value));
      const shown = view.status ? fitting.filter((run) => run.status === view.status) : fitting;
      ["", ...STATUSES].forEach((status, i) => {
        const number = status ? fitting.filter((run) => run.status === status).length : fitting.length;
        buttons[i].textContent = `${status || "all"} ${grouped(number)}`;
        buttons[i].setAttribute("aria-pressed", String(view.status === status));
      });
      count.textContent = `${grouped(shown.length)} of ${plural(view.runs.length, "run")}`;
      clear.hidden = !search.value && !view.status;
      const many = view.chosen.length;
      compare.textContent = many > 1 ? `Compare the ${many} ticked` : `Tick ${many ? "one more" : "two or more"} to compare`;
      if (many > 1) compare.href = nasbench.href(view.id, "compare", ...view.chosen);
      else compare.removeAttribute("href");
      all.hidden = !shown.length || shown.length > MOST_TICKED;
      all.textContent = shown.every((run) => view.chosen.includes(run.key)) ? "Tick none" : `Tick all ${shown.length}`;
      table.update(shown, columns(view));
    }

    return {
      node: el("div", {}, strip.node, el("section", { class: "panel" },
        el("div", { class: "tools" }, search, el("span", { class: "segments", role: "group", "aria-label": "Status" }, buttons),
          count, clear, all, compare), table.node)),
      update({ place, id, query }) {
        view.id = id;
        view.runs = place.runs;
        if (query !== view.query) search.value = query;
        view.query = query;
        strip.update(place.runs, id);
        draw();
      },
    };
  }

  nasbench.views.runs = { heading: "Runs", build };
})();
