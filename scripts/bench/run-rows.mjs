/**
 * Runs rows several times and prints the median of each with its range. A row's peers take turns with it, and
 * are printed beside it with the ratio of the medians.
 */
export async function runRows(rows, { row: wanted, runs, json }) {
  for (const row of rows) {
    if (wanted !== undefined && wanted !== row.name) continue;
    const entrants = [['Liminal', row.run], ...Object.entries(row.peers ?? {})];
    const results = new Map(entrants.map(([name]) => [name, []]));
    for (let n = 0; n < Number(runs); n++) {
      for (const [name, run] of entrants) results.get(name).push(await run());
    }
    const { show, by = (figure) => figure } = row;
    const summary = [...results].map(([name, figures]) => {
      figures.sort((a, b) => by(a) - by(b));
      return { name, median: figures[Math.floor(figures.length / 2)], min: figures[0], max: figures.at(-1) };
    });
    const [ours, ...peers] = summary;
    if (json) {
      const { name: _, ...figures } = ours;
      console.log(JSON.stringify({ row: row.name, runs: Number(runs), ...figures, peers }));
      continue;
    }
    console.log(`${row.title.padEnd(52)} ${show(ours.median)}   (${show(ours.min)} … ${show(ours.max)})`);
    for (const { name, median, min, max } of peers) {
      const ratio = (by(ours.median) / by(median)).toFixed(2);
      console.log(`${`  ${name}`.padEnd(52)} ${show(median)}   (${show(min)} … ${show(max)}), ratio ${ratio}`);
    }
  }
}
