#!/usr/bin/env node
/* A client of a gateway in small, to start from. Node.js 18 or newer and nothing else; doc/senders.md says why it does what it does.
 *
 *     gateway.mjs send AGREEMENT ENVELOPE.json     one record: keeps key, answer and receipt beside the file
 *     gateway.mjs batch AGREEMENT ENVELOPES.ndjson an envelope a line: keeps keys and results beside the file
 *     gateway.mjs inbox FOLDER                     fetches what waits, keeps it, acknowledges it
 *
 * GATEWAY_URL, GATEWAY_CERTIFICATE, GATEWAY_KEY, GATEWAY_AUTHORITY and, where DNS does not say it, GATEWAY_RESOLVE
 * (HOST:PORT:ADDRESS) say where the gateway is. Exit 0: all is released or held; 3: something was refused. It may be killed and run
 * again at any time: what was decided is not decided twice. */
import { randomUUID } from "node:crypto";
import fs from "node:fs";
import https from "node:https";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const PORTION = 100; // lines of a batch at a time
const AGAIN = [408, 409, 429, 500, 502, 503, 504]; // nothing was decided: the same again, later

/* Writes a file of which others see all or nothing, and which is on the disk afterwards. */
function keep(file, data) {
	const fd = fs.openSync(`${file}.new`, "w", 0o600);
	fs.writeFileSync(fd, data);
	fs.fsyncSync(fd);
	fs.closeSync(fd);
	fs.renameSync(`${file}.new`, file);
	const folder = fs.openSync(path.dirname(file), "r");
	fs.fsyncSync(folder);
	fs.closeSync(folder);
}

/* The content of a file that is made once, before anything is sent. */
function kept(file, make) {
	if (!fs.existsSync(file)) keep(file, make());
	return fs.readFileSync(file);
}

class Gateway {
	constructor(environ) {
		this.url = new URL(environ.GATEWAY_URL);
		const address = (environ.GATEWAY_RESOLVE ?? "").split(":").slice(2).join(":");
		this.agent = new https.Agent({
			cert: fs.readFileSync(environ.GATEWAY_CERTIFICATE),
			key: fs.readFileSync(environ.GATEWAY_KEY),
			ca: fs.readFileSync(environ.GATEWAY_AUTHORITY),
			minVersion: "TLSv1.3",
			...(address && {
				lookup: (_name, options, done) =>
					options.all ? done(null, [{ address, family: address.includes(":") ? 6 : 4 }]) : done(null, address, address.includes(":") ? 6 : 4),
			}),
		});
	}

	once(method, target, body, fields) {
		return new Promise((done, failed) => {
			const headers = body === undefined ? fields : { ...fields, "Content-Length": Buffer.byteLength(body) };
			const request = https.request(new URL(target, this.url), { method, headers, agent: this.agent, timeout: 60000 }, (answer) => {
				const parts = [];
				answer.on("data", (part) => parts.push(part));
				answer.on("error", failed);
				answer.on("end", () => done({ status: answer.statusCode, wait: answer.headers["retry-after"], body: Buffer.concat(parts) }));
			});
			request.on("timeout", () => request.destroy(new Error("no answer in time")));
			request.on("error", failed);
			request.end(body);
		});
	}

	/* {status, body}, once the gateway has decided. A broken connection says nothing about the record. */
	async ask(method, target, body, fields = {}) {
		for (let pause = 1; ; ) {
			let wait, why;
			try {
				const answer = await this.once(method, target, body, fields);
				if (!AGAIN.includes(answer.status) || (answer.status === 409 && !answer.body.includes("/problems/key-in-use"))) return answer;
				({ wait, body: why } = answer);
			} catch (e) {
				why = e.message || e.code;
			}
			pause = /^[0-9]+$/.test(wait ?? "") ? Number(wait) : Math.min(2 * pause, 60);
			console.error(`not now, again in ${pause} s: ${why}`);
			await sleep(1000 * pause);
		}
	}
}

/* What was refused, where, and what may stand there. */
function explain(answer) {
	console.error(`${answer.status} ${answer.title} ${answer.detail ?? ""}`);
	for (const e of answer.errors ?? []) console.error(`  ${e.pointer}: ${e.code} ${(e.allowed ?? []).join(" ")}`);
}

