// Which parameter matters: bars, computed by the server when they are looked at.
(function () {
  "use strict";
  const nasbench = (window.nasbench = window.nasbench || {});
  const { el } = nasbench;

  nasbench.importance = () => {
    const state = { key: null, count: 0, waiting: false };
    const bars = el("div", { class: "bars" });
    const note = el("p", { class: "muted small" });
    const node = el("details", { ontoggle: () => node.open && load() }, el("summary", {}, "Importance of parameters"), bars, note);

    async function load() {
      const asked = `${state.key}/${state.count}`;
      if (state.waiting || state.loaded === asked) return;
      state.waiting = true;
      note.textContent = "Computing …";
      // A forest takes longer than the page waits for data: then it is asked for once more.
      const found = await nasbench.load(`importance-${state.key}`).catch(() => null);
      state.waiting = false;
      if (!found) {
        note.textContent = nasbench.live ? "Still computing: open this again in a moment." : "Not in this export.";
        return;
      }
      state.loaded = asked;
      bars.replaceChildren(...found.parameters.map(([name, share]) => el("div", { class: "barline" }, nasbench.name(name),
        el("span", { class: "track", "aria-hidden": "true" }, el("span", { style: { width: `${100 * share}%` } })), el("output", {}, `${Math.round(100 * share)} %`))));
      note.textContent = [found.parameters.length ? "Share of the variance of the score that each parameter alone or in pairs explains (fANOVA)." : "", found.note].filter(Boolean).join(" ");
    }

    return {
      node,
      update(key, count, parameters) {
        node.hidden = !parameters;
        Object.assign(state, { key, count });
        if (node.open) load();
      },
    };
  };
})();
