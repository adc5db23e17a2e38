// Checks the local Cosmos DB endpoint with Microsoft's JavaScript SDK, fetched from npm for the run.
//
//     node tools/cosmos_js_check.mjs [URL]
//
// Without URL an endpoint is started twice, its containers once with one physical partition and once with four.
// A line is printed for each check that fails, with what was expected, and that is also the exit status. Nothing of
// the SDK's is kept in this repository; SDKTESTS_DIR says where it is installed, PYTHON what starts the endpoint.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const VERSION = "4.10.1";
const REPOSITORY = dirname(dirname(fileURLToPath(import.meta.url)));
const FOLDER = join(process.env.SDKTESTS_DIR ?? tmpdir(), `azure-cosmos-js-${VERSION}`);
const PYTHON = process.env.PYTHON ?? join(REPOSITORY, ".venv/bin/python");
const KEY = "C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw==";
const CHECK_SECONDS = 30;

if (!existsSync(join(FOLDER, "node_modules/@azure/cosmos"))) {
  mkdirSync(FOLDER, { recursive: true });
  const options = ["--silent", "--no-audit", "--no-fund", "--no-save", "--prefix", FOLDER];
  execFileSync("npm", ["install", ...options, `@azure/cosmos@${VERSION}`], { stdio: "inherit" });
}
const sdk = createRequire(join(FOLDER, "package.json"))("@azure/cosmos");
const { BulkOperationType, ChangeFeedStartFrom, CosmosClient, PartitionKeyBuilder } = sdk;

// -- what the checks are made of ---------------------------------------------------------------------------------

const checks = [];
const check = (name, act) => checks.push({ name, act });

let database;
let containers = 0;

async function container(definition = {}, key = "/pk") {
  const paths = Array.isArray(key) ? key : [key];
  const partitionKey = { paths, kind: Array.isArray(key) ? "MultiHash" : "Hash", version: 2 };
  containers += 1;
  return (await database.containers.create({ id: `c${containers}`, partitionKey, ...definition })).container;
}

// Twenty items over five keys, two groups and four texts.
const ITEMS = Array.from({ length: 20 }, (_, n) => (
  { id: `i${String(n).padStart(2, "0")}`, pk: `p${n % 5}`, n, group: n % 2, text: "abcd"[n % 4], tags: ["x", `t${n % 3}`] }
));

async function filled(definition) {
  const one = await container(definition);
  for (const item of ITEMS) await one.items.create(item);
  return one;
}

const rows = async (one, query, options) => (await one.items.query(query, options).fetchAll()).resources;

async function refused(promise, code, substatus) {
  const error = await promise.then(() => assert.fail(`not refused, expected ${code}`), (found) => found);
  assert.equal(error.code, code, error.message);
  if (substatus !== undefined) assert.equal(error.substatus, substatus);
  return error;
}

// All pages of a change feed until nothing is new, and the cursor where it goes on.
async function feed(one, options) {
  const iterator = one.items.getChangeFeedIterator(options);
  const found = [];
  let page;
  for (let quiet = 0; quiet < 8; ) {
    page = await iterator.readNext();
    quiet = page.statusCode === 304 ? quiet + 1 : 0;
    found.push(...(page.result ?? []));
  }
  return { ids: found.map((item) => item.id), cursor: page.continuationToken };
}

const ids = (items) => items.map((item) => item.id).sort();
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// -- databases and containers ------------------------------------------------------------------------------------