async function send(gateway, agreement, file) {
	const key = kept(`${file}.key`, () => randomUUID()).toString().trim();
	const { status, body } = await gateway.ask("POST", `/v1/agreements/${agreement}/records`, fs.readFileSync(file), {
		"Content-Type": "application/json",
		"Idempotency-Key": key,
	});
	keep(`${file}.answer`, body);
	const answer = JSON.parse(body);
	if (answer.receipt) keep(`${file}.receipt`, answer.receipt);
	if (status === 201 || status === 202) {
		console.log(`${answer.outcome} ${answer.exchange}`);
		return 0;
	}
	explain(answer);
	return 3;
}

/* A key for each line. The text of the record stays as it is. */
function addKeys(file) {
	const run = randomUUID();
	const lines = fs.readFileSync(file, "utf8").split(/\r?\n/).filter((line) => line.trim());
	return lines.map((line, n) => line.replace("{", `{"key":"${run}-${n + 1}",`) + "\n").join("");
}

async function batch(gateway, agreement, file) {
	const lines = kept(`${file}.keyed`, () => addKeys(file)).toString().trimEnd().split("\n");
	const results = [];
	while (results.length < lines.length) {
		const portion = lines.slice(results.length, results.length + PORTION);
		const { status, body } = await gateway.ask("POST", `/v1/agreements/${agreement}/records`, portion.join("\n") + "\n", { "Content-Type": "application/x-ndjson" });
		if (status !== 200) {
			explain(JSON.parse(body));
			return 3;
		}
		for (const line of body.toString().trimEnd().split("\n")) {
			const result = JSON.parse(line);
			if (!("audit_index" in result) && AGAIN.includes(result.status)) {
				console.error(`not now: ${result.title}`);
				await sleep(1000);
				break; // that line was not taken, nor were those behind it: on from there
			}
			results.push(line);
		}
		keep(`${file}.results`, results.map((line) => line + "\n").join(""));
	}
	const refused = results.map((line) => JSON.parse(line)).filter((r) => r.status >= 400);
	refused.forEach(explain);
	console.log(`${results.length - refused.length} released or held, ${refused.length} refused`);
	return refused.length ? 3 : 0;
}

async function inbox(gateway, folder) {
	fs.mkdirSync(folder, { recursive: true });
	let fetched = 0;
	for (let after = 0; ; ) {
		const page = JSON.parse((await gateway.ask("GET", `/v1/inbox?after=${after}`)).body);
		for (const { record, ...item } of page.items) {
			if (!["record", "correction", "returned"].includes(item.kind) || record === undefined) {
				console.error(`item ${item.id}, ${item.kind}: for a system that carries duties out; doc/recipients.md`);
				continue;
			}
			// The bytes as they stand: what a JSON reader makes of them may be other numbers.
			const { status, body } = await gateway.ask("GET", `/v1/exchanges/${item.exchange}/record`);
			if (status !== 200) continue;
			keep(`${folder}/${item.exchange}.json`, body);
			keep(`${folder}/${item.exchange}.item`, JSON.stringify(item));
			// Only what is kept is acknowledged: the gateway erases it then.
			await gateway.ask("POST", `/v1/inbox/${item.id}/ack`, JSON.stringify({ reference: item.exchange }), { "Content-Type": "application/json" });
			fetched++;
		}
		if (page.next === after && !page.unproved) break;
		if (page.next === after) await sleep(1000); // the next record is handed out once its sender's log is proved
		after = page.next;
	}
	console.log(`${fetched} fetched`);
	return 0;
}

const commands = { send: [send, 2], batch: [batch, 2], inbox: [inbox, 1] };
const [word, ...rest] = process.argv.slice(2);
if (!Object.hasOwn(commands, word ?? "") || commands[word][1] !== rest.length) {
	console.error("usage: gateway.mjs send AGREEMENT ENVELOPE.json | batch AGREEMENT ENVELOPES.ndjson | inbox FOLDER");
	process.exitCode = 2;
} else {
	process.exitCode = await commands[word][0](new Gateway(process.env), ...rest);
}
