import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { applicationRootOf } from '../../src/cli/app-module.js';

test.each([
  [undefined, '.'],
  ['app.js', '.'],
  [join('deep', 'app.js'), '.'],
  [join('..odd', 'app.js'), '.'],
  [join('..', 'beside', 'app.js'), join('..', 'beside')],
  [join('/', 'srv', 'shop', 'app.js'), join('/', 'srv', 'shop')],
])('the modules of the app %s are found below %s', (file, root) => {
  expect(applicationRootOf(file)).toBe(resolve(root));
});
