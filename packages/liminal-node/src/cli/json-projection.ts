/**
 * A payload as JSON, for people and for `jq`. Messages may be more than JSON is; what JSON has no word for
 * becomes an object with one telling key. It is for reading: there is no way back.
 *
 * | value | shown as |
 * | --- | --- |
 * | Date | its ISO time as a string, as in JSON; `{"$date":"invalid"}` where it is none |
 * | undefined | left out of an object, as in JSON; `{"$undefined":true}` elsewhere |
 * | NaN, Infinity, -Infinity, -0 | `{"$number":"NaN"}` |
 * | bigint | `{"$bigint":"9007199254740993"}` |
 * | Map | `{"$map":[[key,value],…]}` |
 * | Set | `{"$set":[value,…]}` |
 * | RegExp | `{"$regexp":"/a+/g"}` |
 * | ArrayBuffer and views of one | `{"$binary":"base64…","type":"Uint8Array"}` |
 * | Error | `{"$error":{"name":…,"message":…,"code":…,"cause":…}}`, without its stack |
 */

/** `value` on one line of JSON. */
export function toJson(value: unknown): string {
  return JSON.stringify(project(value));
}

/** `value` with everything that is not JSON replaced as the table above says. */
export function project(value: unknown): unknown {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : { $number: Object.is(value, -0) ? '-0' : String(value) };
    case 'bigint':
      return { $bigint: String(value) };
    case 'undefined':
      return { $undefined: true };
    case 'object':
      return value === null ? null : projectObject(value);
    case 'string':
    case 'boolean':
      return value;
    default:
      // Functions and symbols are no messages; this is for a reader who meets one all the same.
      return { $unknown: typeof value };
  }
}

function projectObject(value: object): unknown {
  if (Array.isArray(value)) return value.map(project);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? { $date: 'invalid' } : value.toISOString();
  if (value instanceof Map) return { $map: [...value].map(([key, item]) => [project(key), project(item)]) };
  if (value instanceof Set) return { $set: [...value].map(project) };
  if (value instanceof RegExp) return { $regexp: String(value) };
  if (value instanceof Error) return { $error: projectError(value) };
  if (value instanceof ArrayBuffer) return binary(new Uint8Array(value), 'ArrayBuffer');
  if (ArrayBuffer.isView(value)) {
    return binary(new Uint8Array(value.buffer, value.byteOffset, value.byteLength), value.constructor.name);
  }
  const fields = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(fields.map(([key, item]) => [key, project(item)]));
}

function binary(bytes: Uint8Array, type: string): unknown {
  return { $binary: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64'), type };
}

function projectError(error: Error): unknown {
  const { name, message, cause } = error;
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {};
  return { name, message, ...code, ...(cause !== undefined && { cause: project(cause) }) };
}
