/** The page's only style sheet. Light and dark follow the system or the switch at the top, without a script. */
import { SERIES, TONES } from "./styles.ts";

const COLORS: readonly (readonly [name: string, light: string, dark: string])[] = [
  ...Object.entries(TONES).map(([name, [light, dark]]) => [name, light, dark] as const),
  ...SERIES.map(({ light, dark }, i) => [`s${i}`, light, dark] as const),
];

const variables = (of: (light: string, dark: string) => string): string =>
  COLORS.map(([name, light, dark]) => `--${name}:${of(light, dark)}`).join(";");

const SEGMENTS = ["forward", "inputGrad", "weightGrad", "pack", "rest"];
const on = (name: string): string => `on${name[0].toUpperCase()}${name.slice(1)}`;

/** The rules that charts need, on a page or in a picture of their own. */
const CHART_RULES = `svg text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif;fill:var(--ink);font-variant-numeric:tabular-nums}
svg .tick,svg .unit{fill:var(--soft)}
svg .unit{font-weight:400}
svg .row{font-weight:600;font-size:13px;paint-order:stroke;stroke:var(--paper);stroke-width:3px}
svg .end{font-weight:600}
svg .grid{stroke:var(--rule);stroke-width:1}
svg .axis{stroke:var(--soft);stroke-width:1}
svg .reference{stroke:var(--soft);stroke-width:1;stroke-dasharray:3 3}
svg .line{fill:none;stroke-width:1.9;stroke-linejoin:round;stroke-linecap:butt}
svg .band{stroke:none;opacity:.17}
svg .marker{stroke:var(--paper);stroke-width:1}
svg .name{font-weight:600}
${SERIES.map(({ dash }, i) => `.line.s${i}{stroke:var(--s${i});stroke-dasharray:${dash}}.marker.s${i},.band.s${i},svg .name.s${i},rect.s${i}{fill:var(--s${i})}svg text.on.s${i}{fill:var(--paper)}`).join("\n")}
${SEGMENTS.map((name) => `rect.${name}{fill:var(--${name})}svg text.on.${name}{fill:var(--${on(name)})}.swatch.${name}{background:var(--${name})}`).join("\n")}`;

/** The style of a chart that is a file by itself: light and dark follow the system. */
export const PICTURE_STYLE: string = `svg{${variables((light) => light)}}
@media (prefers-color-scheme:dark){svg{${variables((_, dark) => dark)}}}
svg svg{overflow:visible}
${CHART_RULES}`;

export const STYLE_SHEET: string = `
:root{color-scheme:light dark;${variables((light) => light)}}
@supports (color:light-dark(#000,#fff)){:root{${variables((light, dark) => `light-dark(${light},${dark})`)}}}
:root:has(#theme-light:checked){color-scheme:light}
:root:has(#theme-dark:checked){color-scheme:dark}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif;font-variant-numeric:tabular-nums}
main,header,footer{max-width:1140px;margin:0 auto;padding:0 20px}
header{padding-top:28px;display:flex;flex-wrap:wrap;gap:8px 24px;align-items:flex-start;justify-content:space-between}
header>div{flex:1 1 340px}
h1{font-size:26px;line-height:1.2;margin:0;letter-spacing:-.01em;font-weight:650}
h2{font-size:19px;margin:44px 0 4px;padding-top:18px;border-top:1px solid var(--rule);font-weight:650}
h3{font-size:15px;margin:0;font-weight:650}
h4{font-size:14px;margin:0;font-weight:600;color:var(--soft);overflow-wrap:anywhere}
p{margin:4px 0 12px;max-width:84ch}
.soft,figcaption p,footer,.missing{color:var(--soft)}
header p{margin:6px 0 0}
.live{font-weight:600}
figcaption p{font-size:13px;line-height:1.4;margin:1px 0 8px;max-width:60ch}
.theme{border:1px solid var(--rule);border-radius:6px;padding:0;margin:2px 0 0;display:flex;overflow:hidden;font-size:13px}
.theme legend{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden}
.theme input{position:absolute;opacity:0;pointer-events:none}
.theme label{padding:4px 11px;cursor:pointer;color:var(--soft)}
.theme input:checked+label{background:var(--ink);color:var(--paper)}
.theme input:focus-visible+label{outline:2px solid var(--s1);outline-offset:-2px}
.findings{list-style:none;margin:14px 0 18px;padding:0;display:grid;gap:8px}
.findings li{padding:2px 0 2px 12px;border-left:3px solid var(--rule)}
.findings strong{font-weight:650}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,480px),1fr));gap:30px 40px;margin:16px 0}
.layers{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,320px),1fr));gap:26px 30px;margin:16px 0}
h3.apart{margin-top:34px}
figure{margin:0;min-width:0}
svg{display:block;max-width:100%;height:auto;overflow:visible}
svg.mask{overflow:hidden}
.narrow{display:none}
@media (max-width:600px){.narrow{display:block}.wide{display:none}main,header,footer{padding:0 18px}header{padding-top:20px}h1{font-size:22px}}
${CHART_RULES}
a{color:var(--s1)}
.key{display:flex;flex-wrap:wrap;gap:4px 18px;list-style:none;margin:10px 0 4px;padding:0;font-size:13px}
.key li{display:flex;align-items:center;gap:7px}
.key svg{flex:none}
.swatch{display:inline-block;width:13px;height:13px;border-radius:2px}
.swatch.kept{background:var(--ink)}.swatch.gained{background:var(--gained)}.swatch.lost{background:var(--lost)}.swatch.never{border:1px solid var(--soft)}
.masks{display:grid;grid-template-columns:repeat(6,1fr);gap:10px;margin:8px 0 22px;max-width:1100px}
.masks svg{width:100%;background:var(--paper);outline:1px solid var(--rule)}
.masks div{font-size:12px;color:var(--soft);min-width:0}
@media (max-width:600px){.masks{grid-template-columns:repeat(3,1fr)}}
.mask path{fill:none;stroke-width:1}.mask .kept{stroke:var(--ink)}.mask .gained{stroke:var(--gained)}.mask .lost{stroke:var(--lost)}
.scroll{overflow-x:auto;margin:10px 0 16px}
table{border-collapse:collapse;font-size:14px}
th,td{padding:5px 14px 5px 0;text-align:right;border-bottom:1px solid var(--rule);vertical-align:top;white-space:nowrap}
th{font-weight:600;color:var(--soft);vertical-align:bottom;font-size:13px}
tbody th{color:var(--ink);font-size:14px}
th:first-child,td.text,th.text{text-align:left}
td.text{white-space:normal}
.glance{width:100%}
tbody th{vertical-align:top}
@media (max-width:600px){
.cards thead{display:none}.cards,.cards tbody,.cards tr{display:block}
.cards tr{padding:8px 0;border-bottom:1px solid var(--rule)}
.cards th{display:block;border:0;padding:0 0 2px;font-size:15px}
.cards td{display:flex;justify-content:space-between;gap:12px;border:0;padding:1px 0;white-space:normal}
.cards td::before{content:attr(data-head);color:var(--soft)}
}
.bad{color:var(--bad);font-weight:650}
details{margin:10px 0}
summary{cursor:pointer;color:var(--soft);font-size:14px}
summary:hover{color:var(--ink)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 18px;margin:12px 0}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
@media (max-width:600px){dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:10px}}
code{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
footer{padding-top:30px;padding-bottom:40px;font-size:13px}
@media print{.theme{display:none}figure{break-inside:avoid}}
`;
