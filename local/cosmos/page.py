"""The page for people: containers, items, a query box, the last calls, the faults and the clock."""

# Everything that comes from the data is put in as text, never as markup.
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>Local Cosmos DB</title>
<style>
  :root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
  body { max-width: 75rem; margin: 0 auto; padding: 1rem; }
  h1 { font-size: 1.3rem; } h2 { font-size: 1.05rem; margin: 1.5rem 0 .4rem; }
  table { border-collapse: collapse; width: 100%; }
  th, td { text-align: left; padding: .2rem .6rem .2rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
  textarea, input { font: 13px/1.4 ui-monospace, monospace; width: 100%; box-sizing: border-box; padding: .4rem; }
  pre { font: 13px/1.4 ui-monospace, monospace; margin: 0 0 .5rem; padding: .5rem; background: #8881; overflow: auto; }
  label { display: block; margin: .4rem 0 .1rem; } button { margin: .4rem .4rem .4rem 0; padding: .25rem .8rem; }
  .row { display: flex; gap: 1rem; flex-wrap: wrap; } .row > * { flex: 1 1 16rem; }
  .bad { color: #c33; } .quiet { opacity: .8; } .scroll { max-height: 24rem; overflow: auto; }
  .calls td { max-width: 14rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
  :focus-visible { outline: 2px solid Highlight; outline-offset: 1px; }
  @media (prefers-color-scheme: dark) { .bad { color: #f88; } }
</style>
</head>
<body>
<main>
<h1>Local Cosmos DB</h1>
<p class="quiet">An account on this machine. <span id="now" role="status"></span></p>

<h2>Containers</h2>
<div class="scroll" tabindex="0" role="region" aria-label="Containers"><table>
<thead><tr><th>Container</th><th>Database</th><th>Partition key</th><th>Default TTL</th><th>Ranges</th></tr></thead>
<tbody id="containers"></tbody></table></div>

<h2>Query</h2>
<form id="query">
  <div class="row">
    <div><label for="container">Container (database/container)</label>
      <input id="container" list="names" required><datalist id="names"></datalist></div>
    <div><label for="key">Partition key, as JSON (empty: all partitions)</label>
      <input id="key" placeholder='["a"]'></div>
  </div>
  <label for="text">Query (Ctrl and Enter run it)</label><textarea id="text" rows="3">SELECT * FROM c</textarea>
  <button>Run</button> <span id="outcome" role="status"></span>
</form>
<div id="rows" class="scroll" tabindex="0" role="region" aria-label="Rows"></div>

<h2>Last calls</h2>
<label><input type="checkbox" id="meta" style="width:auto"> with the SDK's own (account, containers, ranges)</label>
<div class="scroll" tabindex="0" role="region" aria-label="Last calls"><table class="calls"><thead><tr><th>No.</th>
<th>Operation</th><th>Status</th><th>Container</th><th>Id</th><th>RU</th><th>ms</th><th>Partition key</th></tr></thead>
<tbody id="calls"></tbody></table></div>
<p class="quiet" id="counts"></p>
<button id="forget">Forget calls</button>

<h2>Faults</h2>
<label for="rules">Rules that are set, as JSON</label><textarea id="rules" rows="8"></textarea>
<button id="set">Set rules</button><button id="clear">Clear</button><button id="example">Write an example</button>
<span id="ruled" role="status"></span>
</main>

<script>
const EXAMPLE = [{operation: "Create", container: "items", nth: 2, times: 1,
  effect: {kind: "status", status: 429, substatus: 3200, retry_after_ms: 500}}];
const by = id => document.getElementById(id);
async function door(method, path, body) {
  const answer = await fetch("/_local/" + path, {method, body: body === undefined ? undefined : JSON.stringify(body)});
  const value = await answer.json();
  if (!answer.ok) throw new Error(value.error);
  return value;
}
function cells(row, values) {
  for (const value of values) {
    const cell = row.insertCell();
    cell.textContent = cell.title = value === null || value === undefined ? "" : value;
  }
}
function say(place, text, bad) { by(place).textContent = text; by(place).className = bad ? "bad" : "quiet"; }
async function showContainers() {
  for (const one of await door("GET", "containers")) {
    const row = by("containers").insertRow();
    cells(row, ["", one.database, one.partitionKey.paths.join(", "), one.defaultTtl, one.ranges]);
    const open = document.createElement("button");
    open.textContent = one.container;
    const name = one.database + "/" + one.container;
    open.onclick = () => { by("container").value = name; by("key").value = ""; run(); };
    row.cells[0].append(open);
    by("names").append(new Option(name));
    by("container").value ||= name;
  }
}
async function run() {
  const name = by("container").value, cut = name.indexOf("/");
  const body = {database: name.slice(0, Math.max(cut, 0)), container: name.slice(cut + 1), query: by("text").value};
  try {
    if (by("key").value.trim()) body.partition_key = [JSON.parse(by("key").value)].flat();
    const result = await door("POST", "query", body);
    by("rows").replaceChildren(...result.rows.map(row => {
      const shown = document.createElement("pre");
      shown.textContent = JSON.stringify(row, null, 1);
      return shown;
    }));
    say("outcome", result.rows.length + " rows" + (result.more ? ", and more" : ""), false);
  } catch (error) { by("rows").replaceChildren(); say("outcome", error.message, true); }
}
let known = [], next = 0;
async function lookForCalls() {
  try {
    by("now").textContent = "Its time is " + (await door("GET", "clock")).now.slice(0, 19).replace("T", " ") + " UTC.";
    const log = await door("GET", "calls?since=" + next);
    if (!log.calls.length) return;
    next = log.next;
    known = known.concat(log.calls).slice(-2000);
    showCalls(log.counts);
  } catch { by("now").textContent = "It does not answer now."; }
}
function showCalls(counts) {
  by("calls").replaceChildren();
  for (const call of known.filter(call => by("meta").checked || !call.meta).slice(-100).reverse()) {
    const ids = call.batch ? call.batch.map(one => one.id).join(", ") : call.id;
    const row = by("calls").insertRow();
    cells(row, [call.n, call.operation, call.status, call.container, ids, call.charge, call.ms, call.partition_key]);
    if (!(call.status < 400)) row.cells[2].className = "bad";
  }
  if (counts) by("counts").textContent = Object.entries(counts).map(([name, n]) => name + " " + n).join(" · ");
}
async function showFaults() { by("rules").value = JSON.stringify((await door("GET", "faults")).rules, null, 1); }
by("query").onsubmit = event => { event.preventDefault(); run(); };
by("text").onkeydown = event => { if (event.ctrlKey && event.key === "Enter") run(); };
by("meta").onchange = () => showCalls();
by("forget").onclick = async () => { await door("DELETE", "calls"); known = []; showCalls({}); };
by("set").onclick = async () => {
  try {
    await door("PUT", "faults", {rules: JSON.parse(by("rules").value || "[]")});
    await showFaults();
    say("ruled", "set", false);
  } catch (error) { say("ruled", error.message, true); }
};
by("clear").onclick = async () => {
  await door("DELETE", "faults");
  await showFaults();
  say("ruled", "cleared", false);
};
by("example").onclick = () => { by("rules").value = JSON.stringify(EXAMPLE, null, 1); by("rules").focus(); };
showContainers().then(() => by("container").value && run());
lookForCalls(); showFaults(); setInterval(lookForCalls, 2000);
</script>
</body>
</html>
"""
