/** The style of the pages: no font, picture or script is fetched. Light and dark as the visitor's system is. */
export const PAGE_STYLE = `
:root{color-scheme:light dark;--ink:#1c1f26;--soft:#5a6170;--line:#dfe2e8;--page:#f7f8fa;--card:#fff;--accent:#1f5fd0;--on-accent:#fff}
@media (prefers-color-scheme:dark){:root{--ink:#e8eaef;--soft:#a3aab8;--line:#333946;--page:#14171d;--card:#1c2029;--accent:#8ab4ff;--on-accent:#0d1524}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main,footer{max-width:46rem;margin:0 auto;padding:0 1.25rem}
h1{font-size:clamp(1.8rem,6vw,2.6rem);line-height:1.15;margin:3rem 0 .4rem;overflow-wrap:anywhere}
h2{font-size:1.25rem;margin:2.5rem 0 .75rem}
h3{font-size:1.05rem;margin:1.5rem 0 .5rem}
a{color:var(--accent)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px;border-radius:4px}
.soft{color:var(--soft);margin:.3rem 0}
.first{margin:1.75rem 0 0}
.button{display:inline-block;background:var(--accent);color:var(--on-accent);font-weight:600;font-size:1.1rem;text-decoration:none;padding:.85rem 1.5rem;border-radius:.6rem}
.button:hover{filter:brightness(1.08)}
.files{list-style:none;margin:0;padding:0;background:var(--card);border:1px solid var(--line);border-radius:.75rem}
.files li{display:flex;gap:1rem;justify-content:space-between;align-items:baseline;padding:.75rem 1rem;border-top:1px solid var(--line)}
.files li:first-child{border-top:0}
.files .soft{margin:0;white-space:nowrap;font-size:.9rem;font-variant-numeric:tabular-nums}
.notes{overflow-wrap:anywhere}
.notes table{display:block;overflow-x:auto;border-collapse:collapse}
.notes th,.notes td{border:1px solid var(--line);padding:.3rem .6rem;text-align:left}
.notes pre{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.75rem}
.notes code{font-size:.9em}
.notes blockquote{margin:1rem 0;padding-left:1rem;border-left:3px solid var(--line);color:var(--soft)}
details{border-top:1px solid var(--line);padding:.6rem 0}
details:last-of-type{border-bottom:1px solid var(--line)}
summary{cursor:pointer;font-weight:600;padding:.2rem 0}
.sums{overflow-x:auto;font:.8rem/1.7 ui-monospace,Menlo,Consolas,monospace}
footer{margin-top:3rem;padding-bottom:3rem;color:var(--soft);font-size:.9rem}
`.replaceAll('\n', '');
