// How a text looks: its matrix, every head small, and where copied words came from.

const SMALLEST = 7, LARGEST = 26;  // pixels of a cell
const LONGEST_LABEL = 150;  // pixels
const SLANT = 55;  // degrees
const SMALL_SIDE = 76;  // pixels of a head among all

function shadeColour() {
  return getComputedStyle(document.documentElement).getPropertyValue("--shade").trim();
}

// ---------------------------------------------------------------------------------------------- the matrix
function matrix(made, view, room) {
  const measure = document.createElement("canvas").getContext("2d");
  measure.font = "13px system-ui, sans-serif";
  const widths = (labels) => labels.map((label) => measure.measureText(label).width);
  const widest = (labels) => Math.min(LONGEST_LABEL, Math.max(...widths(labels)));
  const left = widest(made.rows) + 12, right = made.generate ? 92 : 12;
  const tilt = SLANT * Math.PI / 180, top = widest(made.columns) * Math.sin(tilt) + 26;
  const free = (room - left - right - 50) / made.columns.length;
  const size = Math.max(SMALLEST, Math.min(LARGEST, Math.floor(free)));
  const box = make("div", "matrix");
  const width = size * made.columns.length, height = size * made.rows.length;
  const over = Math.max(right, widest(made.columns) * Math.cos(tilt));
  Object.assign(box.style, { width: `${left + width + over}px`, height: `${top + height + 4}px` });
  box.append(cells(made, view, size, left, top), ...labels(made, size, left, top));
  if (made.generate) box.append(...generates(made.generate, size, left + width + 10, top));
  box.append(make("div", "mark-row"), make("div", "mark-cell"));
  Object.assign(box, { made, size, left, top });
  return box;
}

function cells(made, view, size, left, top) {
  const canvas = document.createElement("canvas"), scale = devicePixelRatio || 1;
  const columns = made.columns.length, width = size * columns, height = size * made.rows.length;
  Object.assign(canvas, { width: Math.ceil(width * scale), height: Math.ceil(height * scale) });
  placed(canvas, left, top, width, height);
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  const gap = size >= 12 ? 1 : 0, shade = shadeColour();
  shadesOf(made, view.shading).forEach((share, place) => {
    pen.fillStyle = `rgb(${shade} / ${share.toFixed(3)})`;
    pen.fillRect(size * (place % columns), size * Math.floor(place / columns), size - gap, size - gap);
  });
  pen.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue("--bar").trim();
  pen.lineWidth = 1.5;
  for (const [row, rows, column, across] of made.links) {
    pen.strokeRect(size * column + .25, size * row + .25, size * across - gap - .5, size * rows - gap - .5);
  }
  return canvas;
}

// Of small cells not every one has a label.
function labels(made, size, left, top) {
  const every = Math.ceil(10 / size), letters = `${Math.max(9, Math.min(13, size - 3))}px`;
  const label = (words, name, style) => {
    const span = make("bdi", name, words);
    Object.assign(span.style, { fontSize: letters, ...style });
    return span;
  };
  const chosen = (place) => place % every === 0;
  return [
    ...made.rows.map((words, row) => chosen(row) && label(words, "row", {
      top: `${top + size * (row + .5)}px`, width: `${left - 6}px`,
    })),
    ...made.columns.map((words, column) => chosen(column) && label(words, "column", {
      left: `${left + size * (column + .5)}px`, top: `${top - 6}px`,
    })),
  ].filter(Boolean);
}

// p_gen of every row.
function generates(shares, size, left, top) {
  const place = (element, row) => {
    Object.assign(element.style, { left: `${left}px`, top: `${top + size * (row + .5)}px` });
    return element;
  };
  const bars = shares.map((share, row) => {
    const fill = make("span", "fill");
    fill.style.width = `${100 * share}%`;
    const isTold = row % Math.ceil(14 / size) === 0;
    return place(make("span", "generate", make("span", "track", fill), isTold ? share.toFixed(2) : ""), row);
  });
  return [place(make("span", "generate soft", "p_gen"), -1), ...bars];
}

// Frames a cell and its row; none with a row of -1.
function markCell(box, row, column) {
  const [line, cell] = [box.querySelector(".mark-row"), box.querySelector(".mark-cell")];
  line.hidden = cell.hidden = row < 0;
  const { size, left, top, made } = box;
  placed(line, left, top + size * row, size * made.columns.length, size);
  placed(cell, left + size * column, top + size * row, size, size);
}

function placed(element, left, top, width, height) {
  const style = { left, top, width, height };
  for (const [name, pixels] of Object.entries(style)) element.style[name] = `${pixels}px`;
}

