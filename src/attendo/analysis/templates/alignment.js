// The page: what is typed and pressed changes the view, and the view is shown.

const byId = (name) => document.getElementById(name);
const CONTROLS = Object.keys(USUAL).filter((name) => name !== "text");

let view = { ...USUAL };
let wanted = [];  // numbers of the texts that the view asks for
let cell = [-1, -1];  // row and column that are marked

// ------------------------------------------------------------------------------------------- the controls
function option(value, words) {
  const made = make("option", "", words);
  made.value = value;
  return made;
}

function fillControls() {
  for (const kind of KINDS) byId("kind").append(option(kind.name, kind.title));
  const isSplit = ({ words }) => words.some((word, place) => word === words[place - 1]);
  byId("unit-label").hidden = !TEXTS.some((text) => isSplit(text.source) || isSplit(text.target));
}

// Layers and heads differ between kinds: what the new one lacks becomes the mean.
function fillHeads() {
  const kind = kindOf(view.kind);
  for (const [name, total] of [["layer", kind.layers], ["head", kind.heads]]) {
    const numbers = [...Array(total).keys()].map((number) => option(String(number + 1), String(number + 1)));
    byId(name).replaceChildren(option("mean", `mean of ${total}`), ...numbers);
    if (!isPossible(name, view[name])) view[name] = "mean";
    byId(name).value = view[name];
    byId(`${name}-label`).hidden = kind.name === "copy";
  }
}

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  view = { ...USUAL };
  for (const name of Object.keys(USUAL)) {
    if (name === "layer") fillHeads();
    if (given.has(name) && isPossible(name, given.get(name))) view[name] = given.get(name);
  }
  for (const name of CONTROLS) byId(name).value = view[name];
}

function isPossible(name, value) {
  if (name === "find") return true;
  if (name === "text") return Number.isInteger(Number(value)) && value >= 1 && value <= TEXTS.length;
  return [...byId(name).options].some((choice) => choice.value === value);
}

function writeAddress() {
  const changed = Object.entries(view).filter(([name, value]) => value !== USUAL[name]);
  try {
    history.replaceState(null, "", changed.length ? `#${new URLSearchParams(changed)}` : "#");
  } catch {
    // a page inside another one, as in a notebook, may have no address of its own
  }
}

// ------------------------------------------------------------------------------------------------- showing
const current = () => Number(view.text) - 1;

function showAll() {
  fillHeads();
  wanted = wantedTexts(view);
  if (wanted.length && !wanted.includes(current())) view.text = String(wanted[0] + 1);
  byId("texts").replaceChildren(...wanted.map(entry));
  const all = count(TEXTS.length), isAll = wanted.length === TEXTS.length;
  byId("count").textContent = isAll ? `${all} texts` : `${count(wanted.length)} of ${all} texts`;
  const shown = KINDS.filter((kind) => kind.share.length && kind.name !== "copy");
  byId("overview").replaceChildren(...shown.map((kind) => overview(kind, view)));
  showText();
}

function entry(number) {
  const text = TEXTS[number], words = make("span", "words", text.source.text || "(empty)");
  words.dir = "auto";
  const score = make("span", "value", text.score === null ? "" : text.score.toFixed(2));
  const button = make("button", "entry", make("span", "number", count(number + 1)), words, score);
  Object.assign(button, { type: "button", title: text.target.text });
  button.dataset.number = number;
  return make("li", "", button);
}

function showText() {
  const number = current(), text = TEXTS[number], pane = byId("text");
  cell = [-1, -1];
  hideTip();
  for (const button of document.querySelectorAll(".entry")) {
    const isCurrent = Number(button.dataset.number) === number;
    button.toggleAttribute("aria-current", isCurrent);
    if (isCurrent) button.scrollIntoView({ block: "nearest" });
  }
  byId("scale-end").textContent = view.shading === "absolute" ? "1" : "strongest of the row";
  writeAddress();
  const none = make("p", "soft", "No text fits; “reset” shows all of them.");
  if (!wanted.length) return pane.replaceChildren(none);
  const parts = [heading(number, text), sentences(text)];
  if (text.score === null) parts.push(make("p", "soft", "(empty: nothing to look at)"));
  else parts.push(...shownText(text, pane.clientWidth));
  pane.replaceChildren(...parts);
}

function shownText(text, room) {
  const kind = kindOf(view.kind), box = matrix(matrixOf(text, view), view, room);
  box.tabIndex = 0;
  box.setAttribute("role", "application");
  const axes = `${kind.rows} down, ${kind.columns} across`;
  box.setAttribute("aria-label", `${kind.title}: ${axes}; arrow keys go from cell to cell`);
  markCell(box, -1, -1);
  const views = make("div", "views", make("div", "wide", box));
  if (kind.layers * kind.heads > 1) views.append(folding("all heads", thumbnails(text, view)));
  if (text.origins.length) views.append(folding("where each word came from", originTable(text)));
  return [make("p", "soft", `${kind.title}: ${kind.rows} ↓ ${kind.columns} →`), views];
}

function folding(name, content) {
  const made = make("details", "", make("summary", "", name), content);
  made.open = true;
  return made;
}

function choose(number) {
  if (number === undefined) return;
  view.text = String(number + 1);
  showText();
}

