/** Checking payloads against a Standard Schema (https://standardschema.dev), which zod, valibot and arktype make. */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { PayloadError } from './errors.js';

export type PayloadSchema<T> = StandardSchemaV1<unknown, T>;

/**
 * The payload as the schema makes it.
 * @throws PayloadError with the paths of what is wrong.
 * @throws TypeError for a schema that validates asynchronously: publishes would overtake one another.
 */
export function validatePayload<T>(channel: string, schema: PayloadSchema<T> | undefined, payload: T): T {
  if (schema === undefined) return payload;
  const result = schema['~standard'].validate(payload);
  if (result instanceof Promise) throw new TypeError(`the schema of channel "${channel}" validates asynchronously`);
  if (result.issues === undefined) return result.value;
  throw new PayloadError(
    channel,
    result.issues.map(({ path = [], message }) => ({
      path: path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.'),
      message,
    })),
  );
}
