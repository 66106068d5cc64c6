// The page: what is typed and pressed changes the view, and the view is shown.

const PAGE = 50;  // texts
const byId = (name) => document.getElementById(name);
const CONTROLS = Object.keys(USUAL).filter((name) => name !== "text");

let view = { ...USUAL };
let wanted = [];  // numbers of the texts that the view asks for
let parts = [];  // for each side of the current text, the token where the shown part begins

// ------------------------------------------------------------------------------------------- the controls
function option(value, words) {
  const made = make("option", "", words);
  made.value = value;
  return made;
}

function fillControls() {
  const statuses = TEXTS.map(statusOf), add = (name, value, words) => byId(name).append(option(value, words));
  const total = (status) => count(statuses.filter((other) => other === status).length);
  add("filter", "all", `all (${count(TEXTS.length)})`);
  for (const status of STATUS.values()) add("filter", status, `${status} (${total(status)})`);
  for (const name of ["predicted", "truth"]) for (const label of DATA.labels) add(name, label, label);
  const last = byId("hop").lastElementChild;
  for (let hop = 1; hop <= HOPS; hop += 1) last.before(option(String(hop), `hop ${hop}`));
  const hasTruth = TEXTS.some((text) => text.truth !== null);
  for (const name of ["filter-label", "truth-label"]) byId(name).hidden = !hasTruth;
  byId("hop-label").hidden = HOPS === 1;
}

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  view = { ...USUAL };
  for (const name of Object.keys(USUAL)) if (isPossible(name, given.get(name))) view[name] = given.get(name);
  for (const name of CONTROLS) byId(name).value = view[name];
}

function isPossible(name, value) {
  if (value === null) return false;
  if (name === "find") return true;
  if (name === "text") return Number.isInteger(Number(value)) && value >= 1 && value <= TEXTS.length;
  if (name === "low" || name === "high") return value !== "" && value >= 0 && value <= 100;
  return [...byId(name).options].some((choice) => choice.value === value);
}

function writeAddress() {
  const changed = Object.entries(view).filter(([name, value]) => value !== USUAL[name]);
  const address = changed.length ? `#${new URLSearchParams(changed)}` : "#";
  try {
    history.replaceState(null, "", address);
  } catch {
    // a page inside another one, as in a notebook, may have no address of its own
  }
}

// ------------------------------------------------------------------------------------------------- showing
const current = () => Number(view.text) - 1;
const pageOf = (number) => Math.floor(Math.max(0, wanted.indexOf(number)) / PAGE);

function showAll() {
  wanted = wantedTexts(view);
  if (wanted.length && !wanted.includes(current())) select(wanted[0]);
  showPage();
}

function select(number) {
  view.text = String(number + 1);
  parts = [];
}

function showPage() {
  const first = pageOf(current()) * PAGE, numbers = wanted.slice(first, first + PAGE);
  byId("tip").hidden = true;
  byId("cards").replaceChildren(...numbers.map((number) => card(number, view, number === current(), parts)));
  byId("count").textContent = summary();
  byId("scale-end").textContent = view.shading === "absolute" ? "1" : "strongest";
  for (const pager of document.querySelectorAll(".pager")) pager.replaceChildren(...pagerParts(first));
  writeAddress();
}

function summary() {
  const all = count(TEXTS.length);
  if (!wanted.length) return `No text fits (of ${all}); “reset” shows all of them.`;
  return wanted.length === TEXTS.length ? `${all} texts` : `${count(wanted.length)} of ${all} texts`;
}

function pagerParts(first) {
  if (wanted.length <= PAGE) return [];
  const jump = (words, to) => {
    const button = make("button", "", words);
    Object.assign(button, { type: "button", disabled: to < 0 || to >= wanted.length });
    button.addEventListener("click", () => { goTo(to); });
    return button;
  };
  const told = make("span", "soft", `${count(first + 1)}–${count(Math.min(wanted.length, first + PAGE))}`);
  return [jump("‹ previous", first - PAGE), told, jump("next ›", first + PAGE)];
}

// Makes the text at a place of the wanted ones the current one, and gives it the focus.
function goTo(place) {
  const before = current(), number = wanted[Math.min(wanted.length - 1, Math.max(0, place))];
  if (number === undefined) return;
  if (number !== before) choose(number);
  cardOf(number).focus({ preventScroll: true });
  cardOf(number).scrollIntoView({ block: "nearest" });
}

function choose(number) {
  const before = current(), samePage = pageOf(before) === pageOf(number);
  select(number);
  if (!samePage) return showPage();
  for (const changed of [before, number]) redraw(changed);
  writeAddress();
}

function redraw(number) {
  byId("tip").hidden = true;
  cardOf(number)?.replaceWith(card(number, view, number === current(), parts));
}

function cardOf(number) {
  return document.querySelector(`.card[data-number="${number}"]`);
}

// -------------------------------------------------------------------------------------------- single tokens
function showTip(token) {
  const tip = byId("tip"), box = token.getBoundingClientRect();
  tip.textContent = told(token);
  tip.hidden = false;
  const left = Math.min(box.left, innerWidth - tip.offsetWidth - 8), above = box.top - tip.offsetHeight - 4;
  tip.style.left = `${Math.max(8, left)}px`;
  tip.style.top = `${above < 4 ? box.bottom + 4 : above}px`;
}

