/**
 * The parts that every page has around its main part: head, title, switch of colors, style sheet, foot. Only a live
 * page has a script.
 */
import { createHash } from "node:crypto";
import { version } from "../../../node/version.ts";
import { html, Markup } from "./markup.ts";
import { STYLE_SHEET } from "./style-sheet.ts";

/** The state of a page that a server shows while runs train. */
export interface Live {
  readonly state: "training" | "ended";
}

const LIVE_TEXTS = {
  training: "Training goes on; this page asks anew every 3 seconds. Seconds and times do not count that.",
  ended: "The training has ended. The same page lies in its folder.",
};

/** Replaces header and main part by those of the present page; unfolded details and the scroll position stay. */
const LIVE_SCRIPT = `
const look = async () => {
  let text;
  try {
    text = await (await fetch("/")).text();
  } catch {
    document.querySelector("[data-live]").textContent = "No answer any more: the training was stopped, or has ended.";
    return;
  }
  const next = new DOMParser().parseFromString(text, "text/html");
  const { live } = next.querySelector("[data-live]").dataset;
  const open = [...document.querySelectorAll("details")].map((one) => one.open);
  next.querySelectorAll("details").forEach((one, i) => { one.open = open[i] ?? false; });
  for (const part of ["main", "header > div"]) document.querySelector(part).replaceWith(next.querySelector(part));
  document.title = next.title;
  if (live === "training") setTimeout(look, 3000);
};
setTimeout(look, 3000);
`;

/** A whole page around its main part; `facts` is a line under the title. */
export function pageOf(title: string, facts: string, main: Markup, live?: Live): string {
  const script = live === undefined ? null : html`<script>${new Markup(LIVE_SCRIPT)}</script>`;
  const hash = createHash("sha256").update(LIVE_SCRIPT).digest("base64");
  const policy = `default-src 'none'; style-src 'unsafe-inline'${live === undefined ? "" : `; script-src 'sha256-${hash}'; connect-src 'self'`}`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${new Markup(policy)}">
<meta name="generator" content="trisparse ${version}">
<title>${title}</title>
<style>${new Markup(STYLE_SHEET)}</style>
</head>
<body>
<header><div><h1>${title}</h1>
<p class="soft">${facts}</p>${live === undefined ? null : html`<p class="live" data-live="${live.state}">${LIVE_TEXTS[live.state]}</p>`}</div>
<fieldset class="theme"><legend>Colors</legend>
${["auto", "light", "dark"].map((name) => html`<input type="radio" name="theme" id="theme-${name}"${name === "auto" ? new Markup(" checked") : null}><label for="theme-${name}">${name}</label>`)}
</fieldset></header>
<main>
${main}
</main>
<footer>Written by trisparse ${version}.${live === undefined ? " This file loads nothing and runs no script; the numbers are those of the run folders named above." : null}</footer>
${script}</body>
</html>
`.text;
}
