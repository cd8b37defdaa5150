// The console's one script: open pages hear what changed and fetch those sections again; keys.
// All of it may be absent: every page works by links, forms and reloading.

const lamp = document.getElementById("lamp");
const said = document.getElementById("said");
const RETRY_MS = 3000;
const SETTLE_MS = 200;
const SILENT_MS = 40000; // the server speaks every 15 s
const AGAIN_MS = 10000;

let paused = sessionStorage.getItem("paused") === "yes";
let stale = new Set();
let timer = 0;
let fetching = false;
let news = "live"; // what the stream last said of itself
let shifted = false; // rows moved by themselves: y, n and u wait until one is chosen

const show = (state) => {
  if (!lamp) return;
  lamp.hidden = false;
  if (lamp.dataset.state !== state) lamp.nextElementSibling.textContent = `Updates: ${state}`;
  lamp.dataset.state = lamp.textContent = state;
  lamp.title = state === "lost" ? "No news from the server: reload to be sure" : "Pause or resume live updates";
};

// A section in use keeps its focus, its ticks, what was opened, chosen and typed; it is swapped when it
// is left.
const inUse = (section) =>
  section.contains(document.activeElement) ||
  section.querySelector("details[open], :checked:not([selected], [checked]), [checked]:not(:checked)") ||
  [...section.querySelectorAll("input, textarea")].some((field) => field.value !== field.defaultValue);

const touched = (section) =>
  stale.has("*") || section.dataset.live.split(" ").some((topic) => stale.has(topic));

const forgotten = (section) => section.dataset.live.split(" ").forEach((topic) => stale.add(topic));

const ROWS = "[data-rows] tbody tr, [data-rows] > li";
const nameOf = (row) => row.id || row.dataset.href || row.querySelector("[formaction]")?.getAttribute("formaction");

// The chosen row stays chosen, wherever it stands now. Where it is gone, or another one has come to
// where keys would act without a choice, they must not decide what nobody looked at.
function swap(section, next) {
  const chosen = section.querySelector(".on");
  const before = chosen || firstWithKeys(section);
  section.replaceWith(next);
  if (!before) return;
  const same = [...next.querySelectorAll(ROWS)].find((row) => nameOf(row) === nameOf(before));
  if (chosen && same) same.classList.add("on");
  else if (chosen || same !== firstWithKeys(next)) shifted = true;
}

const firstWithKeys = (section) => section.querySelector("[data-rows] [data-key]")?.closest("tr, li");

async function refresh() {
  if (paused || document.hidden || fetching) return;
  const wanted = [...document.querySelectorAll("[data-live]")].filter(touched);
  const sections = wanted.filter((section) => !inUse(section));
  for (const section of wanted) if (inUse(section)) section.dataset.missed = "";
  stale = new Set();
  if (!sections.length) return;
  fetching = true;
  let wait = SETTLE_MS;
  try {
    const answer = await fetch(document.body.dataset.at, {
      headers: { "X-Fragment": sections.map((s) => s.id).join(",") },
      redirect: "manual",
    });
    if (answer.status >= 500) sections.forEach(forgotten);
    if (!answer.ok) throw new Error(String(answer.status));
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const section of sections) {
      const next = fresh.getElementById(section.id);
      if (!next) continue;
      if (inUse(section)) section.dataset.missed = "";
      else if (next.outerHTML !== section.outerHTML) swap(section, next);
    }
    if (lamp.dataset.state === "lost") show(news);
  } catch (error) {
    if (error instanceof TypeError) sections.forEach(forgotten); // no answer at all
    if (!paused) show("lost");
    wait = RETRY_MS;
  } finally {
    fetching = false;
    if (stale.size) later(wait);
  }
}

function later(wait = SETTLE_MS) {
  clearTimeout(timer);
  timer = setTimeout(refresh, wait);
}

function heard({ state, topics = [] }) {
  if (state) news = state;
  if (state && !paused) show(state);
  for (const topic of topics) stale.add(topic);
  if (stale.size) later();
}

function left(event) {
  const section = event.target.closest?.("[data-missed]");
  if (section) heard({ topics: section.dataset.live.split(" ") });
}

// One tab holds the stream (a browser opens six connections to a host at most); the others are told.
function listen() {
  const others = new BroadcastChannel("gui-changes");
  others.onmessage = (event) => heard(event.data);
  const tell = (news) => {
    heard(news);
    others.postMessage(news);
  };
  const hold = () =>
    new Promise((gone) => {
      const stream = new EventSource("/gui/events");
      const end = () => {
        clearTimeout(silence);
        stream.close();
        tell({ state: "lost" });
        setTimeout(gone, RETRY_MS);
      };
      // A connection may die without an error, as in a tunnel.
      let silence = setTimeout(end, SILENT_MS);
      const news = ({ type, data }) => {
        clearTimeout(silence);
        silence = setTimeout(end, SILENT_MS);
        if (type !== "still") tell({ state: "live", topics: data ? data.split(" ") : ["*"] });
      };
      for (const kind of ["open", "changed", "still"]) stream.addEventListener(kind, news);
      stream.onerror = end;
    });
  // The lock is let go before anybody asks for it again.
  const turn = () => (navigator.locks ? navigator.locks.request("gui-stream", hold) : hold()).then(turn);
  turn();
}

