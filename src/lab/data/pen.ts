/**
 * A round pen on a grey canvas: it makes a smooth path through points, and inks it with soft edges. Paths are flat
 * lists x0, y0, x1, y1, ...; a canvas is square, row-major, with ink in 0..1; a pixel's center is at + 0.5.
 */

// Points of the path between two given points; 5 keeps the bends of a 20-pixel digit smooth.
const STEPS = 5;

/**
 * A Catmull-Rom curve through the points of a stroke.
 * A point given twice in a row is a corner: the stretch of no length takes the tangent with it.
 */
export function smoothPath(points: readonly number[]): number[] {
  const path: number[] = [points[0], points[1]];
  const last = points.length - 2;
  for (let i = 0; i < last; i += 2) {
    const before = Math.max(i - 2, 0);
    const after = Math.min(i + 4, last);
    if (points[i] === points[i + 2] && points[i + 1] === points[i + 3]) continue;
    for (let step = 1; step <= STEPS; step++) {
      const t = step / STEPS;
      for (let axis = 0; axis < 2; axis++) {
        const a = points[before + axis];
        const b = points[i + axis];
        const c = points[i + 2 + axis];
        const d = points[after + axis];
        path.push(b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a))));
      }
    }
  }
  return path;
}

/**
 * Draws a path, in pixels. Ink does not add up where strokes cross: a pixel keeps the darkest. `radius` is half the
 * width of the line in pixels, `taper` the factors of the radius at both ends.
 */
export function inkPath(
  canvas: Float64Array,
  size: number,
  path: readonly number[],
  pen: { readonly radius: number; readonly ink: number; readonly taper: readonly [start: number, end: number] },
): void {
  const segments = path.length / 2 - 1;
  for (let s = 0; s < segments; s++) {
    const along = (s + 0.5) / segments;
    const radius = pen.radius * (pen.taper[0] + (pen.taper[1] - pen.taper[0]) * along);
    const [x0, y0, x1, y1] = [path[2 * s], path[2 * s + 1], path[2 * s + 2], path[2 * s + 3]];
    inkSegment(canvas, size, x0, y0, x1 - x0, y1 - y0, radius, pen.ink);
  }
}

/**
 * Draws a line with round ends from (x0, y0) by (dx, dy): full ink inside, falling to none over one pixel at the edge.
 */
function inkSegment(
  canvas: Float64Array,
  size: number,
  x0: number,
  y0: number,
  dx: number,
  dy: number,
  radius: number,
  ink: number,
): void {
  const reach = radius + 0.5;
  const left = Math.max(0, Math.floor(Math.min(x0, x0 + dx) - reach));
  const right = Math.min(size - 1, Math.floor(Math.max(x0, x0 + dx) + reach));
  const top = Math.max(0, Math.floor(Math.min(y0, y0 + dy) - reach));
  const bottom = Math.min(size - 1, Math.floor(Math.max(y0, y0 + dy) + reach));
  const scale = 1 / Math.max(dx * dx + dy * dy, 1e-12);
  for (let row = top; row <= bottom; row++) {
    const py = row + 0.5 - y0;
    for (let column = left; column <= right; column++) {
      const px = column + 0.5 - x0;
      const along = Math.min(1, Math.max(0, (px * dx + py * dy) * scale));
      const [ex, ey] = [px - along * dx, py - along * dy];
      const cover = Math.min(1, reach - Math.sqrt(ex * ex + ey * ey)) * ink;
      const at = row * size + column;
      if (cover > canvas[at]) canvas[at] = cover;
    }
  }
}
