// Parse + validate beside Ajv, on the same bytes in the same run: for each set of records the lines are
// written to one file, which bench-validate (argv[2]) reads, and are checked here with JSON.parse and a
// validator compiled beforehand. Formats are asserted on both sides. The lines are decoded to strings
// before the clock starts, which a server could not do: the figure of Ajv is on the generous side.
//   node ajv.mjs BENCH-VALIDATE FOLDER-FOR-FILES
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import Ajv from 'ajv';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

const [bench, folder] = process.argv.slice(2);
const data = process.env.GATEWAY_TEST_DATA ?? '';
const tree = process.env.TREE ?? join(import.meta.dirname, '..', '..');
const read = path => JSON.parse(readFileSync(path, 'utf8'));
// The resolver of Ajv does not take `urn:statement` and the like, which BODS names its schemas by.
const withoutUrns = text => text.replace(/("\$(?:id|ref)"\s*:\s*")urn:/g, '$1https://urn.example/');
const jsonIn = path => readdirSync(path).filter(f => f.endsWith('.json')).map(f => join(path, f));
const lines = path => readFileSync(path, 'utf8').split('\n').filter(line => line.trim() !== '');

// Published schemas have keywords and formats that Ajv's strict mode refuses; the gateway loads them the
// same way, by the specification.
function compile(draft, files, uri) {
	const options = { strict: false, logger: false };
	const ajv = draft === '2020-12' ? new Ajv2020(options) : new Ajv(options);
	addFormats(ajv);
	if (draft === '6')
		ajv.addMetaSchema(createRequire(import.meta.url)('ajv/dist/refs/json-schema-draft-06.json'));
	for (const file of files) {
		const schema = JSON.parse(withoutUrns(readFileSync(file, 'utf8')));
		delete schema.id;       // a name of draft 4, which FHIR's schema of draft 6 carries and Ajv refuses
		ajv.addSchema(schema, `file:///schema/${basename(file)}`);
	}
	const validate = ajv.getSchema(uri.replace(/^urn:/, 'https://urn.example/'));
	if (!validate)
		throw new Error(`${uri}: no such schema`);
	return validate;
}

// The best pass of at least a second's passes, after half a second to warm the compiler up.
function measure(validate, texts) {
	const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
	let best = Infinity, valid = 0;
	for (const duration of [500, 1500]) {
		const until = performance.now() + duration;
		best = Infinity;
		do {
			valid = 0;
			const start = performance.now();
			for (const text of texts)
				if (validate(JSON.parse(text)))
					valid++;
			best = Math.min(best, performance.now() - start);
		} while (performance.now() < until);
	}
	return { valid, rate: bytes / best / 1000 };
}

function compare(name, draft, files, uri, texts) {
	const records = join(folder, `${name.replaceAll(' ', '-')}.ndjson`);
	writeFileSync(records, texts.join('\n') + '\n');
	const ours = execFileSync(bench, [draft, uri, records, ...files], { encoding: 'utf8' });
	const [, valid, rate] = /^(\d+) of \d+ valid, ([\d.]+) MB\/s/.exec(ours);
	const theirs = measure(compile(draft, files, uri), texts);
	console.log(`${name.padEnd(20)} gateway ${rate.padStart(7)} MB/s   Ajv ${theirs.rate.toFixed(1).padStart(7)} MB/s` +
		`   ratio ${(rate / theirs.rate).toFixed(1).padStart(5)}   (${texts.length} records, valid ${valid} and ${theirs.valid})`);
	if (Number(valid) !== theirs.valid)
		throw new Error(`${name}: the two do not agree`);
}

mkdirSync(folder, { recursive: true });
const own = join(tree, 'conf', 'records', 'passenger', 'records.ndjson');
compare('own passenger', '2020-12', [join(tree, 'schema', 'records', 'passenger.schema.json')],
	'file:///schema/passenger.schema.json', lines(own));
if (existsSync(join(data, 'fhir')) && existsSync(join(data, 'bods'))) {
	const fhir = join(data, 'fhir', 'fhir.schema.json');
	compare('FHIR patients', '6', [fhir], 'file:///schema/fhir.schema.json#/definitions/Patient',
		lines(join(data, 'fhir', 'patients.ndjson')));
	const statements = [join(data, 'bods', 'examples'), join(data, 'bods', 'tests', 'data', 'valid-statements')]
		.flatMap(jsonIn).flatMap(read).map(statement => JSON.stringify(statement));
	compare('BODS statements', '2020-12', jsonIn(join(data, 'bods', 'schema')), 'urn:statement#/$defs/Statement', statements);
} else {
	console.log('SKIP Ajv on FHIR and BODS: GATEWAY_TEST_DATA not found');
}
