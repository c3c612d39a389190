// What a careful team would write in Node.js for a part of the gateway's job, to measure the gateway beside it: mutual TLS
// 1.3, the envelope and the passenger record validated by compiled validators, three HMAC pseudonyms, everything dropped
// that the rules do not keep, one row a record, and no answer before the commit that holds it. What a loop turn brings is one
// transaction (group commit), synchronous=FULL. It does less than the gateway: no check of what leaves, no sealing, no tree,
// signature or receipt, no second process between network and keys, no fair shares. With several processes each has a database
// of its own, which spares it the waiting for one writer.
//   node server.mjs PORT PROCESSES TLS-FOLDER RECORD-SCHEMA DATABASE-FOLDER     prints "ready" when all listen
import cluster from 'node:cluster';
import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import Database from 'better-sqlite3';
import Fastify from 'fastify';

const [port, processes, tls, schema, databases] = process.argv.slice(2);
const text = { type: 'string', minLength: 1, maxLength: 2000 };
const envelope = {
	type: 'object', additionalProperties: false,
	required: ['purpose', 'legal_basis', 'tier', 'subject_category', 'necessity', 'record'],
	properties: {
		purpose: { const: 'border' }, legal_basis: { const: 'basis-1' }, tier: { enum: ['T0', 'T1', 'T2'] },
		subject_category: text, case: text,
		necessity: { type: 'object', additionalProperties: false, required: ['criterion', 'likelihood', 'alternative', 'explanation'],
			properties: { criterion: text, likelihood: text, alternative: text, explanation: text } },
		record: JSON.parse(readFileSync(schema, 'utf8')),
	},
};

// The rules of the agreement that the gateway enforces in the same run.
const key = randomBytes(32);
const pseudonym = value => createHmac('sha256', key).update(value).digest('base64url');
function minimise(r) {
	return {
		locator: pseudonym(r.locator),
		reserved_on: r.reserved_on,
		travel_dates: r.travel_dates,
		travellers: r.travellers.map(t => ({
			family: pseudonym(t.family), given: pseudonym(t.given),
			api: t.api && { nationality: t.api.nationality, born: t.api.born?.slice(0, 4) },
		})),
		itinerary: r.itinerary.map(({ flight, from, to, departs }) => ({ flight, from, to, departs })),
		payment: r.payment && { amount: r.payment.amount, currency: r.payment.currency },
	};
}

// Rows wait for the turn's end and are committed together; each caller is answered after COMMIT.
function writer(path) {
	const db = new Database(path);
	db.pragma('journal_mode = WAL');
	db.pragma('synchronous = FULL');
	db.exec('CREATE TABLE IF NOT EXISTS exchange (id TEXT PRIMARY KEY, at TEXT, peer TEXT, purpose TEXT, record TEXT) STRICT, WITHOUT ROWID');
	const insert = db.prepare('INSERT INTO exchange VALUES (?, ?, ?, ?, ?)');
	let waiting = [];
	const commit = db.transaction(rows => rows.forEach(r => insert.run(r.id, r.at, r.peer, r.purpose, r.record)));
	function flush() {
		const rows = waiting;
		waiting = [];
		try {
			commit(rows);
			rows.forEach(r => r.done());
		} catch (error) {
			rows.forEach(r => r.failed(error));
		}
	}
	return row => new Promise((done, failed) => {
		if (waiting.push({ ...row, done, failed }) === 1)
			setImmediate(flush);
	});
}

// Whose connection it is, read once a connection.
const peers = new WeakMap();
function peerOf(socket) {
	if (!peers.has(socket))
		peers.set(socket, socket.getPeerCertificate().subjectaltname);
	return peers.get(socket);
}

async function serve(number) {
	const app = Fastify({
		https: { key: readFileSync(join(tls, 'gateway.key')), cert: readFileSync(join(tls, 'gateway.pem')),
			ca: readFileSync(join(tls, 'authorities.pem')), requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3' },
	});
	const ajv = new Ajv2020({ allErrors: false, strict: false });
	addFormats(ajv);
	app.setValidatorCompiler(({ schema }) => ajv.compile(schema));
	const write = writer(join(databases, `peer-${number}.db`));
	app.post('/v1/agreements/:agreement/records', { schema: { body: envelope } }, async (request, reply) => {
		const id = randomUUID(), record = JSON.stringify(minimise(request.body.record));
		await write({ id, at: new Date().toISOString(), peer: peerOf(request.raw.socket),
			purpose: request.body.purpose, record });
		return reply.code(201).send({ exchange: id, outcome: 'released-transformed' });
	});
	await app.listen({ host: '127.0.0.1', port: Number(port) });
}

if (Number(processes) === 1) {
	await serve(0);
	console.log('ready');
} else if (cluster.isPrimary) {
	let listening = 0;
	cluster.on('listening', () => ++listening === Number(processes) && console.log('ready'));
	cluster.on('exit', () => process.exit(1));
	for (let i = 0; i < Number(processes); i++)
		cluster.fork();
} else {
	await serve(cluster.worker.id);
}
