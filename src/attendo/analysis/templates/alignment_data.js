// What there is to show: texts, and the weights of every head, which come in one packed piece.

const DATA = JSON.parse(document.getElementById("data").textContent);
const TEXTS = DATA.texts, KINDS = DATA.kinds;
const kindOf = (name) => KINDS.find((kind) => kind.name === name);

// The view, as the page's address keeps it; what is not in the address is as here.
const USUAL = {
  find: "", sort: "position", kind: DATA.view.kind, layer: DATA.view.layer, head: DATA.view.head,
  unit: "tokens", shading: "relative", text: "1",
};

let packed = new Uint8Array();  // levels of all weights: of text after text, kind after kind

// ----------------------------------------------------------------------------------------------- weights
async function unpack() {
  const bytes = Uint8Array.from(atob(DATA.weights), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  packed = new Uint8Array(await new Response(stream).arrayBuffer());
  let place = 0;
  for (const text of TEXTS) {
    text.places = {};
    for (const kind of KINDS) {
      text.places[kind.name] = place;
      place += kind.layers * kind.heads * sizeOf(text, kind);
    }
  }
}

// Weights of one head; of the decoder, which sees nothing later, only those up to the diagonal are there.
function sizeOf(text, kind) {
  const rows = rowsOf(text, kind).length, columns = columnsOf(text, kind).length;
  return kind.name === "decoder" ? rows * (rows + 1) / 2 : rows * columns;
}

function rowsOf(text, kind) {
  return kind.name === "encoder" ? text.source.tokens : text.target.tokens;
}

function columnsOf(text, kind) {
  return kind.name === "decoder" ? text.inputs : text.source.tokens;
}

// One head's weights, row after row.
function headWeights(text, kind, layer, head) {
  const size = sizeOf(text, kind), start = text.places[kind.name] + (layer * kind.heads + head) * size;
  const rows = rowsOf(text, kind).length, columns = columnsOf(text, kind).length;
  const made = new Float64Array(rows * columns);
  for (let row = 0, next = start; row < rows; row += 1) {
    const end = kind.name === "decoder" ? row + 1 : columns;
    for (let column = 0; column < end; column += 1, next += 1) {
      made[row * columns + column] = (packed[next] / DATA.levels) ** 2;
    }
  }
  return made;
}

// The mean over the layers and heads that the view asks for.
function meanWeights(text, kind, layer, head) {
  const chosen = (wanted, count) => (wanted === "mean" ? [...Array(count).keys()] : [Number(wanted) - 1]);
  const layers = chosen(layer, kind.layers), heads = chosen(head, kind.heads);
  const all = layers.flatMap((one) => heads.map((other) => headWeights(text, kind, one, other)));
  const sum = all[0];
  for (const more of all.slice(1)) more.forEach((weight, place) => { sum[place] += weight; });
  return sum.map((weight) => weight / all.length);
}

// ------------------------------------------------------------------------------------------------ matrices
// What the view asks for of a text: labels of rows and columns, and the weights between.
function matrixOf(text, view) {
  const kind = kindOf(view.kind);
  const made = {
    rows: rowsOf(text, kind), columns: columnsOf(text, kind),
    weights: meanWeights(text, kind, view.layer, view.head),
    generate: kind.name === "encoder" ? null : text.generate, links: linksOf(text, kind, view.unit),
  };
  const asked = view.unit === "words" ? merged(made, ...groupsOf(text, kind)) : made;
  return { ...asked, rows: asked.rows.map(shownToken), columns: asked.columns.map(shownToken) };
}

// Places of the tokens of each word, on both axes. The decoder reads BOS, then its words one place later.
function groupsOf(text, kind) {
  const later = grouped(text.target.words).map((group) => group.map((place) => place + 1));
  const read = later.map((group) => group.filter((place) => place < text.inputs.length));
  const inputs = [[0], ...read.filter((group) => group.length)];
  const source = grouped(text.source.words), target = grouped(text.target.words);
  return [kind.name === "encoder" ? source : target, kind.name === "decoder" ? inputs : source];
}

function grouped(words) {
  const groups = [];
  words.forEach((word, place) => { (groups[word] ??= []).push(place); });
  return groups;
}

// Of words: what goes to a word's pieces is summed, and what its pieces give is their mean.
function merged(made, rows, columns) {
  const width = made.columns.length, weights = new Float64Array(rows.length * columns.length);
  rows.forEach((row, y) => columns.forEach((column, x) => {
    for (const from of row) for (const to of column) {
      weights[y * columns.length + x] += made.weights[from * width + to] / row.length;
    }
  }));
  const joined = (labels) => (group) => group.map((place) => labels[place]).join("").trim();
  const mean = (row) => row.reduce((sum, place) => sum + made.generate[place], 0) / row.length;
  return {
    rows: rows.map(joined(made.rows)), columns: columns.map(joined(made.columns)), weights,
    generate: made.generate && rows.map(mean), links: made.links,
  };
}

// Aligned words as blocks of the matrix: [first row, rows, first column, columns].
function linksOf(text, kind, unit) {
  if (kind.name === "encoder" || kind.name === "decoder") return [];
  if (unit === "words") return text.links.map(([source, target]) => [target, 1, source, 1]);
  const source = grouped(text.source.words), target = grouped(text.target.words);
  return text.links.map(([from, to]) => {
    const row = target[to], column = source[from];
    return [row[0], row.length, column[0], column.length];
  });
}

// How strongly each weight is shown, from 0 to 1.
function shadesOf(made, shading) {
  const width = made.columns.length, strongest = new Float64Array(made.rows.length);
  if (shading === "absolute") return made.weights;
  const row = (place) => Math.floor(place / width);
  made.weights.forEach((weight, place) => {
    strongest[row(place)] = Math.max(strongest[row(place)], weight);
  });
  return made.weights.map((weight, place) => weight / (strongest[row(place)] || 1));
}

// ------------------------------------------------------------------------------------------- which texts
// Numbers of the texts that the view asks for, in its order; empty texts come last.
function wantedTexts(view) {
  const words = folded(view.find.trim());
  const has = (text) => {
    const all = [text.source.text, text.target.text, text.reference ?? ""];
    return all.some((one) => folded(one).includes(words));
  };
  const wanted = [...TEXTS.keys()].filter((number) => words === "" || has(TEXTS[number]));
  const direction = { position: 0, surest: -1, least: 1 }[view.sort];
  if (direction === 0) return wanted;
  const key = (number) => (TEXTS[number].score === null ? Infinity : direction * TEXTS[number].score);
  const compared = (one, other) => (key(one) === key(other) ? one - other : key(one) - key(other));
  return wanted.sort(compared);
}
