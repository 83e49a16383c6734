/** A chart as a file of its own, for an img element: it brings its style, its background and a margin. */
import { html, Markup } from "./markup.ts";
import { PICTURE_STYLE } from "./style-sheet.ts";

const MARGIN = 14;

export function picture(title: string, chart: Markup): string {
  const [width, height] = (/viewBox="0 0 ([\d.]+) ([\d.]+)"/.exec(chart.text) ?? []).slice(1).map(Number);
  const [wide, high] = [width + 2 * MARGIN, height + 2 * MARGIN];
  return html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="${-MARGIN} ${-MARGIN} ${wide} ${high}" width="${wide}" height="${high}">
<title>${title}</title>
<style>${new Markup(PICTURE_STYLE)}</style>
<rect x="${-MARGIN}" y="${-MARGIN}" width="${wide}" height="${high}" style="fill:var(--paper)"/>
${chart}
</svg>
`.text;
}
