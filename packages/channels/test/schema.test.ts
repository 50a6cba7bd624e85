import { describe, expect, it } from 'vitest';
import { PayloadError } from '../src/errors.js';
import { type PayloadSchema, validatePayload } from '../src/schema.js';

type Validate = PayloadSchema<unknown>['~standard']['validate'];
const schemaOf = (validate: Validate): PayloadSchema<unknown> => ({
  '~standard': { version: 1, vendor: 'by hand', validate },
});

describe('a schema', () => {
  it('gives the payload as it makes it', () => {
    const schema = schemaOf((value) => ({ value: Number(value) }));
    expect(validatePayload('orders', schema, '5')).toBe(5);
  });

  it('that is not there takes anything', () => {
    expect(validatePayload('orders', undefined, 'anything')).toBe('anything');
  });

  it('refuses with every fault and the path to it, as text and as keys', () => {
    const schema = schemaOf(() => ({
      issues: [
        { message: 'is missing' },
        { message: 'must be a number', path: ['items', 0, { key: 'price' }] },
        { message: 'is odd', path: [Symbol('inner')] },
      ],
    }));
    const refused = (): unknown => validatePayload('orders', schema, {});
    expect(refused).toThrow(PayloadError);
    expect(refused).toThrow(
      expect.objectContaining({
        code: 'ERR_LIMINAL_PAYLOAD',
        channel: 'orders',
        message:
          'the payload does not fit channel "orders": is missing; items.0.price: must be a number; Symbol(inner): is odd',
        issues: [
          { path: '', message: 'is missing' },
          { path: 'items.0.price', message: 'must be a number' },
          { path: 'Symbol(inner)', message: 'is odd' },
        ],
      }),
    );
  });

  it('that validates asynchronously is a mistake, because publishes would overtake one another', () => {
    const schema = schemaOf(async (value) => ({ value }));
    expect(() => validatePayload('orders', schema, {})).toThrow(TypeError);
  });
});