function toldOf(made, row, column, view) {
  const weight = made.weights[row * made.columns.length + column];
  const of = (name, value) => (value === "mean" ? `mean of the ${name}s` : `${name} ${value}`);
  const kind = kindOf(view.kind);
  const lines = [`${made.rows[row]} → ${made.columns[column]}  ${short(weight)}`];
  if (kind.name !== "copy") lines.push(`${of("layer", view.layer)}, ${of("head", view.head)}`);
  lines.push(`row ${row + 1} of ${made.rows.length}, column ${column + 1} of ${made.columns.length}`);
  if (made.generate) lines.push(`p_gen ${made.generate[row].toFixed(3)}`);
  return lines.join("\n");
}

// -------------------------------------------------------------------------------------------- all the heads
function thumbnails(text, view) {
  const kind = kindOf(view.kind), shade = shadeColour().split(/\s+/).map(Number);
  const line = (layer) => {
    const numbers = [...Array(kind.heads).keys()];
    const heads = numbers.map((head) => thumbnail(text, view, kind, layer, head, shade));
    return make("div", "heads", make("span", "role", `layer ${layer + 1}`), ...heads);
  };
  return make("div", "thumbnails", ...[...Array(kind.layers).keys()].map(line));
}

function thumbnail(text, view, kind, layer, head, shade) {
  const made = matrixOf(text, { ...view, layer: String(layer + 1), head: String(head + 1) });
  const columns = made.columns.length, rows = made.rows.length, canvas = document.createElement("canvas");
  Object.assign(canvas, { width: columns, height: rows });
  const image = new ImageData(columns, rows);
  shadesOf(made, view.shading).forEach((share, place) => {
    image.data.set([...shade, Math.round(255 * share)], 4 * place);
  });
  canvas.getContext("2d").putImageData(image, 0, 0);
  const scale = SMALL_SIDE / Math.max(columns, rows);
  Object.assign(canvas.style, { width: `${columns * scale}px`, height: `${rows * scale}px` });
  return headButton(kind, layer, head, view, canvas);
}

function headButton(kind, layer, head, view, ...content) {
  const button = make("button", "", ...content), share = kind.share[layer]?.[head];
  const name = `${kind.title}, layer ${layer + 1}, head ${head + 1}`;
  const spread = `entropy ${share.toFixed(2)} of the largest (${kind.nats[layer][head].toFixed(2)} nats)`;
  Object.assign(button, { type: "button", title: `${name}\n${spread}, over all texts` });
  button.setAttribute("aria-label", `${name}, ${spread}`);
  Object.assign(button.dataset, { kind: kind.name, layer: layer + 1, head: head + 1 });
  const isHere = view.layer === String(layer + 1) && view.head === String(head + 1);
  const isChosen = view.kind === kind.name && isHere;
  button.setAttribute("aria-pressed", String(isChosen));
  return button;
}

// Entropy of every head of every kind, over all texts.
function overview(kind, view) {
  const row = (shares, layer) => {
    const cellsOf = shares.map((share, head) => {
      const button = headButton(kind, layer, head, view, share.toFixed(2));
      button.style.setProperty("--w", share.toFixed(3));
      return make("td", "", button);
    });
    return make("tr", "", make("th", "", `layer ${layer + 1}`), ...cellsOf);
  };
  const names = kind.share[0].map((_, head) => make("th", "", String(head + 1)));
  const head = make("tr", "", make("th", "", "head"), ...names);
  const table = make("table", "entropies", make("caption", "", kind.title), head, ...kind.share.map(row));
  return make("div", "wide", table);
}

// -------------------------------------------------------------------------------------------- around them
function heading(number, text) {
  const whose = text.isOwn ? "the model's own answer" : "a given target";
  const status = text.score === null ? "– empty" : whose;
  const parts = [make("span", "number", count(number + 1)), make("span", "mark unknown", status)];
  const name = make("span", "role", "log-probability per token ");
  if (text.score !== null) parts.push(make("span", "", name, text.score.toFixed(3)));
  parts.push(make("span", "where", text.where));
  return make("h2", "", ...parts);
}

function sentences(text) {
  const line = (name, words) => {
    const said = make("p", "original", words);
    said.dir = "auto";
    return make("div", "sentence", make("span", "role", name), said);
  };
  const lines = [line("source", text.source.text), line("target", text.target.text)];
  if (text.reference !== null) lines.push(line("reference", text.reference));
  return make("div", "sentences", ...lines);
}

function originTable(text) {
  const isolated = (words) => make("bdi", "", words);
  const row = (origin) => make("tr", origin.isUnknown && origin.generate < .5 ? "is-copied" : "",
    make("td", "", isolated(origin.word)), make("td", "", origin.generate.toFixed(3)),
    make("td", "", isolated(origin.source)), make("td", "", short(origin.weight)),
    make("td", "", origin.isUnknown ? "unknown" : ""));
  const names = ["target word", "p_gen", "copies from", "weight", "vocabulary"];
  const head = make("tr", "", ...names.map((name) => make("th", "", name)));
  return make("div", "wide", make("table", "origins", head, ...text.origins.map(row)));
}
