/**
 * Runs rows several times and prints the median of each with its range and the peak RSS. A row's peers take turns with it, and are
 * printed beside it with how many times better we are by the medians. Who fails is named, and left out of the rest of the row.
 *
 * A row is `{ name, title, run, peers?, runs?, together?, show, by, lessIsBetter? }`. `run`, as each of `peers` by name, does one run
 * and gives `{ figure, peakRss? }`. `runs` is for rows that need fewer. `together` is for those that leave the machine idle: all
 * runs of all are at once.
 *
 * @param done called after each row with what was measured so far: a row each, with `entrants`, of which we are the first, and the
 *   seconds that it took.
 * @returns how many failed.
 */
export async function runRows(rows, { runs, json, done }) {
  const results = [];
  for (const row of rows) {
    const startedAt = performance.now();
    const measured = await measure(row, Math.min(runs, row.runs ?? runs));
    const result = { row, seconds: (performance.now() - startedAt) / 1_000, ...measured };
    results.push(result);
    if (json) printJson(result);
    else print(result);
    done(results);
  }
  const failed = results.flatMap(({ entrants }) => entrants).filter(({ failed }) => failed !== undefined).length;
  return { failed };
}

async function measure(row, runs) {
  const all = [
    { name: 'Liminal', run: row.run },
    ...Object.entries(row.peers ?? {}).map(([name, run]) => ({ name, run })),
  ];
  const entrants = all.map((entrant) => ({ ...entrant, show: row.show, taken: [], failed: undefined }));
  const turns = Array.from({ length: runs }, () => entrants).flat();
  if (row.together) await Promise.all(turns.map(takeTurn));
  else for (const entrant of turns) await takeTurn(entrant);
  const measured = entrants.map(({ name, taken, failed }) => ({ name, failed, ...(!failed && spread(taken, row)) }));
  const [ours] = measured;
  for (const theirs of measured.slice(1)) theirs.ratio = ratio(ours, theirs, row);
  return { runs, entrants: measured };
}

async function takeTurn(entrant) {
  if (entrant.failed !== undefined) return;
  try {
    const taken = await entrant.run();
    // A figure that is not whole fails here, and not where the row is printed.
    entrant.show(taken.figure);
    entrant.taken.push(taken);
  } catch (error) {
    entrant.failed = `failed: ${error.message.trim().replaceAll(/\s+/g, ' ')}`;
  }
}

function spread(taken, { by }) {
  const figures = taken.map(({ figure }) => figure).sort((a, b) => by(a) - by(b));
  const peaks = taken.map(({ peakRss }) => peakRss).filter((peak) => peak !== undefined);
  return {
    median: figures[Math.floor(figures.length / 2)],
    min: figures[0],
    max: figures.at(-1),
    ...(peaks.length > 0 && { peakRss: Math.max(...peaks) }),
  };
}

function ratio(ours, theirs, { by, lessIsBetter = false }) {
  if (ours.failed !== undefined || theirs.failed !== undefined) return undefined;
  const more = by(ours.median) / by(theirs.median);
  return lessIsBetter ? 1 / more : more;
}

function printJson({ row, runs, seconds, entrants: [ours, ...peers] }) {
  console.log(JSON.stringify({ row: row.name, runs, seconds, ...ours, peers }));
}

function print({ row: { title, show }, entrants }) {
  for (const [at, { name, median, min, max, peakRss, ratio: better, failed }] of entrants.entries()) {
    const memory = peakRss === undefined ? '' : `, ${(peakRss / 2 ** 20).toFixed(0)} MiB`;
    const beside = better === undefined ? '' : `; Liminal is ${better.toPrecision(3)} times better`;
    const said = failed ?? `${show(median)}   (${show(min)} … ${show(max)})${memory}${beside}`;
    console.log(`${(at === 0 ? title : `  ${name}`).padEnd(56)} ${said}`);
  }
}
