/** HTML and SVG as text, escaped where it is not markup already. */

/** Text that is markup: made by `html`, nowhere else. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Part = Markup | string | number | null | readonly Part[];

function textOf(part: Part): string {
  if (part === null) return "";
  if (part instanceof Markup) return part.text;
  if (typeof part === "string") return escaped(part);
  if (typeof part === "number") return shortened(part);
  return part.map(textOf).join("");
}

function escaped(text: string): string {
  const named: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  // control characters have no place in HTML, not as references either
  return text.replace(/(?![\t\n])\p{Cc}/gu, "\ufffd").replace(/[&<>"']/g, (sign) => named[sign]);
}

/** A hundredth of a pixel is enough, and a page holds many. */
function shortened(value: number): string {
  return String(Math.round(value * 100) / 100);
}

/** Markup with values in it; strings are escaped, lists joined, null is nothing. */
export function html(texts: TemplateStringsArray, ...values: readonly Part[]): Markup {
  return new Markup(texts.map((text, i) => text + (i < values.length ? textOf(values[i]) : "")).join(""));
}
