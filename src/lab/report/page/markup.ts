/** Builds HTML and SVG as text, and escapes whatever is not markup already. */

/** Text that is markup; only `html` makes it. */
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
  // control characters are not allowed in HTML, not even as references
  return text.replace(/(?![\t\n])\p{Cc}/gu, "\ufffd").replace(/[&<>"']/g, (sign) => named[sign]);
}

/** Rounds a number: a hundredth of a pixel is enough, and a page holds many numbers. */
function shortened(value: number): string {
  return String(Math.round(value * 100) / 100);
}

/** Markup with values in it: strings are escaped, lists joined, and null gives nothing. */
export function html(texts: TemplateStringsArray, ...values: readonly Part[]): Markup {
  return new Markup(texts.map((text, i) => text + (i < values.length ? textOf(values[i]) : "")).join(""));
}
