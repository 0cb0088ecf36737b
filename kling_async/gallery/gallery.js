"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const get = (id) => document.getElementById(id);
  const grid = document.querySelector(".grid");
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const most = Number(document.body.dataset.most);
  const cards = [...grid.children].map((element) => ({
    element,
    index: Number(element.dataset.index),
    status: element.dataset.status,
    model: element.dataset.model,
    mode: element.dataset.mode,
    took: number(element.dataset.took),
    made: number(element.dataset.made),
    link: element.querySelector(".open"),
    video: element.querySelector("video"),
    text: element.textContent.toLowerCase(),
  }));
  const byElement = new Map(cards.map((card) => [card.element, card]));
  let visible = cards;

  function number(text) {
    return text === "" ? null : Number(text);
  }

  // Theme: the system's, until a button says otherwise.
  const themes = ["auto", "light", "dark"];
  let theme = "auto";
  try {
    const kept = localStorage.getItem("kling-gallery-theme");
    if (themes.includes(kept)) theme = kept;
  } catch { /* no storage here */ }
  function dress() {
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
    get("theme").textContent = `Theme: ${theme}`;
  }
  function nextTheme() {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    try { localStorage.setItem("kling-gallery-theme", theme); } catch { /* no storage here */ }
    dress();
  }
  dress();
  get("theme").addEventListener("click", nextTheme);

  // Videos are loaded as they come into view, a bounded number of them at once.
  const inView = new Set();
  const loaded = new Set();
  function unload(video) {
    loaded.delete(video);
    video.classList.remove("ready");
    video.pause();
    video.removeAttribute("src");
    video.load();
  }
  function tend() {
    for (const video of inView) {
      if (!loaded.has(video)) {
        if (loaded.size >= most) {
          const old = [...loaded].find((each) => !inView.has(each));
          if (old === undefined) break;
          unload(old);
        }
        loaded.add(video);
        video.preload = calm.matches ? "metadata" : "auto";
        video.src = video.dataset.src;
      }
      if (!calm.matches && !get("large").open) video.play().catch(() => {});
    }
    for (const video of loaded) if (!inView.has(video) || get("large").open) video.pause();
  }
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) inView.add(entry.target);
      else inView.delete(entry.target);
    }
    tend();
  }, { threshold: 0.2 });
  for (const { video } of cards) {
    if (video === null) continue;
    video.muted = true;
    video.addEventListener("loadeddata", () => video.classList.add("ready"));
    watcher.observe(video);
  }
  calm.addEventListener("change", () => { for (const video of loaded) video.pause(); tend(); });

  // Filter, search and sort.
  const field = { search: get("search"), model: get("model"), mode: get("mode"), sort: get("sort") };
  const valueOf = (name) => (field[name] === null ? "" : field[name].value);
  const ranks = { failed: 0, succeed: 1, plain: 2 };
  const keys = {
    index: (card) => card.index, made: (card) => card.made, took: (card) => card.took,
    status: (card) => ranks[card.status], model: (card) => card.model || null,
  };
  function compare(key, sign) {
    return (a, b) => {
      const [x, y] = [keys[key](a), keys[key](b)];
      if (x === y) return a.index - b.index;
      if (x === null || y === null) return x === null ? 1 : -1;
      return (x < y ? -1 : 1) * sign;
    };
  }
  let order = "index";
  function arrange() {
    const words = valueOf("search").toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = document.querySelector("input[name=status]:checked");
    const [status, model, mode] = [chosen === null ? "" : chosen.value, valueOf("model"), valueOf("mode")];
    const fits = (card) => (status === "" || card.status === status) && (model === "" || card.model === model)
      && (mode === "" || card.mode === mode) && words.every((word) => card.text.includes(word));
    const wanted = valueOf("sort") || "index";
    if (wanted !== order) {
      order = wanted;
      cards.sort(compare(wanted.replace("-", ""), wanted.startsWith("-") ? -1 : 1));
      grid.append(...cards.map((card) => card.element));
    }
    visible = cards.filter(fits);
    const kept = new Set(visible);
    for (const card of cards) card.element.hidden = !kept.has(card);
    get("shown").textContent = cards.length === visible.length ? "" : `${visible.length} of ${cards.length} shown`;
    get("nothing").hidden = visible.length > 0;
    settle(visible.find((card) => card.link.tabIndex === 0) || visible[0]);
  }
  function settle(current) {
    for (const card of cards) card.link.tabIndex = card === current ? 0 : -1;
  }
  const form = document.querySelector(".tools");
  form.addEventListener("input", arrange);
  form.addEventListener("submit", (event) => event.preventDefault());
  get("reset").addEventListener("click", () => { form.reset(); arrange(); field.search.focus(); });

  // From result to result with the arrows; only one of them is a stop of the tab key.
  function go(card) {
    if (card === undefined) return;
    settle(card);
    card.link.focus();
    card.element.scrollIntoView({ block: "nearest" });
  }
  function columns() {
    const top = visible[0].element.offsetTop;
    const next = visible.findIndex((card) => card.element.offsetTop !== top);
    return next === -1 ? visible.length : next;
  }
  grid.addEventListener("keydown", (event) => {
    const at = visible.findIndex((card) => card.link === event.target);
    if (at === -1 || event.altKey || event.ctrlKey || event.metaKey) return;
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns(), ArrowDown: columns() };
    const to = { Home: 0, End: visible.length - 1 }[event.key] ?? at + steps[event.key];
    if (Number.isNaN(to)) return;
    event.preventDefault();
    go(visible[Math.max(0, Math.min(visible.length - 1, to))]);
  });

  // One result, large.
  const large = get("large");
  let current = null;
  function show(card) {
    current = card;
    const { element, video } = card;
    const stage = get("stage");
    stage.querySelector("video")?.pause();
    stage.replaceChildren();
    for (const still of element.querySelectorAll(".still img")) {
      const copy = still.cloneNode();
      copy.loading = "eager";
      stage.append(framed(copy));
    }
    if (video === null) {
      stage.append(framed(element.querySelector(".reason").cloneNode(true)));
    } else {
      const player = document.createElement("video");
      Object.assign(player, { controls: true, loop: true, muted: calm.matches, playsInline: true, src: video.dataset.src });
      player.setAttribute("aria-label", video.getAttribute("aria-label"));
      stage.append(framed(player));
      if (!calm.matches) player.play().catch(() => {});
    }
    get("large-name").textContent = card.link.textContent;
    get("large-prompt").textContent = element.querySelector(".prompt").textContent;
    get("large-more").replaceChildren(...element.querySelector(".more").cloneNode(true).children);
    const file = get("large-file");
    file.hidden = video === null;
    if (video !== null) file.href = video.dataset.src;
    const at = visible.indexOf(card);
    get("place").textContent = `${at + 1} of ${visible.length}`;
    get("before").disabled = at <= 0;
    get("after").disabled = at === visible.length - 1;
    if (!large.open) large.showModal();
    large.scrollTop = 0;
    get("large-name").focus({ preventScroll: true });
    tend();
  }
  function framed(node) {
    const figure = document.createElement("figure");
    figure.append(node);
    return figure;
  }
  function turn(step) {
    const next = visible[visible.indexOf(current) + step];
    if (next !== undefined) show(next);
  }
  grid.addEventListener("click", (event) => {
    const link = event.target.closest(".open");
    if (link === null || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    show(byElement.get(link.closest(".card")));
  });
  get("before").addEventListener("click", () => turn(-1));
  get("after").addEventListener("click", () => turn(1));
  get("close").addEventListener("click", () => large.close());
  large.addEventListener("click", (event) => { if (event.target === large) large.close(); });
  large.addEventListener("close", () => {
    get("stage").replaceChildren();
    go(current);
    tend();
  });
  large.addEventListener("keydown", (event) => {
    const player = get("stage").querySelector("video");
    if (event.key === "ArrowLeft" && event.target !== player) turn(-1);
    else if (event.key === "ArrowRight" && event.target !== player) turn(1);
    else if (event.key === " " && player !== null && event.target !== player && event.target.tagName !== "BUTTON") {
      if (player.paused) player.play().catch(() => {});
      else player.pause();
    } else return;
    event.preventDefault();
  });

  // Keys of the whole page.
  get("keys").addEventListener("click", () => get("help").showModal());
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input[type=search], select");
    if (event.key === "Escape" && event.target === field.search) {
      field.search.value = "";
      arrange();
      return;
    }
    if (typing || event.altKey || event.ctrlKey || event.metaKey || document.querySelector("dialog[open]")) return;
    if (event.key === "/") {
      event.preventDefault();
      field.search.focus();
    } else if (event.key === "?") get("help").showModal();
    else if (event.key === "t" || event.key === "T") nextTheme();
    else if (event.key.startsWith("Arrow") && document.activeElement === document.body && visible.length > 0 && event.key !== "ArrowUp") go(visible[0]);
    else return;
  });
  arrange();
})();