check("account is read", async ({ client }) => {
  const { resource } = await client.getDatabaseAccount();
  assert.equal(resource.consistencyPolicy, "Session");
});
check("database is created, found by query, read and deleted", async ({ client }) => {
  await client.databases.create({ id: "other" });
  await refused(client.databases.create({ id: "other" }), 409);
  const query = { query: "SELECT * FROM d WHERE d.id = @id", parameters: [{ name: "@id", value: "other" }] };
  assert.deepEqual(ids((await client.databases.query(query).fetchAll()).resources), ["other"]);
  assert.ok((await client.databases.readAll().fetchAll()).resources.length >= 2);
  await client.database("other").delete();
  await refused(client.database("other").read(), 404);
});
check("container is completed, replaced, listed and deleted", async () => {
  const one = await container({ defaultTtl: -1 });
  const { resource } = await one.read();
  assert.equal(resource.indexingPolicy.indexingMode, "consistent");
  await one.replace({ ...resource, defaultTtl: 60 });
  assert.equal((await one.read()).resource.defaultTtl, 60);
  assert.ok(ids((await database.containers.readAll().fetchAll()).resources).includes(one.id));
  await one.delete();
  await refused(one.read(), 404);
});
check("container is created only if it is missing", async () => {
  const definition = { id: "once", partitionKey: { paths: ["/pk"] } };
  assert.equal((await database.containers.createIfNotExists(definition)).statusCode, 201);
  assert.equal((await database.containers.createIfNotExists(definition)).statusCode, 200);
});
check("partition key of a container cannot change", async () => {
  const one = await container();
  await refused(one.replace({ id: one.id, partitionKey: { paths: ["/other"], kind: "Hash", version: 2 } }), 400);
});
check("throughput is read and replaced", async () => {
  const { container: one } = await database.containers.create({ id: "rated", partitionKey: "/pk", throughput: 500 });
  const { offer, resource } = await one.readOffer();
  assert.equal(resource.content.offerThroughput, 500);
  await offer.replace({ ...resource, content: { ...resource.content, offerThroughput: 700 } });
  assert.equal((await one.readOffer()).resource.content.offerThroughput, 700);
});
check("partition key ranges tile the key space", async ({ partitions }) => {
  const one = await container();
  const { resources } = await one.readPartitionKeyRanges().fetchAll();
  assert.equal(resources.length, partitions);
  assert.equal(resources[0].minInclusive, "");
  assert.equal(resources.at(-1).maxExclusive, "FF");
  resources.slice(1).forEach((part, n) => assert.equal(part.minInclusive, resources[n].maxExclusive));
});

// -- items -------------------------------------------------------------------------------------------------------

check("item is created with the service's properties and read", async () => {
  const one = await container();
  const { resource, statusCode, etag, requestCharge } = await one.items.create({ id: "a", pk: "p", text: "Müller 中 😀" });
  assert.equal(statusCode, 201);
  assert.equal(etag, resource._etag);
  assert.ok(requestCharge > 5);
  const read = await one.item("a", "p").read();
  assert.deepEqual(read.resource, resource);
  assert.equal(read.resource.text, "Müller 中 😀");
});
check("second item with the id is a conflict in its partition only", async () => {
  const one = await container();
  await one.items.create({ id: "a", pk: "p" });
  await refused(one.items.create({ id: "a", pk: "p" }), 409);
  assert.equal((await one.items.create({ id: "a", pk: "q" })).statusCode, 201);
});
check("missing item is 404 and no exception", async () => {
  const { statusCode, resource } = await (await container()).item("none", "p").read();
  assert.equal(statusCode, 404);
  assert.equal(resource, undefined);
});
check("item with an id for URLs keeps it", async () => {
  const one = await container();
  for (const id of ["a b", "ä%25", "a+b&c=d", "日本", "a'b\"c", "a:b;c"]) {
    await one.items.create({ id, pk: "p" });
    assert.equal((await one.item(id, "p").read()).resource?.id, id);
  }
});
check("id is made where none is given", async () => {
  const { resource } = await (await container()).items.create({ pk: "p" });
  assert.match(resource.id, /^[0-9a-f-]{36}$/);
});
check("upsert creates, then replaces", async () => {
  const one = await container();
  assert.equal((await one.items.upsert({ id: "a", pk: "p", n: 1 })).statusCode, 201);
  assert.equal((await one.items.upsert({ id: "a", pk: "p", n: 2 })).statusCode, 200);
  assert.equal((await one.item("a", "p").read()).resource.n, 2);
});
check("replace holds to its ETag", async () => {
  const one = await container();
  const { resource } = await one.items.create({ id: "a", pk: "p", n: 1 });
  const accessCondition = { type: "IfMatch", condition: resource._etag };
  const { resource: second } = await one.item("a", "p").replace({ ...resource, n: 2 }, { accessCondition });
  assert.notEqual(second._etag, resource._etag);
  await refused(one.item("a", "p").replace({ ...resource, n: 3 }, { accessCondition }), 412);
  assert.equal((await one.item("a", "p").read()).resource.n, 2);
});
check("read of a known version is 304", async () => {
  const one = await container();
  const { resource } = await one.items.create({ id: "a", pk: "p" });
  const accessCondition = { type: "IfNoneMatch", condition: resource._etag };
  assert.equal((await one.item("a", "p").read({ accessCondition })).statusCode, 304);
});
check("delete holds to its ETag, and what is deleted is gone", async () => {
  const one = await container();
  const { resource } = await one.items.create({ id: "a", pk: "p" });
  const item = one.item("a", "p");
  await refused(item.delete({ accessCondition: { type: "IfMatch", condition: '"other"' } }), 412);
  assert.equal((await item.delete({ accessCondition: { type: "IfMatch", condition: resource._etag } })).statusCode, 204);
  await refused(item.delete(), 404);
});
check("keys that are null, absent, numbers and booleans are all different", async () => {
  const one = await container();
  const keys = [null, undefined, 0, 1, 1.5, true, false, "", "1", "null"];
  for (const [n, pk] of keys.entries()) await one.items.create({ id: "a", pk, n });
  for (const [n, pk] of keys.entries()) assert.equal((await one.item("a", pk).read()).resource?.n, n, String(pk));
});
check("unique key is kept in its partition", async () => {
  const one = await container({ uniqueKeyPolicy: { uniqueKeys: [{ paths: ["/email"] }] } });
  await one.items.create({ id: "a", pk: "p", email: "x" });
  await refused(one.items.create({ id: "b", pk: "p", email: "x" }), 409);
  assert.equal((await one.items.create({ id: "b", pk: "q", email: "x" })).statusCode, 201);
});
check("expired item is gone and frees its id", async () => {
  const one = await container({ defaultTtl: -1 });
  await one.items.create({ id: "a", pk: "p", ttl: 1 });
  await one.items.create({ id: "b", pk: "p" });
  await wait(2100);
  assert.equal((await one.item("a", "p").read()).statusCode, 404);
  assert.deepEqual(ids((await one.items.readAll().fetchAll()).resources), ["b"]);
  assert.equal((await one.items.create({ id: "a", pk: "p" })).statusCode, 201);
});
check("item over two megabytes is refused", async () => {
  await refused((await container()).items.create({ id: "a", pk: "p", x: "x".repeat(2_200_000) }), 413);
});

