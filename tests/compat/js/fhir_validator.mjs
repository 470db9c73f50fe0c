// Validates FHIR resources of R4: one JSON document a line on standard input, one verdict a line.
//
//   node fhir_validator.mjs < resources.ndjson
//
// The npm package `fhir` has the definitions of R4 (4.0.1), of which Consent, AuditEvent, Provenance
// and Bundle are the same in R4B.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { Fhir } = createRequire(import.meta.url)("fhir");

const fhir = new Fhir();
for await (const line of createInterface({ input: process.stdin })) {
  const { valid, messages } = fhir.validate(JSON.parse(line), { errorOnUnexpected: true });
  const errors = messages.filter(({ severity }) => severity === "error" || severity === "fatal");
  process.stdout.write(`${JSON.stringify({ valid, errors })}\n`);
}
