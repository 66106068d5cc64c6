// How a text looks. Whatever comes from the data goes in as text: `append` and `textContent` make no markup.

const OPEN_TOKENS = 12000;  // shown at once of the current text, all lines together
const CLOSED_TOKENS = 200;  // of another text
const STRETCHES = 150;  // of the strip that stands for a long text
const CLOSED_CLASSES = 3;
const MOST = 8;

function card(number, view, isCurrent, parts) {
  const text = TEXTS[number], status = statusOf(text);
  const made = make("article", "card", heading(number, text, status));
  made.append(looks(text, view, isCurrent, parts), bars(text, isCurrent));
  made.dataset.number = number;
  made.tabIndex = isCurrent ? 0 : -1;
  if (isCurrent) made.setAttribute("aria-current", "true");
  made.setAttribute("aria-label", `text ${number + 1}, ${status}`);
  return made;
}

function heading(number, text, status) {
  const unknown = text.confidence === null ? "– empty" : "– no truth";
  const mark = { right: "✓ right", wrong: "✗ wrong", unknown }[status];
  const parts = [make("span", "number", count(number + 1)), make("span", `mark ${status}`, mark)];
  if (text.confidence !== null) {
    parts.push(named("predicted", text.predicted, ` ${percent(text.confidence)}`));
  }
  if (text.truth !== null) parts.push(named("truth", text.truth, ""));
  parts.push(make("span", "where", text.where));
  return make("h3", "", ...parts);
}

function named(what, classes, after) {
  const names = classes.map((code) => DATA.labels[code]).join(", ") || "none";
  const label = make("b", "", names);
  label.dir = "auto";
  return make("span", "", make("span", "role", `${what} `), label, after);
}

// ------------------------------------------------------------------------------------------ probabilities
function bars(text, isCurrent) {
  const order = [...text.probabilities.keys()], shares = text.probabilities;
  if (order.length > CLOSED_CLASSES) order.sort((one, other) => shares[other] - shares[one]);
  const isMeant = (code) => text.truth?.includes(code) || text.predicted.includes(code);
  const chosen = order.filter((code, rank) => isCurrent || rank < CLOSED_CLASSES || isMeant(code));
  const list = make("ul", "bars", ...chosen.map((code) => bar(text, code)));
  list.setAttribute("aria-label", "probabilities");
  const rest = order.length - chosen.length;
  if (rest > 0) list.append(make("li", "soft", `and ${count(rest)} more`));
  return list;
}

function bar(text, code) {
  const share = text.probabilities[code], fill = make("span", "fill"), track = make("span", "track", fill);
  fill.style.width = `${100 * share}%`;
  if (DATA.isMultilabel) track.append(make("span", "half"));
  const name = make("span", "", DATA.labels[code]);
  name.dir = "auto";
  if (text.truth?.includes(code)) name.append(make("span", "role", " ◂ truth"));
  const kind = text.predicted.includes(code) ? "is-predicted" : "";
  return make("li", kind, name, track, make("span", "value", percent(share)));
}

// ----------------------------------------------------------------------------------------------- its tokens
function looks(text, view, isCurrent, parts) {
  const shown = text.looks.map((look, side) => {
    const role = text.looks.length > 1 ? [make("p", "role", side === 0 ? "first text" : "second text")] : [];
    const lines = linesOf(look, view, side, isCurrent, parts);
    return make("div", "", ...role, ...lines);
  });
  return make("div", "looks", ...shown);
}

function linesOf(look, view, side, isCurrent, parts) {
  if (look.tokens.length === 0) return [make("p", "soft", "(empty: nothing to read)")];
  return isCurrent ? openLines(look, view, side, parts) : [closedLine(look, view)];
}

// Of a long text that is not the current one, the surroundings of its most attended token.
function closedLine(look, view) {
  const hop = oneHop(view), all = look.tokens.length, [best] = strongest(weightsOf(look, hop), 1);
  const start = Math.max(0, Math.min(best - CLOSED_TOKENS / 2, all - CLOSED_TOKENS));
  const end = start + CLOSED_TOKENS;
  const made = line(look, hop, view, start, end);
  if (start > 0) made.prepend(make("span", "soft", `${count(start)} tokens … `));
  if (end < all) made.append(make("span", "soft", ` … ${count(all - end)} tokens`));
  return made;
}

function oneHop(view) {
  return view.hop === "all" ? "mean" : view.hop;
}

