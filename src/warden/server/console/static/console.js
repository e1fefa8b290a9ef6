// What the pages gain with JavaScript: shortcuts, a moving line, live updates. Nothing here decides anything: every decision
// is a form of the page, and works without this file.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const one = (query, from = document) => from.querySelector(query);
  const all = (query, from = document) => [...from.querySelectorAll(query)];
  const typing = (node) => node instanceof HTMLElement && (node.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(node.tagName)) && node.type !== "checkbox";

  // The line that keys move.
  let place = -1;
  const lines = () => all("tr[data-href]");
  const move = (step) => {
    const found = lines();
    if (!found.length) return;
    place = Math.max(0, Math.min(found.length - 1, place + step));
    found.forEach((line, number) => line.classList.toggle("at", number === place));
    const link = one("a[href]", found[place]);
    if (link) link.focus({ preventScroll: true });
    found[place].scrollIntoView({ block: "nearest" });
  };
  const current = () => lines()[place];

  const reveal = (id) => {
    const part = document.getElementById(id);
    if (!part) return;
    if (part instanceof HTMLDetailsElement) part.open = true;
    const field = one("textarea, input:not([type=hidden]), button", part);
    if (field) { field.focus(); field.scrollIntoView({ block: "center" }); }
  };

  let prefix = "";
  const acts = {
    j: () => move(1),
    k: () => move(-1),
    o: () => { const line = current(); if (line) location.assign(line.dataset.href); },
    x: () => { const box = current() && one("input[type=checkbox]", current()); if (box) { box.checked = !box.checked; count(); } },
    n: () => { const next = one('a[href^="/review/next"]'); location.assign(next ? next.getAttribute("href") : "/review/next"); },
    a: () => reveal("accept"),
    e: () => reveal("edit"),
    r: () => reveal("respond"),
    i: () => reveal("ignore"),
    t: () => reveal("acknowledge"),
    "?": () => { const keys = document.getElementById("keys"); if (keys && !keys.open) keys.showModal(); },
  };
  const places = { q: "/review", m: "/messages", l: "/ledger", p: "/policy", h: "/health", c: "/charts" };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.key === "Escape" && typing(event.target)) { event.target.blur(); return; }
    if (typing(event.target) || one("dialog[open]")) return;
    if (prefix === "g" && places[event.key]) { prefix = ""; event.preventDefault(); location.assign(places[event.key]); return; }
    prefix = event.key === "g" ? "g" : "";
    const act = acts[event.key];
    if (act) { event.preventDefault(); act(); }
  });

  const count = () => {
    const told = document.getElementById("chosen");
    if (!told) return;
    const number = all("#batch input[type=checkbox]:checked").length;
    told.textContent = number ? `${number} selected` : "With the selection";
  };
  document.addEventListener("change", (event) => { if (event.target.type === "checkbox") count(); });

  // Live: the page asks for itself again and takes over the parts that are marked; a page with a form that somebody may be
  // filling in is only told.
  const refresh = async () => {
    const live = all("[data-live]");
    const bar = document.getElementById("live");
    const ticked = new Set(all("#batch input[type=checkbox]:checked").map((box) => box.value));
    if (!live.length) { if (bar) bar.hidden = false; return; }
    try {
      const answer = await fetch(location.href, { credentials: "same-origin", headers: { accept: "text/html" } });
      if (!answer.ok || answer.redirected) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of live) {
        const fresh = part.id && page.getElementById(part.id);
        if (fresh) part.replaceWith(document.adoptNode(fresh));
        else if (bar) bar.hidden = false;
      }
      for (const box of all("#batch input[type=checkbox]")) box.checked = ticked.has(box.value);
      const line = current();
      if (line) line.classList.add("at");
      count();
    } catch { if (bar) bar.hidden = false; }
  };
  if (document.body.dataset.mark !== undefined && "EventSource" in window) {
    let waiting = null;
    const source = new EventSource("/events");
    source.addEventListener("changed", () => { clearTimeout(waiting); waiting = setTimeout(refresh, 300); });
    source.addEventListener("ended", () => { source.close(); location.assign("/sign-in"); });
    window.addEventListener("pagehide", () => source.close());
  }
})();
