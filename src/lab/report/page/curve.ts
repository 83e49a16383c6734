/** A curve of accuracy over sparsity as a picture. */
import type { Curve } from "../curve-table.ts";
import { drawLines } from "./line-chart.ts";
import { picture } from "./picture.ts";

const [WIDTH, HEIGHT] = [760, 420];

/** An SVG file: a line for each method with a band of its 95 % intervals; that of dense is a thin line, and each begins there. */
export function curvePicture({ unit, points }: Curve): string {
  const dense = points.find(({ method }) => method === "dense");
  const methods = [...new Set(points.map(({ method }) => method))].filter((method) => method !== "dense");
  const lines = methods.map((name, i) => {
    const own = points.filter(({ method }) => method === name);
    return {
      // 0 is the style of dense
      ...{ name, style: i + 1 },
      points: [...(dense === undefined ? [] : [dense]), ...own].map(({ sparsity, score, low, high }) => ({
        ...{ x: sparsity, y: score, low, high },
      })),
    };
  });
  const title = `${unit} over sparsity`;
  const chart = {
    lines: lines.length > 0 || dense === undefined ? lines : [lineOf(dense)],
    ...{ x: "share of zeros in the pruned layers", y: `${unit}, with 95 % intervals`, label: title },
    ...(dense === undefined ? {} : { reference: { y: dense.score, name: "dense" } }),
  };
  return picture(title, drawLines(chart, WIDTH, HEIGHT));
}

function lineOf({ sparsity, score, low, high }: Curve["points"][number]) {
  return { name: "dense", style: 0, points: [{ x: sparsity, y: score, low, high }] };
}
