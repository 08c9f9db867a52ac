#pragma once

#include <string_view>

namespace weir::report {

/// How many colours (`.s0` … ) the series of a chart have before they repeat.
inline constexpr int kSeriesColours = 6;

/// Of the page and of the charts in it. Text contrast is at least 4.5:1 in both colour schemes; the
/// colours of series differ in lightness too, for readers who do not see red and green apart.
inline constexpr std::string_view kStyleSheet = R"css(
:root{color-scheme:light dark;--page:#f4f5f7;--surface:#fff;--text:#1a1d23;--muted:#59606c;
--line:#dcdfe5;--grid:#e8eaee;--c0:#2867c7;--c1:#d4500c;--c2:#13855a;--c3:#8a48bd;--c4:#9a7400;
--c5:#0d8299}
@media (prefers-color-scheme:dark){:root{--page:#121418;--surface:#1b1e24;--text:#e9ebef;
--muted:#a3aab6;--line:#343943;--grid:#2a2e36;--c0:#6ba5ff;--c1:#ff8f52;--c2:#48c78e;--c3:#c79af2;
--c4:#dfbd45;--c5:#4cc4d6}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1120px;margin:0 auto;padding:32px 20px 56px}
h1{font-size:1.75rem;line-height:1.2;margin:0}
h2{font-size:1.25rem;line-height:1.3;margin:40px 0 12px}
h3{font-size:1.05rem;line-height:1.3;margin:28px 0 8px}
h1,h2,h3,p,dd,dt,figcaption{overflow-wrap:anywhere}
p{margin:8px 0 14px;max-width:75ch}
.subtitle{color:var(--muted);margin:6px 0 24px}
.cards{display:grid;gap:12px;margin:16px 0;padding:0;
grid-template-columns:repeat(auto-fit,minmax(min(100%,165px),1fr))}
.card,figure,.scroll{background:var(--surface);border:1px solid var(--line);border-radius:10px}
.card{padding:12px 16px 14px}
dt{color:var(--muted);font-size:.875rem}
dd{margin:0}
.value{font-size:1.375rem;font-weight:650;line-height:1.3;font-variant-numeric:tabular-nums}
.note{color:var(--muted);font-size:.8125rem;line-height:1.4}
.grid{display:grid;gap:16px;margin:16px 0;
grid-template-columns:repeat(auto-fill,minmax(min(100%,450px),1fr))}
figure{margin:0;padding:14px 14px 10px;min-width:0}
figcaption{font-weight:600;font-size:.9375rem;line-height:1.35;margin:0 2px 8px}
.scroll{overflow-x:auto;margin:16px 0;max-width:100%;width:fit-content}
.scroll:focus-visible{outline:2px solid var(--c0);outline-offset:2px}
table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;font-size:.9375rem;padding:12px 14px 6px}
th,td{padding:7px 14px;text-align:left;white-space:nowrap;border-top:1px solid var(--line)}
thead th{border-top:0;color:var(--muted);font-weight:600;font-size:.8125rem}
.number{text-align:right}
.nothing{color:var(--muted)}
svg.chart{display:block;width:100%;height:auto;overflow:visible;
font:12.5px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
.chart text{fill:var(--muted);font-variant-numeric:tabular-nums}
.chart .strong{fill:var(--text)}
.chart .halo{stroke:var(--surface);stroke-width:4px;stroke-linejoin:round;paint-order:stroke}
.chart .grid-line{stroke:var(--grid);stroke-width:1}
.chart .axis-line{stroke:var(--muted);stroke-width:1}
.chart .marker{stroke:var(--text);stroke-width:1.2;stroke-dasharray:5 3}
.chart .line{fill:none;stroke:var(--c);stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.chart .thin{stroke-width:1.3}
.chart .reference{stroke:var(--muted);stroke-width:1.4;stroke-dasharray:3 4}
.chart .second-round{stroke-dasharray:7 4}
.chart .bar{fill:var(--c)}
.chart .area{fill:var(--c);fill-opacity:.32;stroke:none}
.chart .band{fill:var(--c);fill-opacity:.18;stroke:none}
.chart .error{stroke:var(--c);stroke-width:1.4;fill:none}
.chart .dot{fill:var(--c);stroke:var(--surface);stroke-width:1}
.chart .hover{fill:transparent;stroke:none}
.chart .hover:hover{fill:var(--c);fill-opacity:.35}
.s0{--c:var(--c0)}.s1{--c:var(--c1)}.s2{--c:var(--c2)}.s3{--c:var(--c3)}.s4{--c:var(--c4)}
.s5{--c:var(--c5)}.sr{--c:var(--muted)}
@media (max-width:520px){main{padding:20px 12px 40px}figure{padding:12px 8px 8px}
.cards{grid-template-columns:repeat(auto-fit,minmax(min(100%,150px),1fr))}.card{padding:10px 12px}
svg.chart{font-size:13.5px}}
@media print{:root{color-scheme:light;--page:#fff;--surface:#fff;--text:#000;--muted:#444;
--line:#bbb;--grid:#ddd;--c0:#2867c7;--c1:#d4500c;--c2:#13855a;--c3:#8a48bd;--c4:#9a7400;
--c5:#0d8299}body{font-size:11pt}
.grid{grid-template-columns:1fr 1fr}main{max-width:none;padding:0}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
figure,.card,tr{break-inside:avoid}h2,h3{break-after:avoid}.scroll{overflow:visible}}
)css";

}  // namespace weir::report
