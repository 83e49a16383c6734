/** A corner of a mask as a picture, with its changes since the first mask. */
import { html, type Markup } from "./markup.ts";

type Rows = readonly (readonly boolean[])[];

/** Draws entries that are kept in both masks, only now, or only in the first. */
export function drawMask(first: Rows, now: Rows, label: string): Markup {
  const side = Math.max(now.length, now[0]?.length ?? 0);
  const runs = (is: (then: boolean, here: boolean) => boolean): string =>
    pathOf(now, (row, i) => is(first[row][i], now[row][i]));
  return html`<svg class="mask" viewBox="0 0 ${side} ${side}" role="img" aria-label="${label}" shape-rendering="crispEdges">
<path class="kept" d="${runs((then, here) => then && here)}"/>
<path class="lost" d="${runs((then, here) => then && !here)}"/>
<path class="gained" d="${runs((then, here) => !then && here)}"/>
</svg>`;
}

/** Draws runs of neighbors as horizontal strokes of height one. */
function pathOf(rows: Rows, is: (row: number, column: number) => boolean): string {
  let path = "";
  rows.forEach((cells, row) => {
    for (let begin = 0; begin < cells.length; begin++) {
      if (!is(row, begin)) continue;
      let end = begin + 1;
      while (end < cells.length && is(row, end)) end++;
      path += `M${begin} ${row}.5h${end - begin}`;
      begin = end;
    }
  });
  return path;
}
