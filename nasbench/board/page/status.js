// How a run stands: a sign and a word, how far it is, how long it will take.
(function () {
  "use strict";
  const nasbench = (window.nasbench = window.nasbench || {});
  const { el } = nasbench;
  const { isNumber, seconds, NONE } = nasbench.format;
  const SIGNS = { running: "▶", done: "✓", stopped: "■", failed: "✕" };

  nasbench.status = (run) =>
    el("span", { class: `status ${SIGNS[run.status] ? run.status : ""}` },
      el("span", { "aria-hidden": "true" }, SIGNS[run.status] || "?"), run.status || "unknown");

  // [done, of, unit] or null.
  function steps(run) {
    if (isNumber(run.trials_done)) return [run.trials_done, run.trials_total, "trial"];
    if (isNumber(run.epoch) || isNumber(run.epochs)) return [run.epoch, run.epochs, "epoch"];
    return null;
  }

  nasbench.share = (run) => {
    const [done, of] = steps(run) || [];
    return isNumber(of) && of > 0 ? Math.min((done || 0) / of, 1) : null;
  };

  nasbench.progress = (run, short) => {
    const known = steps(run);
    if (!known) return el("span", { class: "muted" }, NONE);
    const [done, of, unit] = known;
    const text = isNumber(of) ? `${unit} ${done ?? 0} of ${of}` : `${unit} ${done}`;
    const share = nasbench.share(run);
    return el("span", { class: "progress", title: text },
      share !== null && el("span", { class: `bar ${run.status}`, "aria-hidden": "true" },
        el("span", { style: { width: `${share * 100}%` } })),
      el("span", {}, short === true ? `${done ?? 0}${isNumber(of) ? `/${of}` : ""}` : text));
  };

  nasbench.left = (run) => {
    if (run.status !== "running") return "";
    return isNumber(run.seconds_left) ? `about ${seconds(run.seconds_left)}` : "not known yet";
  };

  // What runs now, at the top of the views that one keeps open.
  nasbench.runningStrip = () => {
    const node = el("div", { class: "strip" });
    return {
      node,
      update(runs, place) {
        const running = runs.filter((run) => run.status === "running").slice(0, 12);
        node.hidden = !running.length;
        nasbench.replace(node, running, () => running.map((run) =>
          el("a", { class: "card", href: nasbench.href(place, "run", run.key), "data-focus": run.key },
            el("span", { class: "row" }, nasbench.status(run), nasbench.name(`${run.method} on ${run.task}`)),
            nasbench.progress(run),
            el("span", { class: "muted" }, isNumber(run.best) ? `best ${nasbench.format.score(run.best)}, ` : "",
              isNumber(run.seconds_left) ? `${nasbench.left(run)} left` : "time left not known yet"))));
      },
    };
  };
})();