// -- patch -------------------------------------------------------------------------------------------------------

check("patch adds, sets, replaces, removes, increments and moves", async () => {
  const one = await container();
  await one.items.create({ id: "a", pk: "p", n: 1, list: [1, 3], old: "o", gone: 1 });
  const { resource } = await one.item("a", "p").patch([
    { op: "add", path: "/list/1", value: 2 },
    { op: "set", path: "/new", value: { deep: true } },
    { op: "replace", path: "/old", value: "n" },
    { op: "remove", path: "/gone" },
    { op: "incr", path: "/n", value: 4 },
    { op: "move", from: "/old", path: "/moved" },
  ]);
  const { n, list, moved, old, gone, new: added } = resource;
  assert.deepEqual([n, list, moved, old, gone, added], [5, [1, 2, 3], "n", undefined, undefined, { deep: true }]);
});
check("patch is done only if its condition holds", async () => {
  const one = await container();
  await one.items.create({ id: "a", pk: "p", n: 1 });
  const operations = [{ op: "incr", path: "/n", value: 1 }];
  await one.item("a", "p").patch({ condition: "from c where c.n = 1", operations });
  await refused(one.item("a", "p").patch({ condition: "from c where c.n = 1", operations }), 412);
  assert.equal((await one.item("a", "p").read()).resource.n, 2);
});
check("patch of id, of a path that is not there, and of eleven steps is refused", async () => {
  const one = await container();
  await one.items.create({ id: "a", pk: "p" });
  const patch = (operations) => one.item("a", "p").patch(operations);
  await refused(patch([{ op: "set", path: "/id", value: "b" }]), 400);
  await refused(patch([{ op: "replace", path: "/none", value: 1 }]), 400);
  await refused(patch(Array.from({ length: 11 }, (_, n) => ({ op: "set", path: `/x${n}`, value: n }))), 400);
});

// -- batches -----------------------------------------------------------------------------------------------------

