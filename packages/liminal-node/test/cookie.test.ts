import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Cookie, checkCookieReach, isLoopback, resolveCookie } from '../src/cookie.js';

const SECRET = '0123456789abcdef-of-my-own';
let home = '';

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'liminal-cookie-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

async function file(name: string, content: string, mode = 0o600): Promise<string> {
  const path = join(home, name);
  await writeFile(path, content);
  await chmod(path, mode);
  return path;
}

const refusal = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no refusal',
    (error: unknown) => error,
  );

describe('where the cookie comes from', () => {
  it('is the option, then the file of the option, then the variable, then the file of the variable', async () => {
    const named = await file('named', `${SECRET}-named\n`);
    const set = await file('set', `${SECRET}-set\n`);
    const environment = { LIMINAL_COOKIE: `${SECRET}-variable`, LIMINAL_COOKIE_FILE: set };
    const values = await Promise.all([
      resolveCookie({ cookie: SECRET, cookieFile: named, environment, home }),
      resolveCookie({ cookieFile: named, environment, home }),
      resolveCookie({ environment, home }),
      resolveCookie({ environment: { LIMINAL_COOKIE_FILE: set }, home }),
    ]);
    expect(values.map(({ value }) => value)).toEqual([
      SECRET,
      `${SECRET}-named`,
      `${SECRET}-variable`,
      `${SECRET}-set`,
    ]);
    expect(values.every(({ generated, fresh }) => !generated && !fresh)).toBe(true);
    expect(values.map((cookie) => cookie.file)).toEqual([undefined, named, undefined, set]);
  });

  it('is made in the home directory when none is set, readable by nobody else', async () => {
    const cookie = await resolveCookie({ environment: {}, home });
    expect(cookie).toMatchObject({ generated: true, fresh: true, source: join(home, '.liminal', 'cookie') });
    expect(cookie.value.length).toBeGreaterThan(64);
    expect((await stat(join(home, '.liminal'))).mode & 0o777).toBe(0o700);
    expect((await stat(cookie.source)).mode & 0o777).toBe(0o600);
    expect(await readdir(join(home, '.liminal'))).toEqual(['cookie']);
  });

  it('is found there by the next start, which still knows that nobody asked for it', async () => {
    const first = await resolveCookie({ environment: {}, home });
    const second = await resolveCookie({ environment: {}, home });
    expect(second).toEqual({ ...first, fresh: false });
  });

  it('is the same for starts that race to make it, and exactly one of them made it', async () => {
    const cookies = await Promise.all(Array.from({ length: 20 }, () => resolveCookie({ environment: {}, home })));
    expect(new Set(cookies.map(({ value }) => value)).size).toBe(1);
    expect(cookies.filter(({ fresh }) => fresh)).toHaveLength(1);
    expect(await readdir(join(home, '.liminal'))).toEqual(['cookie']);
  });

  it('differs from home to home', async () => {
    const other = join(home, 'other');
    await mkdir(other);
    const [one, two] = await Promise.all([home, other].map((at) => resolveCookie({ environment: {}, home: at })));
    expect(one?.value).not.toBe(two?.value);
  });

  it("is the user's own where the user wrote the default file", async () => {
    await mkdir(join(home, '.liminal'));
    await file('.liminal/cookie', `${SECRET}\r\n`);
    expect(await resolveCookie({ environment: {}, home })).toMatchObject({ value: SECRET, generated: false });
  });
});

describe('a cookie that cannot be used is refused with a remedy, and never shown', () => {
  it('when others may read its file', async () => {
    for (const mode of [0o640, 0o604, 0o660]) {
      const path = await file('shared', SECRET, mode);
      const error = await refusal(resolveCookie({ cookieFile: path, environment: {}, home }));
      expect(error).toMatchObject({ code: 'ERR_LIMINAL_COOKIE' });
      expect(String(error)).toContain(`chmod 600 ${path}`);
    }
  });

  it('when it is empty, short, or no cookie at all', async () => {
    for (const [content, words] of [
      ['', 'is empty'],
      [' \n', 'is empty'],
      ['hunter2', 'too short'],
      ['x'.repeat(2_000), 'probably another file'],
      ['x'.repeat(100_000), 'too large'],
    ] as const) {
      const path = await file('cookie', content);
      const error = await refusal(resolveCookie({ cookieFile: path, environment: {}, home }));
      expect(error).toMatchObject({ code: 'ERR_LIMINAL_COOKIE' });
      expect(String(error)).toContain(words);
      expect(String(error)).not.toContain('hunter2');
    }
    await expect(resolveCookie({ environment: { LIMINAL_COOKIE: '' }, home })).rejects.toThrow(
      'LIMINAL_COOKIE is empty',
    );
  });

  it('when its file is not there, and no other source is tried instead', async () => {
    const environment = { LIMINAL_COOKIE_FILE: join(home, 'absent') };
    await expect(resolveCookie({ environment, home })).rejects.toThrow('no such file');
    expect(await readdir(home)).toEqual([]);
  });

  it('when there is no home to make it in', async () => {
    await expect(resolveCookie({ environment: {}, home: join(home, 'absent') })).rejects.toThrow('set LIMINAL_COOKIE');
    expect(await readdir(home)).toEqual([]);
  });

  it('leaves the file of another start alone', async () => {
    await mkdir(join(home, '.liminal'));
    const path = await file('.liminal/cookie', 'short');
    await expect(resolveCookie({ environment: {}, home })).rejects.toThrow('too short');
    expect(await readFile(path, 'utf8')).toBe('short');
  });
});

describe('how far a cookie reaches', () => {
  const made: Cookie = { value: SECRET, source: '/users/me/.liminal/cookie', generated: true, fresh: false };

  it('is this machine for one that was made silently', () => {
    for (const host of ['127.0.0.1', '127.9.9.9', '::1', 'localhost', null]) checkCookieReach(made, host);
    for (const host of ['0.0.0.0', '::', '192.168.1.5', 'db.example.com', '127.0.0.1.example.com']) {
      expect(() => checkCookieReach(made, host)).toThrow(expect.objectContaining({ code: 'ERR_LIMINAL_COOKIE' }));
    }
  });

  it('is anywhere for one that somebody chose', () => {
    checkCookieReach({ ...made, generated: false }, '0.0.0.0');
  });

  it('counts the IPv6 spelling of an IPv4 loopback address as loopback', () => {
    expect(['::ffff:127.0.0.1', '[::1]', 'LOCALHOST', '128.0.0.1'].map(isLoopback)).toEqual([true, true, true, false]);
  });
});
