/**
 * Runs rows several times and prints the median of each with its range. A row's peers take turns with it, and
 * are printed beside it with the ratio of the medians. A peer that fails is named and left out of its row.
 *
 * @returns what was measured, a row each.
 */
export async function runRows(rows, { row: wanted, runs, json }) {
  const results = [];
  for (const row of rows) {
    if (wanted !== undefined && wanted !== row.name) continue;
    const result = await measure(row, Number(runs));
    results.push(result);
    if (json) printJson(result, Number(runs));
    else print(result);
  }
  return results;
}

async function measure(row, runs) {
  const { by = (figure) => figure } = row;
  const figures = [];
  const peers = Object.entries(row.peers ?? {}).map(([name, run]) => ({ name, run, figures: [], failed: undefined }));
  for (let n = 0; n < runs; n++) {
    figures.push(await row.run());
    for (const peer of peers) {
      if (peer.failed !== undefined) continue;
      try {
        peer.figures.push(await peer.run());
      } catch (error) {
        peer.failed = error.killed ? 'took too long' : `failed: ${error.message.split('\n').at(-1)}`;
      }
    }
  }
  const ours = spread(figures, by);
  const beside = peers.map(({ name, figures, failed }) => {
    if (failed !== undefined) return { name, failed };
    const theirs = spread(figures, by);
    return { name, ...theirs, ratio: (by(ours.median) / by(theirs.median)).toFixed(2) };
  });
  return { row, ours, peers: beside };
}

function spread(figures, by) {
  figures.sort((a, b) => by(a) - by(b));
  return { median: figures[Math.floor(figures.length / 2)], min: figures[0], max: figures.at(-1) };
}

function printJson({ row, ours, peers }, runs) {
  console.log(JSON.stringify({ row: row.name, runs, ...ours, peers }));
}

function print({ row: { title, show }, ours, peers }) {
  console.log(`${title.padEnd(52)} ${show(ours.median)}   (${show(ours.min)} … ${show(ours.max)})`);
  for (const { name, median, min, max, ratio, failed } of peers) {
    const said = failed ?? `${show(median)}   (${show(min)} … ${show(max)}), ratio ${ratio}`;
    console.log(`${`  ${name}`.padEnd(52)} ${said}`);
  }
}