check("batch does all its operations, each seeing those before", async () => {
  const one = await container();
  const { code, result } = await one.items.batch([
    { operationType: "Create", resourceBody: { id: "a", pk: "p", n: 1 } },
    { operationType: "Patch", id: "a", resourceBody: { operations: [{ op: "incr", path: "/n", value: 1 }] } },
    { operationType: "Read", id: "a" },
    { operationType: "Replace", id: "a", resourceBody: { id: "a", pk: "p", n: 9 } },
    { operationType: "Upsert", resourceBody: { id: "b", pk: "p" } },
    { operationType: "Delete", id: "b" },
  ], "p");
  assert.equal(code, 200);
  assert.deepEqual(result.map((entry) => entry.statusCode), [201, 200, 200, 200, 201, 204]);
  assert.equal(result[2].resourceBody.n, 2);
});
check("batch that fails does nothing and blames one operation", async () => {
  const one = await container();
  await one.items.create({ id: "a", pk: "p" });
  const { code, result } = await one.items.batch([
    { operationType: "Create", resourceBody: { id: "b", pk: "p" } },
    { operationType: "Create", resourceBody: { id: "a", pk: "p" } },
    { operationType: "Delete", id: "a" },
  ], "p");
  assert.equal(code, 207);
  assert.deepEqual(result.map((entry) => entry.statusCode), [424, 409, 424]);
  assert.deepEqual(ids(await rows(one, "SELECT * FROM c")), ["a"]);
});
check("operation of a batch holds to its ETag", async () => {
  const one = await container();
  const { resource } = await one.items.create({ id: "a", pk: "p" });
  const replace = (ifMatch) => one.items.batch(
    [{ operationType: "Replace", id: "a", ifMatch, resourceBody: { id: "a", pk: "p", n: 1 } }], "p");
  assert.deepEqual((await replace('"other"')).result.map((entry) => entry.statusCode), [412]);
  assert.deepEqual((await replace(resource._etag)).result.map((entry) => entry.statusCode), [200]);
});
check("batch of a hundred operations is done", async () => {
  const one = await container();
  const creates = Array.from({ length: 100 }, (_, n) => ({ operationType: "Create", resourceBody: { id: `${n}`, pk: "p" } }));
  assert.equal((await one.items.batch(creates, "p")).code, 200);
  assert.deepEqual(await rows(one, "SELECT VALUE COUNT(1) FROM c", { partitionKey: "p" }), [100]);
});
check("batch that wants no content back is done all the same", async () => {
  const one = await container();
  const operations = [{ operationType: "Create", resourceBody: { id: "a", pk: "p" } }, { operationType: "Read", id: "a" }];
  const { result } = await one.items.batch(operations, "p", { contentResponseOnWriteEnabled: false });
  assert.deepEqual(result.map((entry) => [entry.statusCode, entry.resourceBody?.id]), [[201, undefined], [200, "a"]]);
});
check("bulk does each operation for itself", async () => {
  const one = await container();
  await one.items.create({ id: "a", pk: "p0" });
  const operations = Array.from({ length: 40 }, (_, n) => (
    { operationType: BulkOperationType.Create, partitionKey: `p${n}`, resourceBody: { id: "a", pk: `p${n}` } }));
  const results = await one.items.executeBulkOperations(operations);
  const codes = results.map((entry) => entry.response?.statusCode ?? entry.error?.code);
  assert.deepEqual(codes, [409, ...Array(39).fill(201)]);
});

// -- queries -----------------------------------------------------------------------------------------------------

