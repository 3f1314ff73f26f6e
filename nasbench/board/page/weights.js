// Architecture weights over time: a heat map per choice, and the same as a table.
(function () {
  "use strict";
  const nasbench = (window.nasbench = window.nasbench || {});
  const { el } = nasbench;
  const FIRST = 60;

  function readings(weights, column) {
    const percent = (share) => `${(share * 100).toFixed(1)} %`;
    return weights.choices.map((choice) => {
      const top = nasbench.strongest(choice, column);
      const chosen = choice.chosen?.[column];
      return {
        choice: choice.label, leader: top?.name ?? "–", share: top?.share ?? null, text: top ? percent(top.share) : "–",
        chosen: chosen === null || chosen === undefined ? "–" : choice.candidates[chosen] ?? String(chosen),
      };
    });
  }

  // Early in a search all shares lie close together: the ramp spans those of this run, and says so.
  function span(weights) {
    const found = nasbench.extent(weights.choices.flatMap((choice) => choice.shares));
    return found && found[1] - found[0] > 1e-6 ? found : [0, 1];
  }

  const key = ([low, high]) => el("span", { class: "rampkey" }, `share ${nasbench.format.significant(low, 3)}`,
    el("span", { "aria-hidden": "true" }, [0, 0.2, 0.4, 0.6, 0.8, 1].map((share) =>
      el("span", { style: { background: nasbench.colour.css(share) } }))), nasbench.format.significant(high, 3));

  nasbench.weights = () => {
    const state = { weights: null, maps: [], all: false, epoch: null };
    const grid = el("div", { class: "heats" });
    const text = el("p", { class: "reading", "aria-hidden": "true" });
    const legend = el("span");
    const more = el("button", { type: "button", class: "plain", onclick: () => {
      state.all = true;
      draw();
    } });
    const caption = el("p", { class: "muted" });
    const table = nasbench.table({
      label: "Leading candidates", columns: [
        { heading: "choice", value: (row) => row.choice, cell: (row) => nasbench.name(row.choice) },
        { heading: "leading candidate", value: (row) => row.leader, cell: (row) => nasbench.name(row.leader) },
        { heading: "share", numeric: true, value: (row) => row.share, cell: (row) => row.text },
        { heading: "chosen", value: (row) => row.chosen, cell: (row) => nasbench.name(row.chosen) }],
    });
    const details = el("details", { ontoggle: tell }, el("summary", {}, "The same as a table"), caption, table.node);
    const node = el("div", {}, el("div", { class: "tools" }, legend, text), grid, more, details);
    const idle = "A row per candidate, an epoch per column; ● marks what is chosen now. Point at a cell to read it.";
    text.textContent = idle;

    function reader(i) {
      return (row, column) => {
        const choice = state.weights.choices[i];
        if (row === null) {
          text.textContent = idle;
          return;
        }
        const share = choice.shares[column]?.[row];
        text.textContent = `${choice.label}, epoch ${state.weights.epochs[column]}: ` +
          `${choice.candidates[row]} ${nasbench.format.isNumber(share) ? share.toFixed(3) : "–"}`;
      };
    }

    const column = () => (state.epoch === null ? -1 : state.weights.epochs.indexOf(state.epoch));

    function tell() {
      if (!details.open || !state.weights) return;
      const at = column() < 0 ? state.weights.epochs.length - 1 : column();
      caption.textContent = `At epoch ${state.weights.epochs[at]}.`;
      table.update(readings(state.weights, at));
    }

    function draw() {
      const choices = state.weights.choices;
      const count = state.all ? choices.length : Math.min(choices.length, FIRST);
      while (state.maps.length > count) state.maps.pop().node.remove();
      while (state.maps.length < count) {
        const map = nasbench.heat(reader(state.maps.length));
        state.maps.push(map);
        grid.append(map.node);
      }
      const range = span(state.weights);
      state.maps.forEach((map, i) => map.update(choices[i], range));
      more.hidden = count === choices.length;
      more.textContent = `Show all ${choices.length} choices`;
      legend.replaceChildren(key(range));
      point();
    }

    function point() {
      state.maps.forEach((map) => map.point(column()));
      tell();
    }

    return {
      node,
      update(weights) {
        state.weights = weights;
        if (weights?.choices.length) draw();
        return Boolean(weights?.choices.length);
      },
      // Follows the slider of the drawings.
      at(epoch) {
        state.epoch = epoch ?? null;
        if (state.weights) point();
      },
    };
  };
})();