function pause() {
  paused = !paused;
  sessionStorage.setItem("paused", paused ? "yes" : "no");
  show(paused ? "paused" : news);
  if (!paused) heard({ topics: ["*"] });
}

if (lamp && document.querySelector("[data-live]")) {
  show(paused ? "paused" : "live");
  lamp.addEventListener("click", pause);
  document.addEventListener("visibilitychange", () => later());
  for (const kind of ["focusout", "toggle", "change"]) document.addEventListener(kind, left, true);
  addEventListener("pageshow", (event) => event.persisted && heard({ topics: ["*"] }));
  listen();
}

// Pages stay open for hours. The server's clock counts.
const late = Date.parse(document.body.dataset.now) - Date.now();
const SIZES = { d: 86400, h: 3600, min: 60, s: 1 };

function age() {
  for (const time of document.querySelectorAll("time[title]")) {
    const apart = Math.round((Date.now() + late - Date.parse(time.dateTime)) / 1000);
    const unit = Object.keys(SIZES).find((name) => Math.abs(apart) >= SIZES[name]);
    const text = `${Math.floor(Math.abs(apart) / SIZES[unit])} ${unit}`;
    time.textContent = !unit ? "now" : apart > 0 ? `${text} ago` : `in ${text}`;
  }
}

setInterval(age, 10_000);

// What was said after an action is read out: a status region must change to be heard.
if (said && said.textContent.trim()) {
  const words = said.innerHTML;
  said.replaceChildren();
  requestAnimationFrame(() => (said.innerHTML = words));
}

// A slow answer invites a second press, which sends nothing.
let sent = 0;
addEventListener("pageshow", () => (sent = 0));
addEventListener("submit", (event) => {
  if (event.target.method !== "post") return;
  if (Date.now() - sent < AGAIN_MS) event.preventDefault();
  else sent = Date.now();
});

function offer(button, act) {
  button.hidden = false;
  button.addEventListener("click", act);
}

for (const button of navigator.clipboard ? document.querySelectorAll("[data-copy]") : []) {
  offer(button, async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
    button.textContent = "Copied";
  });
}

for (const button of document.querySelectorAll("#tick-all")) {
  offer(button, () => {
    const boxes = [...document.querySelectorAll("td.tick input")];
    const on = boxes.some((box) => !box.checked);
    for (const box of boxes) box.checked = on;
  });
}

const current = () => document.querySelector(".on");

function move(step) {
  const all = [...document.querySelectorAll(ROWS)];
  if (!all.length) return;
  const at = all.indexOf(current());
  const next = all[Math.max(0, Math.min(all.length - 1, at < 0 ? 0 : at + step))];
  current()?.classList.remove("on");
  next.classList.add("on");
  shifted = false;
  next.scrollIntoView({ block: "nearest" });
}

const tell = (text) => {
  const words = { className: "toast bad", textContent: text };
  said.replaceChildren(Object.assign(document.createElement("div"), words));
};

// A key acts on the row chosen with j and k, else on the page's first such button; u first on what
// was just done. What cannot be taken back is only brought under the finger.
function press(name) {
  const justDone = name === "u" && said.querySelector("[data-key=u]");
  if (shifted && !justDone) return tell("The list has changed: choose a row with j and k.");
  const button = justDone || (current() || document).querySelector(`[data-key="${name}"]`);
  if (!button?.classList.contains("danger")) return button?.click();
  button.focus();
  tell(`${button.textContent.trim()}? Enter does it.`);
}

const listKeys = () => document.getElementById("keys")?.showModal();

// The way to the list where keys are off.
for (const button of document.querySelectorAll("#keys-list")) offer(button, listKeys);

const PAGES = { o: "/gui", r: "/gui/requests", a: "/gui/agents", m: "/gui/metrics", s: "/gui/suggestions", h: "/gui/health" };
const KEYS = {
  "/": () => document.getElementById("q")?.focus(),
  j: () => move(1),
  k: () => move(-1),
  x: () => current()?.querySelector("input[type=checkbox]")?.click(),
  Enter: () => current()?.dataset.href && location.assign(current().dataset.href),
  p: pause,
  t: () => document.querySelector("[data-theme-switch]")?.click(),
  "?": listKeys,
  y: () => press("y"),
  n: () => press("n"),
  u: () => press("u"),
};

if (document.body.dataset.keys === "on") {
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input:not([type=checkbox]), textarea, select, dialog");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" && event.target.closest("a, button, summary")) return;
    const act = KEYS[event.key] || (PAGES[event.key] && (() => location.assign(PAGES[event.key])));
    if (!act) return;
    event.preventDefault();
    act();
  });
}
