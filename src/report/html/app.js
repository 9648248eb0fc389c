"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const $ = (selector, from = document) => from.querySelector(selector);
  const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];

  // --- light and dark: follows the system until the reader chooses -----------------------------------------------
  const remember = (value) => { try { localStorage.setItem("kflake-theme", value); } catch { /* private window */ } };
  const recall = () => { try { return localStorage.getItem("kflake-theme"); } catch { return null; } };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const toggle = $("#theme");
  const shown = () => root.dataset.theme || (dark.matches ? "dark" : "light");
  const label = () => {
    const next = shown() === "dark" ? "light" : "dark";
    toggle.textContent = next === "dark" ? "Dark" : "Light";
    toggle.setAttribute("aria-label", `Switch to ${next} colours`);
  };
  if (["light", "dark"].includes(recall())) root.dataset.theme = recall();
  toggle.addEventListener("click", () => {
    root.dataset.theme = shown() === "dark" ? "light" : "dark";
    remember(root.dataset.theme);
    label();
  });
  dark.addEventListener("change", label);
  label();

  // --- the matrix: one tab stop, arrow keys inside -----------------------------------------------------------------
  const table = $(".matrix");
  const cells = table ? $$("a.cell", table) : [];
  const visible = (cell) => cell.offsetParent !== null && !cell.closest(".off");
  const rove = (cell) => {
    for (const other of cells) other.tabIndex = -1;
    if (cell) cell.tabIndex = 0;
  };
  rove(cells[0]);
  const neighbour = (cell, key) => {
    const row = cell.closest("tr");
    const at = cell.closest("td").cellIndex;
    const inRow = (r) => $$("a.cell", r).filter(visible);
    const here = inRow(row);
    const rows = $$("tbody tr", table).filter((r) => inRow(r).length);
    const column = (list) => list.map((r) => r.cells[at] && $("a.cell", r.cells[at])).find((c) => c && visible(c));
    const index = rows.indexOf(row);
    switch (key) {
      case "ArrowRight": return here[here.indexOf(cell) + 1];
      case "ArrowLeft": return here[here.indexOf(cell) - 1];
      case "ArrowDown": return column(rows.slice(index + 1));
      case "ArrowUp": return column(rows.slice(0, index).reverse());
      case "Home": return here[0];
      case "End": return here[here.length - 1];
      default: return undefined;
    }
  };
  table?.addEventListener("keydown", (event) => {
    const cell = event.target.closest("a.cell");
    if (!cell || event.ctrlKey || event.metaKey || event.altKey) return;
    const next = neighbour(cell, event.key);
    if (next) {
      event.preventDefault();
      rove(next);
      next.focus();
    }
  });

  // --- a cell's page -----------------------------------------------------------------------------------------------
  const dialog = $("#sheet");
  const sheet = $(".body", dialog);
  let opener = null;
  const order = $$(".all details[id]").map((details) => details.id);
  const open = (id, from) => {
    const details = /^c\d+$/.test(id) && document.getElementById(id);
    if (!details) return false;
    if (from) opener = from;
    $("h2", dialog).textContent = details.dataset.name;
    sheet.replaceChildren(...[...$(".body", details).children].map((child) => child.cloneNode(true)));
    dialog.dataset.cell = id;
    dialog.scrollTop = 0;
    if (!dialog.open) dialog.showModal();
    history.replaceState(null, "", `#${id}`);
    return true;
  };
  const step = (by) => {
    const allowed = new Set(cells.filter(visible).map((cell) => cell.hash.slice(1)));
    const list = order.filter((id) => allowed.has(id));
    const at = list.indexOf(dialog.dataset.cell);
    const next = list[(at + by + list.length) % list.length];
    if (next) open(next);
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#c"]');
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey && open(link.hash.slice(1), link)) {
      event.preventDefault();
      if (cells.includes(link)) rove(link);
    }
    const button = event.target.closest("button[data-copy]");
    if (button) copy(button);
  });
  $("#close").addEventListener("click", () => dialog.close());
  $("#next").addEventListener("click", () => step(1));
  $("#previous").addEventListener("click", () => step(-1));
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => {
    history.replaceState(null, "", location.pathname + location.search);
    (opener?.isConnected ? opener : cells[0])?.focus();
  });

  const copy = async (button) => {
    const text = $("pre", button.parentElement);
    try {
      await navigator.clipboard.writeText(text.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(text);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  };

  // --- filters -----------------------------------------------------------------------------------------------------
  const form = $("form.filters");
  const count = $(".count");
  // a small screen shows the matrix first
  if (matchMedia("(max-width: 45rem)").matches) $(".fold")?.removeAttribute("open");
  const apply = () => {
    const data = new FormData(form);
    const outcomes = data.getAll("outcome");
    const changes = data.getAll("change");
    const words = String(data.get("text") || "").toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = (cell) =>
      (!outcomes.length || outcomes.includes(cell.dataset.outcome)) &&
      (!changes.length || changes.includes(cell.dataset.change)) &&
      (!data.get("source") || cell.dataset.source === data.get("source")) &&
      (!data.get("compiler") || cell.dataset.compiler === data.get("compiler")) &&
      words.every((word) => cell.dataset.text.includes(word));
    const found = new Set();
    for (const cell of cells) {
      const keep = wanted(cell);
      cell.closest("td").classList.toggle("off", !keep);
      cell.toggleAttribute("inert", !keep);
      if (keep) found.add(cell.hash);
    }
    const filtered = found.size < new Set(cells.map((cell) => cell.hash)).size;
    for (const row of $$("tbody tr", table)) row.hidden = filtered && !$("td:not(.off) a.cell", row);
    for (const details of $$(".all details[id]")) details.hidden = !found.has(`#${details.id}`);
    const all = new Set(cells.map((cell) => cell.hash)).size;
    count.textContent = filtered ? `${found.size} of ${all} cells` : `${all} cells`;
    $("#clear").hidden = !filtered;
    rove(cells.find((cell) => cell.tabIndex === 0 && visible(cell)) || cells.find(visible));
  };
  if (form && table) {
    form.addEventListener("input", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(apply));
    // a reloaded page may come with its filters still set
    apply();
  }

  // whether there is more to the right than the screen shows
  const frame = $(".frame");
  const scroll = $(".scroll");
  if (frame && scroll) {
    const cue = () => {
      const more = scroll.scrollWidth - scroll.clientWidth - scroll.scrollLeft > 4;
      frame.classList.toggle("more", more);
      $(".cue").hidden = scroll.scrollWidth - scroll.clientWidth <= 4;
    };
    scroll.addEventListener("scroll", cue, { passive: true });
    addEventListener("resize", cue);
    cue();
  }

  const fromHash = () => open(location.hash.slice(1));
  addEventListener("hashchange", fromHash);
  fromHash();
})();
