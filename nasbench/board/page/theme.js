// Light, dark, or whatever the system says.
(function () {
  "use strict";
  const nasbench = (window.nasbench = window.nasbench || {});
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const KEY = "nasbench-theme";

  // Storage throws where cookies are blocked and on some file:// pages.
  function remembered() {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null;
    }
  }

  function remember(theme) {
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      /* the choice then lasts as long as the page */
    }
  }

  nasbench.isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);

  function label() {
    const button = document.getElementById("theme");
    const next = nasbench.isDark() ? "light" : "dark";
    button.textContent = nasbench.isDark() ? "☀ Light" : "☾ Dark";
    button.setAttribute("aria-label", `Switch to the ${next} theme`);
  }

  function changed() {
    label();
    nasbench.redraw?.(); // canvases hold colours of their own
  }

  const saved = remembered();
  if (saved === "light" || saved === "dark") root.dataset.theme = saved;
  document.getElementById("theme").addEventListener("click", () => {
    root.dataset.theme = nasbench.isDark() ? "light" : "dark";
    remember(root.dataset.theme);
    changed();
  });
  system.addEventListener("change", changed);
  label();
})();