check("query of one partition gives that partition's items", async () => {
  const one = await filled();
  assert.deepEqual(ids(await rows(one, "SELECT * FROM c", { partitionKey: "p1" })), ["i01", "i06", "i11", "i16"]);
});
check("query takes parameters", async () => {
  const one = await filled();
  const parameters = [{ name: "@n", value: 15 }, { name: "@tags", value: ["t1"] }];
  const query = { query: "SELECT VALUE c.n FROM c WHERE c.n > @n AND ARRAY_CONTAINS(@tags, c.tags[1])", parameters };
  assert.deepEqual((await rows(one, query)).sort(), [16, 19]);
});
check("query over all partitions is continued page by page, by another client's token too", async ({ client }) => {
  const one = await filled();
  const found = [];
  let continuationToken;
  do {
    const again = client.database(database.id).container(one.id);
    const page = await again.items.query("SELECT * FROM c", { maxItemCount: 3, continuationToken }).fetchNext();
    found.push(...(page.resources ?? []));
    continuationToken = page.continuationToken;
  } while (continuationToken);
  assert.deepEqual(ids(found), ids(ITEMS));
});
check("query of one partition is continued while items come and go", async () => {
  const one = await filled();
  const found = [];
  let continuationToken;
  do {
    const options = { partitionKey: "p0", maxItemCount: 1, continuationToken };
    const page = await one.items.query("SELECT * FROM c ORDER BY c.n", options).fetchNext();
    found.push(...page.resources);
    if (found.length === 1) await one.item(found[0].id, "p0").delete();
    continuationToken = page.continuationToken;
  } while (continuationToken);
  assert.deepEqual(ids(found), ["i00", "i05", "i10", "i15"]);
});
for (const [what, query, expected] of [
  ["ORDER BY", "SELECT VALUE c.n FROM c ORDER BY c.n DESC", ITEMS.map((item) => item.n).reverse()],
  ["TOP", "SELECT TOP 3 VALUE c.n FROM c ORDER BY c.n", [0, 1, 2]],
  ["OFFSET and LIMIT", "SELECT VALUE c.n FROM c ORDER BY c.n OFFSET 5 LIMIT 3", [5, 6, 7]],
  ["DISTINCT with ORDER BY", "SELECT DISTINCT VALUE c.text FROM c ORDER BY c.text", ["a", "b", "c", "d"]],
  ["COUNT", "SELECT VALUE COUNT(1) FROM c WHERE c.group = 1", [10]],
  ["SUM", "SELECT VALUE SUM(c.n) FROM c", [190]],
  ["AVG", "SELECT VALUE AVG(c.n) FROM c", [9.5]],
  ["MIN", "SELECT VALUE MIN(c.n) FROM c", [0]],
  ["MAX", "SELECT VALUE MAX(c.text) FROM c", ["d"]],
  ["several aggregates", "SELECT COUNT(1) AS k, SUM(c.n) AS s FROM c", [{ k: 20, s: 190 }]],
  ["JOIN", "SELECT VALUE c.id FROM c JOIN t IN c.tags WHERE t = 't2' AND c.n < 3", ["i02"]],
  ["EXISTS", "SELECT VALUE c.n FROM c WHERE EXISTS(SELECT VALUE t FROM t IN c.tags WHERE t = 't0') AND c.n < 3", [0]],
  ["ORDER BY with a projection", "SELECT c.n, c.text FROM c WHERE c.n < 2 ORDER BY c.n", [{ n: 0, text: "a" }, { n: 1, text: "b" }]],
]) {
  check(`plan over all partitions: ${what}`, async () => {
    assert.deepEqual(await rows(await filled(), query, { maxItemCount: 4 }), expected);
  });
}
check("plan over all partitions: DISTINCT without order", async () => {
  assert.deepEqual((await rows(await filled(), "SELECT DISTINCT VALUE c.text FROM c")).sort(), ["a", "b", "c", "d"]);
});
check("plan over all partitions: GROUP BY", async () => {
  const found = await rows(await filled(), "SELECT c.text, COUNT(1) AS k, MAX(c.n) AS most FROM c GROUP BY c.text");
  found.sort((left, right) => left.text.localeCompare(right.text));
  assert.deepEqual(found, ["a", "b", "c", "d"].map((text, n) => ({ text, k: 5, most: 16 + n })));
});
check("plan over all partitions: ORDER BY two properties with their index", async () => {
  const compositeIndexes = [[{ path: "/group", order: "ascending" }, { path: "/n", order: "descending" }]];
  const query = "SELECT VALUE c.n FROM c ORDER BY c.group ASC, c.n DESC";
  const one = await filled({ indexingPolicy: { compositeIndexes } });
  const expected = [18, 16, 14, 12, 10, 8, 6, 4, 2, 0, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1];
  assert.deepEqual(await rows(one, query), expected);
  await refused(rows(await filled(), query), 400);
});
check("plan over all partitions is continued by its token", async () => {
  const one = await filled();
  const found = [];
  let continuationToken;
  do {
    const options = { maxItemCount: 6, continuationToken, enableQueryControl: true };
    const page = await one.items.query("SELECT VALUE c.n FROM c ORDER BY c.n", options).fetchNext();
    found.push(...(page.resources ?? []));
    continuationToken = page.continuationToken;
  } while (continuationToken);
  assert.deepEqual(found, ITEMS.map((item) => item.n));
});
check("query plan is given on request", async () => {
  const one = await filled();
  const { result } = await one.getQueryPlan("SELECT TOP 2 c.n FROM c ORDER BY c.n DESC");
  assert.deepEqual([result.queryInfo.top, result.queryInfo.orderBy], [2, ["Descending"]]);
});
check("query that is none is refused", async () => {
  const error = await refused(rows(await container(), "SELECT * FORM c"), 400);
  assert.match(JSON.stringify(error.body ?? error.message), /Syntax error, incorrect syntax near 'FORM'/);
});
check("readAll gives every item", async () => {
  assert.deepEqual(ids((await (await filled()).items.readAll({ maxItemCount: 4 }).fetchAll()).resources), ids(ITEMS));
});

