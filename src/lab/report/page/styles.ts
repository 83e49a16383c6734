/** Styles that tell series apart by color, by dash and by marker; any one of them is enough. */
import {
  type SymbolType,
  symbol,
  symbolCircle,
  symbolCross,
  symbolDiamond,
  symbolSquare,
  symbolStar,
  symbolTriangle,
  symbolWye,
} from "d3-shape";

interface SeriesStyle {
  readonly light: string;
  readonly dark: string;
  readonly dash: string;
  readonly marker: SymbolType;
}

/**
 * The styles of the series; the first is for dense. The colors follow Okabe and Ito's, darkened or lightened until text
 * in them has a contrast of at least 4.5 to the page; `page.test.ts` computes it.
 */
export const SERIES: readonly SeriesStyle[] = [
  { light: "#555b63", dark: "#b3bac4", dash: "none", marker: symbolCircle },
  { light: "#0063a3", dark: "#62b4f0", dash: "none", marker: symbolSquare },
  { light: "#b54708", dark: "#ff9a5c", dash: "7 3", marker: symbolTriangle },
  { light: "#00704f", dark: "#45c79b", dash: "2 2.5", marker: symbolDiamond },
  { light: "#96408a", dark: "#e79bdb", dash: "9 3 2 3", marker: symbolCross },
  { light: "#7d5f00", dark: "#e0b53e", dash: "12 4", marker: symbolStar },
  { light: "#4a4fc4", dark: "#a3a8ff", dash: "4 4", marker: symbolWye },
  { light: "#a8324a", dark: "#ff8fa3", dash: "1 3", marker: symbolCircle },
];

/** The colors of everything else on the page, as [light, dark]. */
export const TONES: Readonly<Record<string, readonly [light: string, dark: string]>> = {
  paper: ["#ffffff", "#15181c"],
  panel: ["#f5f6f8", "#1d2126"],
  ink: ["#1a1d21", "#e8eaed"],
  soft: ["#5b626b", "#a4abb5"],
  rule: ["#e1e4e8", "#30363d"],
  bad: ["#b42318", "#ff8a7a"],
  // parts of a step, from dark to light, so that their order shows without colors
  forward: ["#0b4a7a", "#8cc8f7"],
  inputGrad: ["#2877ae", "#4f9bd6"],
  weightGrad: ["#7db8dc", "#2c6a9c"],
  pack: ["#e08a3c", "#e59445"],
  rest: ["#d5d9de", "#4a525b"],
  onForward: ["#ffffff", "#0b1d2b"],
  onInputGrad: ["#ffffff", "#0b1d2b"],
  onWeightGrad: ["#0b1d2b", "#ffffff"],
  onPack: ["#1f1203", "#1f1203"],
  onRest: ["#1a1d21", "#ffffff"],
  gained: ["#2f8fe0", "#3b96e8"],
  lost: ["#f2b88f", "#a85c28"],
};

const MARKER_AREA = 46;

/** The path of a series' marker around 0, 0. */
export function markerPath(style: number): string {
  return symbol(SERIES[style % SERIES.length].marker, MARKER_AREA)() ?? "";
}
