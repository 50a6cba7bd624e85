/**
 * The kinds of figures: how one is shown (`show`), the number of it that runs are ranked and entrants compared by (`by`), and
 * whether less of it is better.
 */
const million = (figure) => `${(figure / 1e6).toPrecision(3)} M/s`;

export const rate = { show: million, by: (figure) => figure };

/** Microseconds. */
export const latency = {
  show: ({ p50, p99 }) => `p50 ${p50.toFixed(1)} µs, p99 ${p99.toFixed(1)} µs`,
  by: ({ p50 }) => p50,
  lessIsBetter: true,
};

/** Bytes of one, and how fast they came up. */
export const memoryOfEach = {
  show: ({ bytes, perSecond }) => `${bytes.toFixed(0)} B, ${million(perSecond)}`,
  by: ({ bytes }) => bytes,
  lessIsBetter: true,
};

export const milliseconds = { show: (figure) => `${figure.toFixed(1)} ms`, by: (figure) => figure, lessIsBetter: true };

/** A figure with several parts, ranked by one of them of which less is better. */
export const parts = (show, by) => ({ show, by, lessIsBetter: true });
