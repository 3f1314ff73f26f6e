// A cell as it grows: a drawing per epoch, a slider, a play button.
(function () {
  "use strict";
  const nasbench = (window.nasbench = window.nasbench || {});
  const { el } = nasbench;
  const PAUSE = 450;

  // moved(epoch) is called whenever another epoch is shown.
  nasbench.drawings = (moved) => {
    const state = { name: "", list: [], at: 0, what: "cell", word: "Network", timer: null };
    const image = el("img", { decoding: "async" });
    const lacking = el("p", { class: "muted", hidden: true });
    const open = el("a", { target: "_blank", rel: "noopener", class: "small" }, "Open the drawing");
    const slider = el("input", { type: "range", min: 0, step: 1, "aria-label": "Epoch", oninput: () => {
      stop();
      show(Number(slider.value));
    } });
    const epoch = el("output", { class: "epoch" });
    const play = el("button", { type: "button", onclick: () => (state.timer ? stop() : start()) }, "▶ Play");
    const kinds = ["cell", "supernet"].map((what) => el("button", { type: "button", onclick: () => {
      state.what = what;
      show(state.at);
    } }, what === "cell" ? "architecture" : what));
    const choice = el("span", { class: "segments", role: "group", "aria-label": "What is drawn" }, kinds);
    const player = el("span", { class: "player" }, play, slider, epoch);
    const node = el("div", { class: "drawings" }, el("div", { class: "tools" }, player, choice, open),
      el("div", { class: "paper" }, image, lacking));

    image.addEventListener("error", () => {
      image.hidden = true;
      say("This drawing is missing.");
    });
    image.addEventListener("load", () => {
      image.hidden = false;
      say("");
      // Drawings differ in height; the page below must not jump while they play.
      const paper = image.parentNode;
      if (state.timer) paper.style.minHeight = `${Math.max(paper.offsetHeight, parseFloat(paper.style.minHeight) || 0)}px`;
    });

    function say(text) {
      lacking.hidden = !text;
      lacking.textContent = text;
    }

    function stop() {
      clearTimeout(state.timer);
      state.timer = null;
      play.textContent = "▶ Play";
      image.parentNode.style.minHeight = "";
    }

    function start() {
      if (state.at >= state.list.length - 1) show(0);
      play.textContent = "❚❚ Pause";
      const step = async () => {
        await image.decode().catch(() => null); // never faster than the drawings arrive
        if (!state.timer) return;
        if (!node.isConnected || state.at >= state.list.length - 1) return stop();
        show(state.at + 1);
        state.timer = setTimeout(step, PAUSE);
      };
      state.timer = setTimeout(step, PAUSE);
    }

    const source = (entry) => (state.what === "supernet" && entry?.supernet) || entry?.cell;

    function show(at) {
      state.at = Math.min(Math.max(at, 0), state.list.length - 1);
      const entry = state.list[state.at];
      const when = nasbench.format.isNumber(entry.epoch) ? `epoch ${entry.epoch}` : "final";
      if (image.getAttribute("src") !== source(entry)) {
        image.src = source(entry);
        if (!image.naturalWidth) say("Drawing …"); // the server's first one takes seconds
      }
      image.alt = `${state.what === "supernet" && entry.supernet ? "Supernet" : state.word} of ${state.name || "this run"}, ${when}`;
      open.href = source(entry);
      slider.max = state.list.length - 1;
      slider.value = state.at;
      slider.setAttribute("aria-valuetext", when);
      epoch.textContent = `${when}, last ${state.list[state.list.length - 1].epoch ?? "one"}`;
      kinds.forEach((button) => button.setAttribute("aria-pressed", String((button.textContent === "supernet") === (state.what === "supernet"))));
      if (state.list[state.at + 1]) new Image().src = source(state.list[state.at + 1]);
      moved?.(entry.epoch);
    }

    return {
      node,
      stop,
      // Stays at the reader's epoch, or follows where the slider stood at the end.
      update(run) {
        const list = (run.drawings || []).filter((entry) => entry.cell || entry.supernet)
          .map((entry) => ({ ...entry, cell: entry.cell || entry.supernet }));
        const atEnd = state.at >= state.list.length - 1;
        const epochBefore = state.list[state.at]?.epoch;
        state.name = run.name;
        state.word = (run.drawn || "network").replace(/^./, (first) => first.toUpperCase());
        state.list = list;
        if (!list.length) return false;
        player.hidden = list.length < 2;
        choice.hidden = !list.some((entry) => entry.supernet && entry.supernet !== entry.cell);
        const same = list.findIndex((entry) => entry.epoch === epochBefore);
        show(atEnd && !state.timer ? list.length - 1 : Math.max(same, 0));
        return true;
      },
    };
  };
})();
