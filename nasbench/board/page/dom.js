// Elements from data: texts become text nodes, never markup.
(function () {
  "use strict";
  const nasbench = (window.nasbench = window.nasbench || {});
  const SVG = "http://www.w3.org/2000/svg";

  function set(node, name, value) {
    if (value === null || value === undefined || value === false) return;
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (name === "style") {
      // The page's policy forbids style attributes, not the style object.
      for (const [key, each] of Object.entries(value)) node.style.setProperty(key, each);
    } else if (name === "value") node.value = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }

  function fill(node, attributes, children) {
    for (const name in attributes || {}) set(node, name, attributes[name]);
    for (const child of children.flat(Infinity)) {
      if (child === null || child === undefined || child === false) continue;
      node.append(child instanceof Node ? child : String(child));
    }
    return node;
  }

  nasbench.el = (tag, attributes, ...children) =>
    fill(document.createElement(tag), attributes, children);

  nasbench.svg = (tag, attributes, ...children) =>
    fill(document.createElementNS(SVG, tag), attributes, children);

  const el = nasbench.el;

  // A name from a file: of any length, direction and content.
  nasbench.name = (text, className) =>
    el("bdi", { class: `name ${className || ""}`.trim(), title: text || "no name" },
      text || el("i", { class: "muted" }, "no name"));

  nasbench.link = (href, text, className) =>
    el("a", { href, class: className }, nasbench.name(text));

  nasbench.section = (heading, ...children) =>
    el("section", { class: "panel" }, el("h2", {}, heading), children);

  nasbench.facts = (pairs) =>
    el("dl", { class: "facts" }, pairs
      .filter(([, value]) => value !== null && value !== undefined && value !== "")
      .map(([term, value]) => el("div", {}, el("dt", {}, el("bdi", {}, term)),
        el("dd", {}, value instanceof Node ? value : el("bdi", {}, value)))));

  nasbench.href = (place, view, ...rest) =>
    "#/" + [place, view, ...rest].map((part) => encodeURIComponent(part)).join("/");

  // Put new children in only where something differs: a selection or an open menu survives.
  nasbench.replace = (node, signature, make) => {
    const text = JSON.stringify(signature);
    if (node.nasbenchSignature === text) return;
    node.nasbenchSignature = text;
    node.replaceChildren(...[make()].flat(Infinity).filter((child) => child));
  };
})();
