// How fast Ajv (functions compiled ahead) with JSON.parse reads and checks the records that bench_schema left,
// and the ratio of the two. Arguments: folder of the records and rates, folder of the project's schemas.
// The data standards' schemas come from GATEWAY_TEST_DATA.
import { createRequire } from 'node:module';
import { existsSync, readFileSync } from 'node:fs';

const require = createRequire(process.cwd() + '/');
const Ajv2020 = require('ajv/dist/2020').default, Ajv = require('ajv').default, formats = require('ajv-formats').default;
const [folder, schemas] = process.argv.slice(2);
const data = process.env.GATEWAY_TEST_DATA ?? '';
const loose = { strict: false, validateFormats: false, validateSchema: false, meta: false };

const compilers = {
	// Ajv's URI library refuses urn: names of one part, so they become http:.
	bods() {
		const ajv = new Ajv2020({ strict: false, validateFormats: false });
		for (const file of ['statement', 'components', 'codelist-schema', 'entity-record', 'person-record', 'relationship-record'])
			ajv.addSchema(JSON.parse(readFileSync(`${data}/bods/schema/${file}.json`, 'utf8').replaceAll('urn:', 'http://example.org/')));
		return ajv.compile({ $ref: 'http://example.org/statement#/$defs/Statement' });
	},
	fhir() {
		const ajv = new Ajv(loose);
		const { $schema, id, ...schema } = JSON.parse(readFileSync(`${data}/fhir/fhir.schema.json`, 'utf8'));
		ajv.addSchema({ $id: 'http://example.org/fhir', ...schema });
		return ajv.compile({ $ref: 'http://example.org/fhir#/definitions/Patient' });
	},
	passenger() {
		const ajv = new Ajv2020({ strict: false });
		formats(ajv);
		return ajv.compile(JSON.parse(readFileSync(`${schemas}/records/passenger.schema.json`, 'utf8')));
	},
};

function measure(records, validate) {
	const bytes = records.reduce((sum, r) => sum + Buffer.byteLength(r), 0), rates = [];

	for (let round = 0; round < 6; round++) {
		const start = process.hrtime.bigint();
		let turns = 0, took = 0;
		do {
			for (const r of records)
				if (!validate(JSON.parse(r)))
					throw new Error('a record is not valid: ' + JSON.stringify(validate.errors[0]));
			turns++;
			took = Number(process.hrtime.bigint() - start) / 1e9;
		} while (took < 0.4);
		if (round > 0)
			rates.push(turns * bytes / took / 1e6);
	}
	return rates.sort((a, b) => a - b)[2];
}

for (const line of readFileSync(`${folder}/rates`, 'utf8').trim().split('\n')) {
	const [kind, ours] = line.split(' ');
	if (!existsSync(`${folder}/${kind}.ndjson`))
		continue;
	const records = readFileSync(`${folder}/${kind}.ndjson`, 'utf8').split('\n').filter(r => r);
	const ajv = measure(records, compilers[kind]());
	console.log(`schema, ${kind}: read and check ${ours} MB/s, JSON.parse and Ajv ${ajv.toFixed(1)} MB/s, ratio ${(ours / ajv).toFixed(1)} (goal 3)`);
}
