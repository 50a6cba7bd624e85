import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { apply, assign, construct, read } from '../../src/remote-objects/object-members.js';

class Base {
  inherited() {
    return 'inherited';
  }

  toString() {
    return 'redefined';
  }
}

class Derived extends Base {
  own = { list: [1, 2, 3], text: 'text' };
  count = 0;
  readonly steps: string[] = [];

  get computed() {
    this.steps.push('read');
    return { inner: 'computed' };
  }

  set computed(value: unknown) {
    this.steps.push(`set ${value}`);
  }

  get readOnly() {
    return 1;
  }

  who() {
    return this;
  }
}

describe('reading', () => {
  test('reaches own members and those of classes, at each step, and a getter once', () => {
    const object = new Derived();
    expect(read(object, [])).toBe(object);
    expect(read(object, ['own', 'list', '1'])).toBe(2);
    expect(read(object, ['own', 'list', 'length'])).toBe(3);
    expect(read(object, ['own', 'text', 'length'])).toBe(4);
    expect(read(object, ['absent'])).toBeUndefined();
    expect(read(object, ['computed', 'inner'])).toBe('computed');
    expect(object.steps).toEqual(['read']);
  });

  test.each([
    ['__proto__'],
    ['constructor'],
    ['own', '__proto__'],
    ['own', 'list', 'constructor'],
    ['who', 'constructor'],
    ['who', 'call'],
    ['who', 'bind'],
    ['hasOwnProperty'],
    ['valueOf'],
    ['__lookupGetter__'],
    ['own', 'toString'],
    ['own', 'text', 'constructor'],
  ])('refuses %s.%s', (...path) => {
    expect(() => read(new Derived(), path)).toThrow(/is not a member that can be reached/);
  });

  test.each([['absent'], ['own', 'nothing']])('says that undefined has no members: %s', (...path) => {
    expect(() => read(new Derived(), [...path, 'deeper'])).toThrow('undefined has no member "deeper"');
  });

  test('of a class reaches static members, and not its prototype', () => {
    class WithStatic extends Base {
      static made = 1;
    }
    expect(read(WithStatic, ['made'])).toBe(1);
    expect(() => read(WithStatic, ['prototype'])).toThrow(TypeError);
  });

  test('never leads to what every object or function inherits, whatever the path', () => {
    const forbidden = new Set<unknown>([
      ...Object.getOwnPropertyNames(Object.prototype).map((name) => Reflect.get({}, name)),
      Object.prototype,
      Function.prototype,
      Function,
      Derived.prototype,
      Base.prototype,
    ]);
    forbidden.delete(undefined);
    forbidden.delete(null);
    const names = fc.constantFrom(
      ...['own', 'list', 'text', 'computed', 'who', 'inherited', 'toString', 'constructor', '__proto__', 'prototype'],
      ...['call', 'apply', 'map', 'at', 'valueOf', 'length', 'name'],
    );
    fc.assert(
      fc.property(fc.array(names, { maxLength: 5 }), (path) => {
        let found: unknown;
        try {
          found = read(new Derived(), path);
        } catch (error) {
          expect(error).toBeInstanceOf(TypeError);
          return;
        }
        expect(forbidden.has(found)).toBe(false);
      }),
    );
  });
});

describe('calling', () => {
  test('a method has its object for this, and a redefined one is the class’s', () => {
    const object = new Derived();
    expect(apply(object, ['who'], [])).toBe(object);
    expect(apply(object, ['inherited'], [])).toBe('inherited');
    expect(apply(object, ['toString'], [])).toBe('redefined');
    expect(apply(object, ['own', 'list', 'at'], [-1])).toBe(3);
    expect(apply((value: number) => value + 1, [], [1])).toBe(2);
  });

  test('what is no function is said by its path', () => {
    expect(() => apply(new Derived(), ['own', 'text'], [])).toThrow('"own.text" is not a function');
    expect(() => apply(new Derived(), [], [])).toThrow('the object is not a function');
  });

  test('new makes an instance of a class, and of nothing else', () => {
    expect(construct({ Derived }, ['Derived'], [])).toBeInstanceOf(Derived);
    expect(() => construct(new Derived(), ['who'], [])).toThrow(TypeError);
    expect(() => construct({ Derived }, ['Derived', 'constructor'], ['return 1'])).toThrow(TypeError);
  });
});

describe('assigning', () => {
  test('changes own properties and goes through setters', () => {
    const object = new Derived();
    assign(object, ['count'], 2);
    assign(object, ['own', 'text'], 'other');
    assign(object, ['computed'], 'x');
    expect([object.count, object.own.text, object.steps]).toEqual([2, 'other', ['set x']]);
  });

  test.each([
    ['added'],
    ['who'],
    ['inherited'],
    ['readOnly'],
    ['__proto__'],
    ['constructor'],
    ['own', 'text', 'length'],
  ])('refuses %s %s', (...path) => {
    const object = new Derived();
    expect(() => assign(object, path, 'changed')).toThrow(TypeError);
    expect(Object.keys(object).sort()).toEqual(['count', 'own', 'steps']);
    expect(Object.getPrototypeOf(object)).toBe(Derived.prototype);
  });

  test('refuses what is frozen', () => {
    expect(() => assign(Object.freeze({ a: 1 }), ['a'], 2)).toThrow('"a" cannot be assigned');
  });
});