// -- hierarchical keys -------------------------------------------------------------------------------------------

const TREE = Array.from({ length: 12 }, (_, n) => ({ id: `${n}`, t: `t${n % 2}`, u: n % 3, v: n % 4 < 2 }));
async function tree() {
  const one = await container({}, ["/t", "/u", "/v"]);
  for (const item of TREE) await one.items.create(item);
  return one;
}
check("hierarchical key addresses an item", async () => {
  const one = await tree();
  const { resource } = await one.item("5", ["t1", 2, true]).read();
  assert.equal(resource.id, "5");
  assert.equal((await one.item("5", ["t1", 2, false]).read()).statusCode, 404);
  const key = new PartitionKeyBuilder().addValue("t0").addValue(0).addValue(true).build();
  assert.equal((await one.item("0", key).read()).resource.id, "0");
});
check("hierarchical key is queried whole and by its beginning", async () => {
  const one = await tree();
  const whole = await rows(one, "SELECT * FROM c", { partitionKey: ["t1", 2, true] });
  assert.deepEqual(ids(whole), ids(TREE.filter((item) => item.t === "t1" && item.u === 2 && item.v)));
  const prefix = await rows(one, "SELECT * FROM c", { partitionKey: ["t1"] });
  assert.deepEqual(ids(prefix), ids(TREE.filter((item) => item.t === "t1")));
  const filtered = await rows(one, "SELECT * FROM c WHERE c.t = 't0' AND c.u = 0");
  assert.deepEqual(ids(filtered), ids(TREE.filter((item) => item.t === "t0" && item.u === 0)));
});
check("hierarchical key takes a batch", async () => {
  const one = await tree();
  const body = { id: "new", t: "t9", u: 9, v: null };
  const { code } = await one.items.batch([{ operationType: "Create", resourceBody: body }], ["t9", 9, null]);
  assert.equal(code, 200);
});

// -- change feed -------------------------------------------------------------------------------------------------

check("change feed from the beginning gives newest versions, then what is new", async () => {
  const one = await filled();
  await one.item("i03", "p3").patch([{ op: "set", path: "/n", value: 33 }]);
  await one.item("i04", "p4").delete();
  const { ids: found, cursor } = await feed(one, { changeFeedStartFrom: ChangeFeedStartFrom.Beginning(), maxItemCount: 3 });
  assert.deepEqual(found.sort(), ids(ITEMS).filter((id) => id !== "i04"));
  await one.items.create({ id: "later", pk: "p9" });
  const again = await feed(one, { changeFeedStartFrom: ChangeFeedStartFrom.Continuation(cursor) });
  assert.deepEqual(again.ids, ["later"]);
});
check("change feed of one partition key keeps the order of change", async () => {
  const one = await filled();
  await one.item("i06", "p1").patch([{ op: "set", path: "/n", value: 66 }]);
  const { ids: found } = await feed(one, { changeFeedStartFrom: ChangeFeedStartFrom.Beginning("p1") });
  assert.deepEqual(found, ["i01", "i11", "i16", "i06"]);
});
check("change feed from now leaves out what was", async () => {
  const one = await filled();
  const { ids: before, cursor } = await feed(one, { changeFeedStartFrom: ChangeFeedStartFrom.Now() });
  assert.deepEqual(before, []);
  await one.items.create({ id: "later", pk: "p0" });
  assert.deepEqual((await feed(one, { changeFeedStartFrom: ChangeFeedStartFrom.Continuation(cursor) })).ids, ["later"]);
});
check("change feed from a point in time starts there", async () => {
  const one = await container();
  await one.items.create({ id: "old", pk: "p" });
  await wait(2100);
  const moment = new Date();
  await wait(1100);
  await one.items.create({ id: "new", pk: "p" });
  assert.deepEqual((await feed(one, { changeFeedStartFrom: ChangeFeedStartFrom.Time(moment) })).ids, ["new"]);
});
check("change feed of each feed range gives every item once", async ({ partitions }) => {
  const one = await filled();
  const ranges = await one.getFeedRanges();
  assert.equal(ranges.length, partitions);
  const found = [];
  for (const range of ranges) found.push(...(await feed(one, { changeFeedStartFrom: ChangeFeedStartFrom.Beginning(range) })).ids);
  assert.deepEqual(found.sort(), ids(ITEMS));
});
check("change feed of a hierarchical prefix", async () => {
  const one = await tree();
  const { ids: found } = await feed(one, { changeFeedStartFrom: ChangeFeedStartFrom.Beginning(["t0"]) });
  assert.deepEqual(found.sort(), ids(TREE.filter((item) => item.t === "t0")));
});

