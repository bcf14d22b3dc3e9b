// Calls the API with the types that openapi-typescript made of its document. The address and the
// rows come as JSON on the input, and what it got is written as JSON.
import { readFileSync } from "node:fs";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.d.ts";

type Row = components["schemas"]["late_bus"];

const told: { address: string; rows: Row[] } = JSON.parse(readFileSync(0, "utf8"));
const client = createClient<paths>({ baseUrl: told.address });

export async function refusedByTheCompiler(): Promise<void> {
  // @ts-expect-error - a call needs a body
  await client.POST("/models/late_bus/predict");
  // @ts-expect-error - a body has one of the forms
  await client.POST("/models/late_bus/predict", { body: {} });
  // @ts-expect-error - a row has the features of the model, in their types
  const row: Row = { wind: 1, stops: "12", line: "U1", express: false };
  // @ts-expect-error - an answer has no other fields
  answer.data?.prediction;
}

const answer = await client.POST("/models/late_bus/predict", {
  params: { query: { probabilities: "true" } },
  body: { instances: told.rows },
});
if (!answer.data) throw new Error(answer.error.detail);
const version: string = answer.data.model_version;
const confidences: number[] | null = answer.data.confidences;

const label = { request_id: answer.data.request_id, row: 1, label: "late" as const };
const taken = await client.POST("/models/late_bus/ground-truth", { body: [label] });
const refused = await client.POST("/models/late_bus/predict", { body: { instances: [] } });

console.log(
  JSON.stringify({
    version,
    confidences,
    predictions: answer.data.predictions,
    accepted: taken.data?.accepted,
    refused: [refused.error?.status, refused.error?.detail],
  }),
);