function goTo(step) {
  const place = wanted.indexOf(current()) + step;
  keepingFocus(() => choose(wanted[Math.min(wanted.length - 1, Math.max(0, place))]));
}

// --------------------------------------------------------------------------------------------- single cells
function hideTip() {
  byId("tip").hidden = true;
}

function showCell(box, row, column) {
  cell = [row, column];
  markCell(box, row, column);
  const tip = byId("tip"), place = box.querySelector(".mark-cell").getBoundingClientRect();
  tip.textContent = toldOf(box.made, row, column, view);
  tip.hidden = false;
  const left = Math.min(place.right + 6, innerWidth - tip.offsetWidth - 8);
  const above = place.top - tip.offsetHeight - 6;
  tip.style.left = `${Math.max(8, left)}px`;
  tip.style.top = `${above < 4 ? place.bottom + 6 : above}px`;
}

function cellAt(box, event) {
  const place = box.querySelector("canvas").getBoundingClientRect();
  const row = Math.floor((event.clientY - place.top) / box.size);
  const column = Math.floor((event.clientX - place.left) / box.size);
  const isInside = row >= 0 && column >= 0 && row < box.made.rows.length && column < box.made.columns.length;
  return isInside ? [row, column] : null;
}

function step(box, down, right) {
  const clip = (value, total) => Math.min(total - 1, Math.max(0, value));
  const next = [clip(cell[0] + down, box.made.rows.length), clip(cell[1] + right, box.made.columns.length)];
  showCell(box, ...(cell[0] < 0 ? [0, 0] : next));
  box.querySelector(".mark-cell").scrollIntoView({ block: "nearest", inline: "nearest" });
  byId("said").textContent = byId("tip").textContent;
}

// ------------------------------------------------------------------------------------------------ the keys
function change(name, value) {
  view[name] = value;
  byId(name).value = value;
  keepingFocus(showAll);
}

function turn(name, by) {
  const choices = [...byId(name).options].map((choice) => choice.value);
  change(name, choices[(choices.indexOf(view[name]) + by + choices.length) % choices.length]);
  byId("said").textContent = `${name} ${byId(name).selectedOptions[0].textContent}`;
}

const KEYS = {
  j: () => goTo(1),
  k: () => goTo(-1),
  a: () => turn("kind", 1),
  A: () => turn("kind", -1),
  l: () => turn("layer", 1),
  L: () => turn("layer", -1),
  h: () => turn("head", 1),
  H: () => turn("head", -1),
  s: () => turn("shading", 1),
  w: () => byId("unit-label").hidden || turn("unit", 1),
  "/": () => byId("find").focus(),
  "?": () => byId("help").showModal(),
};

const ARROWS = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] };

// What draws the text anew takes the focus away from its matrix.
function keepingFocus(action) {
  const hadFocus = document.activeElement.matches(".matrix");
  action();
  if (hadFocus) document.querySelector(".matrix")?.focus({ preventScroll: true });
}

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || byId("help").open) return;
  const isTyping = event.target.closest("input, select, textarea") !== null;
  const box = event.target.closest(".matrix");
  if (isTyping && event.key === "Escape") return void document.querySelector(".matrix")?.focus();
  const arrow = ARROWS[event.key], action = box && arrow ? () => step(box, ...arrow) : KEYS[event.key];
  if (isTyping || !action) return;
  event.preventDefault();
  action();
}

function onClick(event) {
  const head = event.target.closest("[data-layer]"), text = event.target.closest(".entry");
  if (text) choose(Number(text.dataset.number));
  if (!head) return;
  const { kind, layer, head: number } = head.dataset;
  Object.assign(view, { kind, layer, head: number });
  const isSmall = head.closest(".thumbnails") !== null;
  byId("kind").value = kind;
  showAll();
  const place = isSmall ? byId("text") : byId("overview");
  const again = place.querySelector(`[data-kind="${kind}"][data-layer="${layer}"][data-head="${number}"]`);
  again?.focus({ preventScroll: true });
}

// ------------------------------------------------------------------------------------------------- the start
function listen() {
  for (const name of CONTROLS) byId(name).addEventListener("input", (event) => {
    view[name] = event.target.value;
    showAll();
  });
  byId("reset").addEventListener("click", () => {
    view = { ...USUAL, text: view.text };
    for (const name of CONTROLS) byId(name).value = view[name];
    showAll();
  });
  byId("show-help").addEventListener("click", KEYS["?"]);
  document.addEventListener("keydown", onKey);
  document.addEventListener("click", onClick);
  byId("text").addEventListener("mousemove", (event) => {
    const box = event.target.closest(".matrix"), place = box && cellAt(box, event);
    if (place) showCell(box, ...place);
    else hideTip();
  });
  byId("text").addEventListener("mouseleave", hideTip);
  byId("text").addEventListener("focusout", hideTip);
  addEventListener("scroll", hideTip, { passive: true });
  addEventListener("resize", showText);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showAll);
  addEventListener("hashchange", start);
}

function start() {
  readAddress();
  showAll();
}

async function begin() {
  fillControls();
  await unpack();
  listen();
  start();
  document.body.dataset.isReady = "";
}

begin();