function focusToken(token) {
  token.tabIndex = -1;
  token.focus();
  showTip(token);
  byId("said").textContent = told(token);
}

function stepToken(made, step) {
  const tokens = [...made.querySelectorAll(".t")], before = tokens.indexOf(document.activeElement);
  const place = before < 0 ? (step > 0 ? 0 : tokens.length - 1) : before + step;
  if (tokens[place]) focusToken(tokens[place]);
}

// Shows the part of the current text that has a token, and gives that the focus.
function goToToken(side, place) {
  parts[side] = place;
  redraw(current());
  const look = TEXTS[current()].looks[side];
  const tokens = [...cardOf(current()).querySelectorAll(".t")];
  const token = tokens.find((one) => one.place === place && one.parentElement.shows.look === look);
  token.scrollIntoView({ block: "nearest" });
  focusToken(token);
}

// ------------------------------------------------------------------------------------------------ the keys
function change(name, value) {
  view[name] = value;
  byId(name).value = value;
  showAll();
}

function stepHop(step) {
  const choices = [...byId("hop").options].map((choice) => choice.value);
  change("hop", choices[(choices.indexOf(view.hop) + step + choices.length) % choices.length]);
  byId("said").textContent = byId("hop").selectedOptions[0].textContent;
}

const KEYS = {
  j: () => goTo(wanted.indexOf(current()) + 1),
  k: () => goTo(wanted.indexOf(current()) - 1),
  h: () => keepingFocus(() => stepHop(1)),
  H: () => keepingFocus(() => stepHop(-1)),
  s: () => keepingFocus(() => change("shading", view.shading === "absolute" ? "relative" : "absolute")),
  w: () => keepingFocus(() => change("filter", view.filter === "wrong" ? "all" : "wrong")),
  "/": () => byId("find").focus(),
  "?": () => byId("help").showModal(),
};

const KEYS_IN_TEXTS = {
  ArrowDown: KEYS.j,
  ArrowUp: KEYS.k,
  Home: () => goTo(0),
  End: () => goTo(wanted.length - 1),
  ArrowRight: (made) => stepToken(made, isRightToLeft() ? -1 : 1),
  ArrowLeft: (made) => stepToken(made, isRightToLeft() ? 1 : -1),
  Escape: (made) => made.focus(),
};

function isRightToLeft() {
  const token = document.activeElement.closest(".t") ?? document.activeElement.querySelector(".t");
  return token !== null && getComputedStyle(token.parentElement).direction === "rtl";
}

// What redraws the texts takes the focus away from them.
function keepingFocus(action) {
  const hadFocus = byId("cards").contains(document.activeElement);
  action();
  if (hadFocus) cardOf(current())?.focus({ preventScroll: true });
}

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || byId("help").open) return;
  const isTyping = event.target.closest("input, select, textarea") !== null;
  if (isTyping && event.key === "Escape") return void cardOf(current())?.focus();
  if (isTyping) return;
  const made = event.target.closest(".card"), action = KEYS[event.key] ?? (made && KEYS_IN_TEXTS[event.key]);
  if (!action) return;
  event.preventDefault();
  action(made);
}

function onClick(event) {
  const made = event.target.closest(".card"), number = Number(made?.dataset.number);
  const { part, place, side } = event.target.closest("[data-side]")?.dataset ?? {};
  if (made === null || event.target.closest("summary")) return;
  if (part !== undefined) {
    parts[side] = Number(part);
    redraw(number);
    cardOf(number).focus();
  } else if (place !== undefined) {
    goToToken(Number(side), Number(place));
  } else if (number !== current() && getSelection().isCollapsed) {
    choose(number);
    cardOf(number).focus({ preventScroll: true });
  }
}

// ------------------------------------------------------------------------------------------------- the start
function listen() {
  for (const name of CONTROLS) byId(name).addEventListener("input", (event) => {
    const value = event.target.value;
    view[name] = isPossible(name, value) ? value : USUAL[name];
    showAll();
  });
  byId("reset").addEventListener("click", () => {
    for (const name of CONTROLS) byId(name).value = USUAL[name];
    view = { ...USUAL, text: view.text };
    showAll();
  });
  byId("show-help").addEventListener("click", KEYS["?"]);
  document.addEventListener("keydown", onKey);
  byId("cards").addEventListener("click", onClick);
  byId("cards").addEventListener("mouseover", (event) => {
    const token = event.target.closest(".t");
    if (token) showTip(token);
    else byId("tip").hidden = true;
  });
  byId("cards").addEventListener("mouseleave", () => { byId("tip").hidden = true; });
  byId("cards").addEventListener("focusout", () => { byId("tip").hidden = true; });
  addEventListener("scroll", () => {
    if (document.activeElement.matches(".t")) showTip(document.activeElement);
    else byId("tip").hidden = true;
  }, { passive: true });
  addEventListener("hashchange", start);
}

function start() {
  readAddress();
  parts = [];
  showAll();
  if (view.text !== USUAL.text) cardOf(current())?.scrollIntoView({ block: "nearest" });
}

fillControls();
listen();
start();
