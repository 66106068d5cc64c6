// What there is to show, and which of it is wanted.

const DATA = JSON.parse(document.getElementById("data").textContent);
const TEXTS = DATA.texts;
const HOPS = Math.max(1, ...TEXTS.flatMap((text) => text.looks.map((look) => look.hops)));

// The view, as the page's address keeps it; what is not in the address is as here.
const USUAL = {
  filter: "all", predicted: "", truth: "", low: "0", high: "100", find: "", sort: "position",
  hop: "mean", shading: "relative", text: "1",
};

const STATUS = new Map([[true, "right"], [false, "wrong"], [null, "unknown"]]);

function statusOf(text) {
  return STATUS.get(text.isRight);
}

// ------------------------------------------------------------------------------------------- which texts
function isWanted(text, view) {
  return (view.filter === "all" || statusOf(text) === view.filter)
    && hasClass(text.predicted, view.predicted)
    && hasClass(text.truth ?? [], view.truth)
    && isBetween(text.confidence, Number(view.low) / 100, Number(view.high) / 100)
    && hasWords(text, view.find);
}

function hasClass(classes, label) {
  return label === "" || classes.some((code) => DATA.labels[code] === label);
}

function isBetween(confidence, low, high) {
  if (low <= 0 && high >= 1) return true;
  return confidence !== null && confidence >= low && confidence <= high;
}

function hasWords(text, words) {
  const wanted = folded(words.trim());
  return wanted === "" || text.looks.some((look) => folded(look.text).includes(wanted));
}

// Numbers of the texts that the view asks for, in its order; empty texts come last.
function wantedTexts(view) {
  const wanted = [...TEXTS.keys()].filter((number) => isWanted(TEXTS[number], view));
  const direction = { position: 0, surest: -1, least: 1 }[view.sort];
  const key = (number) => TEXTS[number].confidence ?? direction * Infinity;  // times direction: last
  if (direction === 0) return wanted;
  return wanted.sort((one, other) => compared(direction * key(one), direction * key(other)) || one - other);
}

function compared(one, other) {
  return one === other ? 0 : one - other;  // two infinities have no difference
}

// ----------------------------------------------------------------------------------------------- weights
// A row of weights for every hop. They come as the bytes of fp32 numbers.
function hopsOf(look) {
  if (!look.rows) {
    const bytes = Uint8Array.from(atob(look.weights), (letter) => letter.charCodeAt(0));
    const numbers = new Float32Array(bytes.buffer), time = look.tokens.length;
    look.rows = Array.from({ length: look.hops }, (_, hop) => numbers.subarray(hop * time, (hop + 1) * time));
  }
  return look.rows;
}

// Weights of a hop (a number from 1), or with "mean" the mean of all hops.
function weightsOf(look, hop) {
  const rows = hopsOf(look);
  if (hop !== "mean") return rows[Number(hop) - 1] ?? new Float32Array(look.tokens.length);
  if (!look.mean) {
    look.mean = new Float64Array(look.tokens.length);
    for (const row of rows) row.forEach((weight, place) => { look.mean[place] += weight / rows.length; });
  }
  return look.mean;
}

function rangeOf(weights) {
  let low = Infinity, high = -Infinity;  // a spread call takes no hundred thousand arguments
  for (const weight of weights) {
    if (weight < low) low = weight;
    if (weight > high) high = weight;
  }
  return [low, high];
}

function areConstant(weights) {
  const [low, high] = rangeOf(weights);
  return weights.length > 1 && high - low <= 1e-6 * Math.abs(high);
}

// How strongly each weight is shown, from 0 to 1. Where all are the same, none is the strongest.
function shadesOf(weights, shading) {
  const clip = (share) => Math.min(1, Math.max(0, share));
  if (shading === "absolute") return Array.from(weights, clip);
  if (areConstant(weights)) return Array.from(weights, (weight) => (weight ? 0.25 : 0));
  const [, high] = rangeOf(weights);
  return Array.from(weights, (weight) => (high > 0 ? clip(weight / high) : 0));
}

function strongest(weights, count) {
  const order = (one, other) => weights[other] - weights[one] || one - other;
  return Array.from(weights.keys()).sort(order).slice(0, count);
}