// The current text: the part that is shown, where else to look, and the text as it was given.
function openLines(look, view, side, parts) {
  const isAll = view.hop === "all", hops = isAll ? hopsOf(look).map((_, hop) => String(hop + 1)) : [view.hop];
  const size = Math.max(100, Math.floor(OPEN_TOKENS / hops.length));
  const start = Math.floor((parts[side] ?? 0) / size) * size;
  const lines = hops.map((hop) => line(look, hop, view, start, start + size));
  const named = (made, hop) => make("div", "hop", make("span", "role", `hop ${hop + 1}`), made);
  const original = make("p", "original", look.text);
  original.dir = "auto";
  const shown = [...partButtons(look, side, start, size), ...(isAll ? lines.map(named) : lines)];
  const isLong = look.tokens.length > CLOSED_TOKENS, places = most(look, view, side);
  return [
    ...(isLong ? [overview(look, view, side), places, ...shown] : [...shown, places]), ...notes(look, view),
    make("details", "", make("summary", "soft", "the text as it was given"), original),
  ];
}

// A long text in one strip, each stretch as shaded as its most attended token, which a click goes to.
function overview(look, view, side) {
  const all = look.tokens.length, weights = weightsOf(look, oneHop(view));
  const shades = shadesOf(weights, view.shading);
  const strip = make("div", "strip");
  for (let stretch = 0; stretch < STRETCHES; stretch += 1) {
    const start = Math.floor(stretch * all / STRETCHES), end = Math.floor((stretch + 1) * all / STRETCHES);
    const place = start + strongest(weights.subarray(start, end), 1)[0], made = make("span", "");
    Object.assign(made.dataset, { place, side });
    made.style.setProperty("--w", shades[place].toFixed(3));
    strip.append(made);
  }
  strip.setAttribute("aria-hidden", "true");  // the buttons of the most attended tokens say as much
  return strip;
}

function line(look, hop, view, start, end) {
  const weights = weightsOf(look, hop), shades = shadesOf(weights, view.shading);
  const isSpaced = spacing(look.tokens), made = make("p", "line");
  made.dir = "auto";
  made.shows = { look, hop, weights };
  const pieces = [];
  for (let place = start; place < Math.min(end, look.tokens.length); place += 1) {
    const token = make("span", "t", shownToken(look.tokens[place]));
    if (place > start && isSpaced(place)) pieces.push(" ");
    else if (place > start) token.classList.add("glued");
    if (weights[place] === 0) token.classList.add("none");
    token.style.setProperty("--w", shades[place].toFixed(3));
    token.place = place;
    pieces.push(token);
  }
  made.append(...pieces);
  return made;
}

function partButtons(look, side, start, size) {
  const all = look.tokens.length;
  if (all <= size) return [];
  const jump = (words, to) => {
    const button = make("button", "", words);
    Object.assign(button, { type: "button", disabled: to < 0 || to >= all });
    Object.assign(button.dataset, { part: to, side });
    return button;
  };
  const end = Math.min(all, start + size);
  const told = make("span", "soft", `tokens ${count(start + 1)}–${count(end)} of ${count(all)}`);
  return [make("p", "most", jump("‹ earlier", start - size), told, jump("later ›", start + size))];
}

function notes(look, view) {
  if (view.hop === "all") return [];
  const weights = weightsOf(look, view.hop);
  if (weights.length === 1) return [make("p", "soft", "One token: it gets all attention, whatever it is.")];
  if (!areConstant(weights)) return [];
  return [make("p", "soft", `All tokens get the same weight, ${short(weights[0])}: none is the strongest.`)];
}

function most(look, view, side) {
  const hop = oneHop(view), weights = weightsOf(look, hop), places = strongest(weights, MOST);
  const buttons = places.filter((place) => weights[place] > 0).map((place) => {
    const token = make("span", "", shownToken(look.tokens[place]));
    const button = make("button", "", token, ` ${short(weights[place])}`);
    token.dir = "auto";
    button.type = "button";
    button.title = `token ${count(place + 1)} of ${count(look.tokens.length)}`;
    Object.assign(button.dataset, { place, side });
    return button;
  });
  const of = hop === "mean" ? "mean" : `hop ${hop}`;
  return make("div", "most", make("span", "soft", `most attended (${of}):`), ...buttons);
}

// What is said of a token under the pointer or with the focus.
function told(token) {
  const { look, hop, weights } = token.parentElement.shows, place = token.place;
  const rows = hopsOf(look), [best] = strongest(rows.map((row) => row[place]), 1);
  const isMean = hop === "mean", ofOne = `hop ${isMean ? 1 : hop}`;
  const of = isMean && rows.length > 1 ? `mean of ${rows.length} hops` : ofOne;
  const lines = [
    `${shownToken(look.tokens[place])}  ${exact(weights[place])}`,
    `${of}, token ${count(place + 1)} of ${count(look.tokens.length)}`,
  ];
  if (rows.length > 1) lines.push(`most in hop ${best + 1}: ${exact(rows[best][place])}`);
  return lines.join("\n");
}
