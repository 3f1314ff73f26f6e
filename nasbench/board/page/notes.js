// Tags and a note of the reader, kept in the run's folder.
(function () {
  "use strict";
  const nasbench = (window.nasbench = window.nasbench || {});
  const { el } = nasbench;

  nasbench.tags = (tags) => el("span", { class: "tags" }, (tags || []).map((tag) => el("bdi", { class: "tag" }, tag)));

  nasbench.notes = () => {
    const state = { run: null, editing: false };
    const shown = el("div", { class: "row" });
    const tags = el("input", { type: "text", "aria-label": "Tags", placeholder: "tags, separated by commas", autocomplete: "off" });
    const note = el("textarea", { rows: 3, "aria-label": "Note", placeholder: "a note" });
    const told = el("span", { class: "muted", role: "status" });
    const form = el("form", { class: "notesform", hidden: true, onsubmit: (event) => {
      event.preventDefault();
      send();
    } }, tags, note, el("div", { class: "row" }, el("button", { type: "submit" }, "Save"), el("button", { type: "button", class: "plain", onclick: () => edit(false) }, "Cancel"), told));
    const node = el("div", { class: "panel" }, shown, form);

    function edit(on) {
      state.editing = on;
      form.hidden = !on;
      shown.hidden = on;
      told.textContent = "";
      if (!on) return;
      tags.value = (state.run.tags || []).join(", ");
      note.value = state.run.note || "";
      tags.focus();
    }

    async function send() {
      const body = JSON.stringify({ tags: tags.value.split(","), note: note.value });
      const answer = await fetch(`notes/${state.run.key}`, { method: "POST", headers: { "Content-Type": "application/json" }, body }).catch(() => null);
      if (!answer?.ok) {
        told.textContent = answer ? `Not saved: ${await answer.text()}` : "Not saved: the server does not answer.";
        return;
      }
      Object.assign(state.run, await answer.json());
      edit(false);
      draw();
    }

    function draw() {
      const { run } = state;
      const some = run.tags?.length || run.note;
      node.hidden = !some && !nasbench.live;
      nasbench.replace(shown, [run.key, run.tags, run.note], () => [nasbench.tags(run.tags), run.note && el("p", { class: "ownnote" }, el("bdi", {}, run.note)),
        nasbench.live && el("button", { type: "button", class: "plain small", onclick: () => edit(true) }, some ? "Edit tags and note" : "Add tags or a note")]);
    }

    return {
      node,
      update(run) {
        state.run = { ...run };
        draw();
      },
    };
  };
})();
