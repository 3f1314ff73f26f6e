// Routes, polling and the frame around the views.
(function () {
  "use strict";
  const nasbench = (window.nasbench = window.nasbench || {});
  const { el } = nasbench;
  const EVERY = 700;
  const KEPT = 8;
  const LINKS = [["leaderboard", "Leaderboard"], ["cost", "Cost"], ["runs", "Runs"], ["compare", "Compare"]];
  const $ = (id) => document.getElementById(id);
  const kept = new Map(); // path -> {view, scroll}: going back finds a view as it was left
  let current = null; // {path, entry, data, route}
  let turn = 0;
  let timer = null;

  function decode(part) {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  }

  // #/PLACE/VIEW/KEY/KEY?q=FILTER
  function route() {
    const [path, query] = (location.hash.slice(1) || "/0/leaderboard").split("?");
    const [, id = "0", view = "leaderboard", ...keys] = path.split("/").map(decode);
    const q = decode((query || "").replace(/^q=/, ""));
    const many = { run: 1, record: 1, compare: 100 }[view] || 0;
    const known = Object.hasOwn(nasbench.views, view) && /^\d+$/.test(id) && (many !== 1 || keys[0]);
    return { path, id, view: view || "leaderboard", keys: keys.slice(0, many).filter((key) => key && key !== "-"), query: q, known };
  }

  function frame(places, at) {
    const list = places?.places || [];
    $("place-label").hidden = list.length < 2;
    nasbench.replace($("place"), list, () => list.map((place) =>
      el("option", { value: place.id }, `${place.path} (${nasbench.format.plural(place.runs, "run")}, ${nasbench.format.plural(place.records, "record")})`)));
    $("place").value = at.id;
    nasbench.replace($("nav"), [at.id, at.view], () => LINKS.map(([view, name]) =>
      el("a", { href: nasbench.href(at.id, view), "aria-current": view === at.view || (view === "runs" && at.view === "run") || (view === "leaderboard" && at.view === "record") ? "page" : null }, name)));
  }

  function mark(lost, places) {
    const live = $("live");
    live.className = `live ${!nasbench.live ? "static" : lost ? "lost" : "on"}`;
    const text = !nasbench.live ? `static, made ${nasbench.format.moment(places?.made)}`
      : lost ? "connection lost, trying again" : "live";
    if (live.textContent !== text) live.textContent = text; // or it would be read out again
    live.title = places?.version ? `nasbench ${places.version}` : "";
  }

  function note(place) {
    nasbench.replace($("note"), place && [place.note, place.problems], () => [
      place?.note && el("p", { class: "note", role: "note" }, el("span", { "aria-hidden": "true" }, "⚠ "), el("bdi", {}, place.note)),
      place?.problems?.length && el("details", { class: "problems" },
        el("summary", {}, `${nasbench.format.plural(place.problems.length, "problem")} while reading this folder`),
        el("ul", {}, place.problems.map((line) => el("li", {}, el("bdi", { class: "wrap" }, line)))))]);
  }

  function gone(view) {
    $("note").nasbenchSignature = null;
    $("note").replaceChildren(el("p", { class: "note", role: "status" },
      `This ${view === "record" ? "record" : "run"} is no longer in the results folder. What was read last is still shown.`));
  }

  function lacking(text, at, place) {
    leave();
    current = null;
    const target = place ? nasbench.href(at.id, "leaderboard") : "#/0/leaderboard";
    const line = el("p", { class: "line" }, `${text} `, el("a", { href: target }, "Go to the leaderboard"));
    nasbench.replace($("view"), ["lacking", text, target], () => line);
  }

  function leave() {
    if (!current) return;
    current.entry.scroll = window.scrollY;
    current.entry.view.leave?.();
  }

  function enter(at, data, path) {
    leave();
    const entry = kept.get(path) || { view: nasbench.views[at.view].build(), scroll: 0 };
    kept.delete(path);
    kept.set(path, entry);
    if (kept.size > KEPT) kept.delete(kept.keys().next().value);
    const heading = ["run", "record"].includes(at.view) ? null : el("h1", {}, nasbench.views[at.view].heading);
    $("view").nasbenchSignature = null;
    $("view").replaceChildren(...[heading, entry.view.node].filter(Boolean));
    const first = current === null && !document.activeElement?.closest("header");
    current = { path, entry };
    entry.view.update(data);
    window.scrollTo(0, entry.scroll);
    if (!first) $("main").focus({ preventScroll: true });
  }

  function show(at, data) {
    const path = at.view === "compare" ? `/${at.id}/compare` : at.path;
    const name = at.view !== "compare" && data.runs.length === 1 ? data.runs[0].name : nasbench.views[at.view].heading;
    document.title = `${name || "no name"} – ${document.body.dataset.title}`;
    if (current?.path !== path) enter(at, data, path);
    else if (current.sources.some((source, i) => source !== data.sources[i])) current.entry.view.update(data);
    Object.assign(current, { sources: data.sources, data });
  }

  // Who opens the page without results yet sees what there is: the tuning, or the list of runs.
  function landing(at, place) {
    if (location.hash || !place || place.tasks.length || !place.runs.length) return false;
    const only = place.runs.every((run) => run.verb === "hpo");
    location.replace(only ? nasbench.href(at.id, "run", place.runs[0].key) : nasbench.href(at.id, "runs"));
    return true;
  }

  function paint(at, places, place, runs) {
    if (landing(at, place)) return;
    frame(places, at);
    note(place);
    if (!places || !place) return lacking("There is no such results folder here.", at, null);
    if (!at.known) return lacking("There is no such page here.", at, place);
    if (at.keys.some((key, i) => key && key !== "-" && !runs[i])) {
      if (current?.path === at.path) return gone(at.view); // deleted while it is looked at
      if (at.view !== "compare" || !runs.some(Boolean)) return lacking(`There is no such ${at.view === "record" ? "record" : "run"} here.`, at, place);
      // Of runs that are compared, those that are left are shown.
    }
    const data = { places, place, runs, ...at, sources: [place, at.path, at.query, ...runs] };
    try {
      show(at, data);
    } catch (error) {
      console.error(error);
      lacking(`This view could not be drawn: ${error.message}.`, at, place);
    }
  }

  async function refresh() {
    const mine = ++turn;
    clearTimeout(timer);
    const at = route();
    const runs = at.known ? at.keys : [];
    let found;
    try {
      found = await Promise.all([nasbench.load("places"), nasbench.load(`place-${at.id}`),
        ...runs.map((key) => (key && key !== "-" ? nasbench.load(`${at.view === "record" ? "record" : "run"}-${key}`) : null))]);
    } catch {
      found = null;
    }
    if (mine !== turn) return;
    if (found) paint(at, found[0], found[1], found.slice(2));
    mark(!found, found?.[0]);
    if (nasbench.live && !document.hidden) timer = setTimeout(refresh, EVERY);
  }

  nasbench.redraw = () => current?.data && current.entry.view.update(current.data);
  $("place").addEventListener("change", (event) => {
    const { view } = route();
    location.hash = nasbench.href(event.target.value, LINKS.some(([each]) => each === view) ? view : "runs");
  });
  $("skip").addEventListener("click", (event) => {
    event.preventDefault(); // the address's hash is the route
    $("main").focus();
  });
  window.addEventListener("hashchange", refresh);
  document.addEventListener("visibilitychange", () => nasbench.live && !document.hidden && refresh());
  if ("scrollRestoration" in history) history.scrollRestoration = "manual";
  refresh();
})();
