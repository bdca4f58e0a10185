/** The page around the report: one file, no scripts, nothing fetched; a phone, a printer and a dark room are all fine. */
import { Html as Finished, type Html, html } from './html.ts';
import { COLOURS } from './plots.ts';

/** Even if a value slipped through unescaped, the browser would run no script and fetch nothing. */
const POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

const STYLE = `
:root { color-scheme: light dark; --text: #1b1f24; --quiet: #5c6570; --page: #fff; --card: #f5f6f8; --line: #dfe3e8; --good: 0, 114, 178; --bad: 213, 94, 0;
  --representation: ${COLOURS.representation}; --baseline: ${COLOURS.baseline}; --classifier: ${COLOURS.classifier}; --student: ${COLOURS.student}; }
@media (prefers-color-scheme: dark) { :root { --text: #e8eaed; --quiet: #9aa3ad; --page: #14171a; --card: #1d2126; --line: #343a41; --good: 64, 160, 220; --bad: 235, 125, 50; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.55 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; }
main { max-width: 860px; margin: 0 auto; padding: 40px 20px 80px; overflow-wrap: break-word; }
header p.run { margin: 0; color: var(--quiet); font-size: 14px; }
h1 { font-size: 30px; line-height: 1.2; margin: 4px 0 20px; letter-spacing: -.01em; }
h2 { font-size: 20px; margin: 52px 0 12px; padding-top: 14px; border-top: 1px solid var(--line); }
h3 { font-size: 15px; margin: 22px 0 8px; color: var(--quiet); font-weight: 600; }
p { margin: 10px 0; } .lead { font-size: 21px; line-height: 1.45; margin: 12px 0; text-wrap: pretty; } .quiet, small { color: var(--quiet); }
ul.cautions { margin: 18px 0; padding: 14px 18px 14px 34px; background: var(--card); border-radius: 8px; color: var(--quiet); font-size: 14px; } ul.cautions li { margin: 3px 0; }
dl.facts { display: flex; flex-wrap: wrap; gap: 10px 34px; margin: 24px 0 0; } dl.facts div { min-width: 84px; } dl.facts dt { color: var(--quiet); font-size: 13px; } dl.facts dd { margin: 0; font-size: 18px; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; margin: 14px 0; } table { border-collapse: collapse; font-size: 15px; font-variant-numeric: tabular-nums; }
th, td { padding: 7px 14px 7px 0; text-align: left; vertical-align: top; font-weight: normal; } thead th { color: var(--quiet); font-size: 13px; vertical-align: bottom; border-bottom: 1px solid var(--line); }
tbody th { max-width: 320px; } th.short { white-space: nowrap; }
tbody tr + tr > * { border-top: 1px solid var(--line); } th small, td small { display: block; font-size: 12px; } .number { text-align: right; white-space: nowrap; } td.path { overflow-wrap: anywhere; min-width: 160px; font-family: ui-monospace, monospace; font-size: 13px; }
table.accuracy { width: 100%; font-size: 17px; } table.accuracy thead .number { white-space: normal; } table.accuracy td.classifier, table.accuracy td.student { font-weight: 600; } table.measures { width: 100%; } table.classes thead .number { white-space: normal; }
.dot { display: inline-block; width: 10px; height: 10px; border-radius: 5px; margin-right: 6px; } .dot.knn, .dot.probe { background: var(--representation); } .dot.baseline, .dot.smallBaseline { background: var(--baseline); } .dot.classifier { background: var(--classifier); } .dot.student { background: var(--student); }
svg.plot { display: block; width: 100%; max-width: 640px; height: auto; margin: 12px 0; }
table.confusion { font-size: 13px; } table.confusion th, table.confusion td { padding: 0; border: 0; } table.confusion tbody th { padding-right: 10px; text-align: right; vertical-align: middle; max-width: 150px; }
table.confusion thead th { border: 0; } th.turned { height: 110px; width: 40px; } th.turned span { display: block; writing-mode: vertical-rl; transform: rotate(180deg); margin: 0 auto; padding-top: 6px; max-height: 110px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; text-align: left; } .corner { text-align: right; padding-right: 10px !important; white-space: nowrap; }
td.cell { width: 40px; min-width: 34px; height: 34px; text-align: center; vertical-align: middle; border: 1px solid var(--page) !important; background: rgba(var(--bad), calc(var(--share) * .9 + .03)); } td.cell.right { background: rgba(var(--good), calc(var(--share) * .9 + .03)); } td.cell.strong { color: #fff; }
table.classes .number { min-width: 60px; } td.wide { width: 30%; min-width: 90px; padding-right: 0; vertical-align: middle; } .bar { display: block; height: 8px; border-radius: 4px; background: var(--line); } .bar span { display: block; height: 100%; border-radius: 4px; background: rgb(var(--good)); }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(120px, 1fr)); gap: 12px; } figure { margin: 0; padding: 8px; background: var(--card); border-radius: 8px; break-inside: avoid; border-top: 3px solid rgb(var(--good)); } figure.wrong { border-top-color: rgb(var(--bad)); }
figure img { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; image-rendering: pixelated; border-radius: 4px; } figcaption { font-size: 13px; line-height: 1.4; margin-top: 6px; } .truth { font-weight: 600; }
figure ol { list-style: none; margin: 2px 0 0; padding: 0; } figure li { display: flex; justify-content: space-between; gap: 6px; color: var(--quiet); } figure li.true { color: var(--text); } figure li span:last-child { white-space: nowrap; } figure li .name { min-width: 0; overflow-wrap: anywhere; max-height: 2.8em; overflow: hidden; }
pre { background: var(--card); border-radius: 8px; padding: 14px 18px; overflow-x: auto; font: 13px/1.5 ui-monospace, 'SF Mono', Menlo, Consolas, monospace; overflow-wrap: normal; } details { margin: 10px 0; } summary { cursor: pointer; color: var(--quiet); } a { color: rgb(var(--good)); } .hash { font-family: ui-monospace, monospace; font-size: 12px; color: var(--quiet); }
@media (max-width: 560px) { tbody th { max-width: 130px; } main { padding: 24px 16px 60px; } h1 { font-size: 25px; } .lead { font-size: 18px; } table { font-size: 14px; } table.accuracy { font-size: 12px; } table.accuracy th, table.accuracy td { padding-right: 5px; } table.classes .number { min-width: 0; } th, td { padding-right: 8px; } .spare, td.wide, th.wide { display: none; } table.accuracy thead th { font-size: 10px; } table.accuracy thead small { display: none; } table.accuracy .dot { display: block; margin: 0 0 2px auto; } table.accuracy :is(th, td):last-child { padding-right: 0; } .gallery { grid-template-columns: repeat(auto-fill, minmax(104px, 1fr)); } }
@media print { :root { color-scheme: light; --text: #000; --quiet: #444; --page: #fff; --card: #f6f6f6; --line: #ccc; } body { font-size: 11pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; } main { max-width: none; padding: 0; } h2 { break-after: avoid; } table, svg.plot, pre { break-inside: avoid; } .scroll, pre { overflow: visible; } pre { white-space: pre-wrap; } }
`;

/** A complete HTML document. */
export function page(title: string, body: Html): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${new Finished(POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="fewlabels">
<title>${title}</title>
<style>${new Finished(STYLE)}</style>
</head>
<body><main>
${body}
</main></body>
</html>
`.text;
}
