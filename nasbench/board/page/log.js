// What happened, line by line: the log of a run or a trial, loaded when it is opened.
(function () {
  "use strict";
  const nasbench = (window.nasbench = window.nasbench || {});
  const { el } = nasbench;

  function clock(time) {
    const date = new Date(time || NaN);
    return Number.isNaN(date.getTime()) ? "" : date.toLocaleTimeString("en-GB");
  }

  nasbench.logLines = (lines, label) =>
    el("div", { class: "log", role: "log", "aria-label": label, tabindex: 0 }, lines.map((line) =>
      el("div", { class: line.kind === "error" ? "bad" : null },
        el("time", { datetime: line.time, title: line.time }, clock(line.time)), el("bdi", {}, line.text))));

  nasbench.printed = (name, text) => [el("h4", {}, name), el("pre", { class: "log", tabindex: 0, "aria-label": name }, text)];

  // The log of a run in a fold of its own; it follows the run while it is open.
  nasbench.log = () => {
    const body = el("div");
    const node = el("details", { class: "panel", ontoggle: () => node.open && refresh() }, el("summary", {}, "Log"), body);
    let key = null;

    async function refresh() {
      const mine = key;
      const found = await nasbench.load(`log-${mine}`).catch(() => null);
      if (!found || mine !== key) return;
      const old = body.querySelector(".log");
      const atEnd = !old || old.scrollTop + old.clientHeight >= old.scrollHeight - 8;
      const [top, count] = [old?.scrollTop, found.lines.length];
      nasbench.replace(body, [mine, count, found.left_out, found.lines[count - 1]], () => [
        found.left_out > 0 && el("p", { class: "muted" }, `The last ${nasbench.format.grouped(count)} lines; ${nasbench.format.grouped(found.left_out)} earlier ones are in journal.jsonl.`),
        count ? nasbench.logLines(found.lines, "Log") : el("p", { class: "muted" }, "Nothing happened yet.")]);
      const log = body.querySelector(".log");
      if (log) log.scrollTop = atEnd ? log.scrollHeight : top;
    }

    return {
      node,
      update(run) {
        key = run.key;
        if (node.open) refresh();
      },
    };
  };
})();
