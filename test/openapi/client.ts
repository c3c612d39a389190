/* A partner's client in TypeScript, typed by what openapi-typescript made of /openapi.json: it posts a record, is refused, posts
 * a batch and reads what became of it. Prints one JSON object. Arguments: HOST PORT CERTIFICATE KEY AUTHORITY ENVELOPE-FILE. */
import { readFileSync } from "node:fs";
import { randomUUID } from "node:crypto";
import createClient from "openapi-fetch";
import { Agent } from "undici";
import type { components, paths } from "./gateway.js";

const [host, port, certificate, key, authority, file] = process.argv.slice(2) as [string, string, string, string, string, string];
const dispatcher = new Agent({
	connect: {
		cert: readFileSync(certificate),
		key: readFileSync(key),
		ca: readFileSync(authority),
		minVersion: "TLSv1.3",
		/* The made-up host is in no DNS. */
		lookup: (_name, options, done) =>
			options.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4),
	},
});
const gateway = createClient<paths>({ baseUrl: `https://${host}:${port}`, requestInitExt: { dispatcher } });
const envelope = JSON.parse(readFileSync(file, "utf8")) as components["schemas"]["Envelope"];
const params = (idempotencyKey?: string) => ({ path: { id: "pnr" }, header: { "Idempotency-Key": idempotencyKey } });

const posted = await gateway.POST("/v1/agreements/{id}/records", { params: params(randomUUID()), body: envelope });
if (posted.error) throw new Error(`${posted.error.type}: ${posted.error.title}`);
/* 200 is of batches: its text has no members. */
const decision = posted.data as components["schemas"]["Decision"];

const refused = await gateway.POST("/v1/agreements/{id}/records", { params: params(randomUUID()), body: { ...envelope, purpose: "marketing" } });

const lines = [1, 2].map(() => JSON.stringify({ ...envelope, key: randomUUID() }) + "\n").join("");
const batch = await gateway.POST("/v1/agreements/{id}/records", {
	params: params(),
	body: lines,
	bodySerializer: (body) => body as string,
	headers: { "Content-Type": "application/x-ndjson" },
	parseAs: "text",
});
const results = (batch.data as string).trim().split("\n").map((line) => JSON.parse(line) as components["schemas"]["RecordResult"]);

const state = await gateway.GET("/v1/exchanges/{exchange}", { params: { path: { exchange: decision.exchange } } });
const sent = await gateway.GET("/v1/exchanges", { params: { query: { agreement: "pnr", limit: 10 } } });
const peer = await gateway.GET("/v1/peer");

console.log(
	JSON.stringify({
		posted: { status: posted.response.status, outcome: decision.outcome, receipt: decision.receipt?.split("\n")[0] },
		refused: { status: refused.response.status, type: refused.error?.type, allowed: refused.error?.errors?.[0]?.allowed },
		batch: results.map((r) => r.status),
		state: state.data?.exchange === decision.exchange ? state.data.outcome : null,
		sent: sent.data?.exchanges.map((x) => x.status),
		agency: peer.data?.agency,
	}),
);
await dispatcher.close();
