"""The page for people: containers, items, a query box, the last calls, the faults and the clock."""

# Everything that comes from the data is put in as text, never as markup.
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
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
  .bad { color: #c33; } .quiet { opacity: .7; } .scroll { max-height: 24rem; overflow: auto; }
</style>
</head>
<body>
<h1>Local Cosmos DB</h1>
<p class="quiet">An account on this machine. Its time is <span id="now">unknown</span>.</p>

<h2>Containers</h2>
<table><thead><tr><th>Database</th><th>Container</th><th>Partition key</th><th>Default TTL</th><th>Ranges</th></tr>
</thead><tbody id="containers"></tbody></table>

<h2>Query</h2>
<form id="query">
  <div class="row">
    <div><label for="container">Container (database/container)</label><input id="container" required></div>
    <div><label for="key">Partition key, as JSON (empty: all partitions)</label>
      <input id="key" placeholder='["a"]'></div>
  </div>
  <label for="text">Query</label><textarea id="text" rows="3">SELECT * FROM c</textarea>
  <button>Run</button> <span id="outcome" role="status"></span>
</form>
<div id="rows" class="scroll"></div>

<h2>Last calls</h2>
<label><input type="checkbox" id="meta" style="width:auto"> with the SDK's own (account, containers, ranges)</label>
<div class="scroll"><table><thead><tr><th>No.</th><th>Operation</th><th>Container</th><th>Id</th><th>Partition key</th>
<th>Status</th><th>RU</th><th>ms</th></tr></thead><tbody id="calls"></tbody></table></div>
<button id="forget">Forget calls</button>

<h2>Faults</h2>
<label for="rules">Rules that are set, as JSON</label><textarea id="rules" rows="6"></textarea>
<button id="set">Set rules</button><button id="clear">Clear</button> <span id="ruled" role="status"></span>

<script>
const by = id => document.getElementById(id);
async function door(method, path, body) {
  const answer = await fetch("/_local/" + path, {method, body: body === undefined ? undefined : JSON.stringify(body)});
  const value = await answer.json();
  if (!answer.ok) throw new Error(value.error);
  return value;
}
function cells(row, values) {
  for (const value of values) row.insertCell().textContent = value === null || value === undefined ? "" : value;
}
function say(place, text, bad) { by(place).textContent = text; by(place).className = bad ? "bad" : "quiet"; }
async function showContainers() {
  by("containers").replaceChildren();
  for (const one of await door("GET", "containers")) {
    const row = by("containers").insertRow();
    cells(row, [one.database, "", one.partitionKey.paths.join(", "), one.defaultTtl, one.ranges]);
    const open = document.createElement("button");
    open.textContent = one.container;
    open.onclick = () => { by("container").value = one.database + "/" + one.container; run(); };
    row.cells[1].append(open);
  }
}
async function run() {
  const name = by("container").value, cut = name.indexOf("/");
  const body = {database: name.slice(0, Math.max(cut, 0)), container: name.slice(cut + 1), query: by("text").value};
  try {
    if (by("key").value.trim()) body.partition_key = JSON.parse(by("key").value);
    const result = await door("POST", "query", body);
    by("rows").replaceChildren(...result.rows.map(row => {
      const shown = document.createElement("pre");
      shown.textContent = JSON.stringify(row, null, 1);
      return shown;
    }));
    say("outcome", result.rows.length + " rows" + (result.more ? ", and more" : ""), false);
  } catch (error) { by("rows").replaceChildren(); say("outcome", error.message, true); }
}
async function showCalls() {
  const log = await door("GET", "calls");
  const shown = log.calls.filter(call => by("meta").checked || !call.meta).slice(-100).reverse();
  by("calls").replaceChildren();
  for (const call of shown) {
    cells(by("calls").insertRow(),
      [call.n, call.operation, call.container, call.id, call.partition_key, call.status, call.charge, call.ms]);
  }
  by("now").textContent = (await door("GET", "clock")).now;
}
async function showFaults() { by("rules").value = JSON.stringify((await door("GET", "faults")).rules, null, 1); }
by("query").onsubmit = event => { event.preventDefault(); run(); };
by("meta").onchange = showCalls;
by("forget").onclick = async () => { await door("DELETE", "calls"); showCalls(); };
by("set").onclick = async () => {
  try {
    await door("PUT", "faults", {rules: JSON.parse(by("rules").value || "[]")});
    say("ruled", "set", false);
  } catch (error) { say("ruled", error.message, true); }
};
by("clear").onclick = async () => {
  await door("DELETE", "faults");
  await showFaults();
  say("ruled", "cleared", false);
};
showContainers(); showCalls(); showFaults(); setInterval(showCalls, 2000);
</script>
</body>
</html>
"""
