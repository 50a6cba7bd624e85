/**
 * For `module.register`: plants a fault in a copy of a package. A module that is imported with `?mutant=` and an
 * edit in JSON (`{ file, from, to }`) is loaded anew with all that it imports from beside it, and the edit is made
 * in the file that it names. White space counts as any white space; `from` must be there exactly once.
 */
export async function resolve(specifier, context, nextResolve) {
  const resolved = await nextResolve(specifier, context);
  const query = mutantOf(context.parentURL);
  if (query === undefined || !specifier.startsWith('.') || mutantOf(resolved.url) !== undefined) return resolved;
  return { ...resolved, url: `${resolved.url}?mutant=${query}` };
}

export async function load(url, context, nextLoad) {
  const query = mutantOf(url);
  const plain = url.split('?')[0];
  if (query === undefined) return nextLoad(url, context);
  const { file, from, to } = JSON.parse(decodeURIComponent(query));
  const loaded = await nextLoad(plain, { ...context, format: 'module' });
  if (!plain.endsWith(`/${file}`)) return loaded;
  const pattern = new RegExp(from.split(/\s+/).map(escaped).join('\\s*'), 'g');
  const source = String(loaded.source);
  const found = source.match(pattern)?.length ?? 0;
  if (found !== 1) throw new Error(`${file} has ${found} times: ${from}`);
  return { ...loaded, source: source.replace(pattern, () => to) };
}

function mutantOf(url) {
  return url === undefined ? undefined : /\?mutant=(.*)$/.exec(url)?.[1];
}

function escaped(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
