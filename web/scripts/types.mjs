// A JSON Schema on the standard input, its TypeScript on the standard output.
import { text } from "node:stream/consumers";

import { compile } from "json-schema-to-typescript";

const schema = JSON.parse(await text(process.stdin));
process.stdout.write(
  await compile(schema, "Wire", {
    additionalProperties: false, // said at the top of the documents: what one does not know is ignored
    bannerComment: "/* Made of the AsyncAPI and OpenAPI documents by `npm run types`; do not edit. */",
    style: { printWidth: 120 },
  }),
);
