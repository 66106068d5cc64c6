"use strict";
// How pages show elements, tokens and numbers. What comes from the data goes in as text: `append` makes no
// markup.

function make(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

function folded(text) {
  return text.normalize("NFC").toLowerCase();
}

// ---------------------------------------------------------------------------------------- tokens as text
const PICTURES = new Map([["", "∅"], [" ", "␣"], ["\n", "⏎"], ["\t", "⇥"]]);
// Controls, and signs that would turn the direction of all that follows them.
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u200b\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff]/g;
const EAST_ASIAN = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u3000-\u303f\uff00-\uff65]/u;

// A token in letters that can be seen; "▁" is what subword tokenizers write for a space.
function shownToken(token) {
  if (PICTURES.has(token)) return PICTURES.get(token);
  const text = token.length > 1 && token.startsWith("▁") ? token.slice(1) : token;
  const code = (sign) => sign.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
  const seen = text.replace(UNSEEN, (sign) => `⟨U+${code(sign)}⟩`);
  if (!seen.trim()) return "␣";
  return /^\p{M}/u.test(seen) ? `◌${seen}` : seen;  // a mark without its letter sits on a circle
}

// Says of each token whether a space stands before it.
function spacing(tokens) {
  if (tokens.includes(" ")) return () => false;  // characters
  if (tokens.some((token) => token.startsWith("▁"))) return (place) => tokens[place].startsWith("▁");
  const ends = (token) => EAST_ASIAN.test([...token].at(-1) ?? "");
  const begins = (token) => EAST_ASIAN.test([...token][0] ?? "");
  return (place) => place > 0 && !(ends(tokens[place - 1]) && begins(tokens[place]));
}

// --------------------------------------------------------------------------------------- numbers as text
function percent(share) {
  return `${(100 * share).toFixed(1)}\u00a0%`;
}

function exact(weight) {
  const isWhole = (digits) => Math.fround(Number(weight.toPrecision(digits))) === Math.fround(weight);
  return String(Number(weight.toPrecision([6, 7, 8].find(isWhole) ?? 9)));  // as many as fp32 needs
}

function short(weight) {
  return weight !== 0 && weight < 0.0005 ? weight.toExponential(1) : weight.toFixed(3);
}

function count(number) {
  return number.toLocaleString("en");
}
