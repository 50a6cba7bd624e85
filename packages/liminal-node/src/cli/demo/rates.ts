/** Messages a second, over the last second or so, out of totals that are reported now and then. */

export interface Rates {
  /** @param now monotonic ms */
  record(key: string, totals: Readonly<Record<string, number>>, now: number): void;
  /** Zero for whoever reported nothing in the last seconds. */
  of(key: string, now: number): Readonly<Record<string, number>>;
}

interface Sample {
  readonly at: number;
  readonly totals: Readonly<Record<string, number>>;
}

const WINDOW_MS = 1_200;

export function createRates(): Rates {
  const samples = new Map<string, readonly Sample[]>();
  const recent = (key: string, now: number): readonly Sample[] =>
    (samples.get(key) ?? []).filter(({ at }) => now - at <= WINDOW_MS);
  return {
    record(key, totals, now) {
      samples.set(key, [...recent(key, now), { at: now, totals }]);
    },
    of(key, now) {
      const [first, ...rest] = recent(key, now);
      const last = rest.at(-1);
      if (first === undefined || last === undefined) return {};
      const seconds = (last.at - first.at) / 1000;
      const rates = Object.entries(last.totals).map(([name, count]) => [
        name,
        (count - (first.totals[name] ?? 0)) / seconds,
      ]);
      return Object.fromEntries(rates);
    },
  };
}
