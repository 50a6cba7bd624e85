/**
 * For `node:module`'s `register`: plants faults in a copy of the packages. A module that is imported with `?mutant=`
 * and edits in JSON (`[{ file, from, to }]`) is loaded anew, with all that it imports of this repository's packages,
 * and the edits are made in the files that they name as `package/path.js` below `dist`. White space counts as any
 * white space; `from` must be there exactly once.
 */
const PACKAGE_FILE = /\/packages\/([^/]+)\/dist\/(.*)$/;

export async function resolve(specifier, context, nextResolve) {
  const resolved = await nextResolve(specifier, context);
  const query = mutantOf(context.parentURL);
  if (query === undefined || !PACKAGE_FILE.test(resolved.url) || mutantOf(resolved.url) !== undefined) return resolved;
  return { ...resolved, url: `${resolved.url}?mutant=${query}` };
}

export async function load(url, context, nextLoad) {
  const query = mutantOf(url);
  const plain = url.split('?')[0];
  const [, name, path] = PACKAGE_FILE.exec(plain) ?? [];
  if (query === undefined || name === undefined) return nextLoad(url, context);
  const loaded = await nextLoad(plain, { ...context, format: 'module' });
  const edits = JSON.parse(decodeURIComponent(query)).filter(({ file }) => file === `${name}/${path}`);
  return edits.length === 0 ? loaded : { ...loaded, source: edits.reduce(edited, String(loaded.source)) };
}

function edited(source, { file, from, to }) {
  const pattern = new RegExp(from.trim().split(/\s+/).map(escaped).join('\\s*'), 'g');
  const found = source.match(pattern)?.length ?? 0;
  if (found !== 1) throw new Error(`${file} has ${found} times: ${from}`);
  return source.replace(pattern, () => to);
}

function mutantOf(url) {
  return url === undefined ? undefined : /\?mutant=(.*)$/.exec(url)?.[1];
}

function escaped(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
