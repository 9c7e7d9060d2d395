/** Style of a board's page. Colours have a contrast of 4.5 to 1 at least against what they lie on, in both schemes. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --back: #f6f7f9; --card: #ffffff; --text: #1c2430; --dim: #566273; --line: #dbe0e7; --link: #0b5cad;
  --accent: #0b5cad; --on-accent: #ffffff; --code: #eef1f5; --bad: #a3201d; --bad-back: #fdecea; --warn: #7a4d00; --warn-back: #fff3d6;
  --boot: #6b5bd2; --slot: #7fb8e6; --used: #0b6fc2; --data: #3f9a6b; --app: #c2702e; --free: #dfe4ea;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #11151b; --card: #1a2029; --text: #e6eaf0; --dim: #9aa7b8; --line: #2e3744; --link: #7ab8f5;
    --accent: #7ab8f5; --on-accent: #0d1521; --code: #242c37; --bad: #ffb4ab; --bad-back: #40201f; --warn: #ffd37a; --warn-back: #3a2e14;
    --boot: #9486f0; --slot: #2e567c; --used: #5fb0f5; --data: #4fae7e; --app: #d98b4e; --free: #2a323d;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 64rem; background: var(--back); color: var(--text);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
h1 { margin: 0 0 1rem; font-size: clamp(1.6rem, 5vw, 2.4rem); line-height: 1.15; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h2 { margin: 0 0 0.75rem; font-size: 1.35rem; line-height: 1.3; overflow-wrap: anywhere; }
h3 { margin: 2rem 0 0.5rem; font-size: 1.05rem; }
p { margin: 0.5rem 0; max-width: 46rem; }
a { color: var(--link); text-underline-offset: 0.15em; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
.eyebrow { margin: 0 0 0.25rem; color: var(--dim); }
section, article, details.other > article {
  margin: 1.5rem 0; padding: 1.5rem; background: var(--card); border: 1px solid var(--line); border-radius: 12px;
}
details.other > article { margin: 1rem 0 0; padding: 0; border: 0; }
details.other { margin: 1.5rem 0; padding: 1rem 1.5rem; background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
summary { cursor: pointer; font-weight: 600; }
.channels { display: flex; flex-wrap: wrap; gap: 0.75rem; margin: 0; padding: 0; list-style: none; }
.channels li { padding: 0.6rem 0.9rem; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.channels time { color: var(--dim); }
.channel { margin-right: 0.35rem; color: var(--dim); }
.badge { padding: 0.1rem 0.5rem; border-radius: 999px; font-size: 0.8rem; font-weight: 600; white-space: nowrap; }
.bad, .alert { background: var(--bad-back); color: var(--bad); }
.warn { background: var(--warn-back); color: var(--warn); }
.alert { padding: 0.75rem 1rem; border-left: 4px solid currentColor; border-radius: 6px; }
.alert:has(+ dl) { margin-bottom: 1rem; }
.note { padding: 0.75rem 1rem; background: var(--code); border-radius: 6px; }
dl { display: grid; gap: 0.35rem 1.25rem; margin: 0; }
dl div { display: grid; grid-template-columns: 9rem minmax(0, 1fr); gap: 0.75rem; }
dt { color: var(--dim); }
dd { margin: 0; overflow-wrap: anywhere; }
code { font: 0.875em/1.5 ui-monospace, "SF Mono", SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; }
.digest { overflow-wrap: anywhere; }
pre { margin: 0.5rem 0; padding: 0.75rem 1rem; overflow-x: auto; background: var(--code); border-radius: 8px; }
p > code { padding: 0.1em 0.35em; background: var(--code); border-radius: 4px; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: 0.925rem; }
th, td { padding: 0.45rem 0.75rem 0.45rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
thead th { color: var(--dim); font-weight: 500; }
tbody th { font-weight: 500; }
tbody tr:last-child > * { border-bottom: 0; }
th:not(:last-child), td:not(:last-child) { padding-right: 1.5rem; }
tbody th, td { white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.role { display: block; color: var(--dim); font-size: 0.8rem; font-weight: 400; }
td .digest { white-space: nowrap; }
.flash { display: block; width: 100%; height: 2.25rem; margin: 0.75rem 0; border-radius: 6px; background: var(--free); }
.flash rect { stroke: var(--card); stroke-width: 1; vector-effect: non-scaling-stroke; }
.key { display: inline-block; width: 0.75rem; height: 0.75rem; margin-right: 0.5rem; border-radius: 3px; }
.boot { fill: var(--boot); background: var(--boot); }
.slot { fill: var(--slot); background: var(--slot); }
.used { fill: var(--used); }
.data { fill: var(--data); background: var(--data); }
.app { fill: var(--app); background: var(--app); }
.free { fill: var(--free); background: var(--free); }
meter { width: 6rem; vertical-align: middle; }
esp-web-install-button { display: inline-block; margin: 0.75rem 0.75rem 0 0; vertical-align: top; }
esp-web-install-button ~ esp-web-install-button button { background: transparent; color: var(--accent); box-shadow: inset 0 0 0 2px var(--accent); }
esp-web-install-button:not(:defined) { display: none; }
esp-web-install-button button {
  padding: 0.65rem 1.4rem; border: 0; border-radius: 999px; background: var(--accent); color: var(--on-accent);
  font: inherit; font-weight: 600; cursor: pointer;
}
esp-web-install-button button:hover { filter: brightness(1.08); }
footer { color: var(--dim); font-size: 0.9rem; }
@media (max-width: 36rem) {
  body { padding: 1.25rem 0.75rem 3rem; }
  section, article { padding: 1rem; }
  dl { gap: 0.75rem; }
  dl div { grid-template-columns: 1fr; gap: 0; }
}
@media print { body { max-width: none; } pre { white-space: pre-wrap; } }
`;