// -- the rest ----------------------------------------------------------------------------------------------------

check("eight clients race on one ETag and one wins", async ({ client }) => {
  const one = await container();
  let { resource } = await one.items.create({ id: "a", pk: "p", n: 0 });
  for (let round = 1; round <= 20; round += 1) {
    const accessCondition = { type: "IfMatch", condition: resource._etag };
    const tries = Array.from({ length: 8 }, () => (
      client.database(database.id).container(one.id).item("a", "p").replace({ id: "a", pk: "p", n: round }, { accessCondition })
        .then((answer) => answer.statusCode, (error) => error.code)));
    assert.deepEqual((await Promise.all(tries)).sort(), [200, ...Array(7).fill(412)]);
    ({ resource } = await one.item("a", "p").read());
  }
});
check("session is passed on by its token", async ({ client }) => {
  const one = await container();
  const { headers } = await one.items.create({ id: "a", pk: "p" });
  const again = client.database(database.id).container(one.id);
  assert.equal((await again.item("a", "p").read({ sessionToken: headers["x-ms-session-token"] })).statusCode, 200);
});
check("wrong key is refused", async ({ url }) => {
  const stranger = new CosmosClient({ endpoint: url, key: Buffer.from("another key").toString("base64") });
  await refused(stranger.databases.readAll().fetchAll(), 401);
  stranger.dispose();
});
check("all items of a partition key are deleted at once", async () => {
  const one = await filled();
  await one.deleteAllItemsForPartitionKey("p1");
  assert.deepEqual(await rows(one, "SELECT * FROM c", { partitionKey: "p1" }), []);
  assert.equal((await rows(one, "SELECT * FROM c")).length, 16);
});

// -- running them ------------------------------------------------------------------------------------------------

async function run(url, partitions) {
  const client = new CosmosClient({ endpoint: url, key: KEY });
  database = (await client.databases.create({ id: `js-${Date.now()}` })).database;
  let failed = 0;
  for (const { name, act } of checks) {
    const limit = new Promise((_, reject) => {
      setTimeout(() => reject(new Error(`no end after ${CHECK_SECONDS} s`)), CHECK_SECONDS * 1000).unref();
    });
    await Promise.race([act({ client, url, partitions }), limit]).catch((error) => {
      failed += 1;
      console.log(`FAILED ${name}: ${String(error?.message ?? error).slice(0, 600)}`);
    });
  }
  await database.delete();
  client.dispose();
  console.log(`${partitions} partition(s): ${checks.length - failed} of ${checks.length} checks passed`);
  return failed;
}

async function runOnOwn(partitions) {
  const folder = mkdtempSync(join(tmpdir(), "cosmos-js-"));
  const options = ["-m", "local.cosmos", "--port", "0", "--data", join(folder, "cosmos.db"), "--partitions", `${partitions}`];
  const server = spawn(PYTHON, options, { cwd: REPOSITORY, stdio: ["ignore", "pipe", "inherit"] });
  try {
    for await (const line of createInterface({ input: server.stdout })) {
      return await run(JSON.parse(line.replace("ready ", "")).endpoint, partitions);
    }
    return checks.length;
  } finally {
    server.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

const given = process.argv[2];
const failed = given ? await run(given, 1) : (await runOnOwn(1)) + (await runOnOwn(4));
process.exit(failed ? 1 : 0);
