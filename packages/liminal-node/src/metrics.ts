/**
 * Prometheus metrics out of the plain counter objects that the packages keep.
 *
 * A counter object maps a name to a number, or to an object of numbers by reason. `framesIn` of `distribution`
 * becomes `liminal_distribution_frames_in_total`; `dropped: { budget: 3 }` becomes
 * `liminal_distribution_dropped_total{reason="budget"} 3`. Gauges are functions. Everything is read when a
 * scraper asks: there is no timer, and between scrapes metrics cost nothing.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';

/** A package's counters, which only rise: a number, or a number for each reason. */
export type Counters = Readonly<Record<string, number | Readonly<Record<string, number>>>>;

/** Any object of counters, so that an interface without an index signature fits. */
export type CounterSource = () => object;

export interface GaugeSource {
  readonly help: string;
  readonly read: () => number;
}

export interface MetricsOptions {
  /** By package name: `scheduler`, `distribution`, `pg`, `channels`, `cluster-sync`. */
  readonly counters: Readonly<Record<string, CounterSource>>;
  /** By name in camelCase without prefix: `peersUp` becomes `liminal_peers_up`. */
  readonly gauges?: Readonly<Record<string, GaugeSource>>;
  /** Labels of every metric, for instance the node's name. */
  readonly labels?: Readonly<Record<string, string>>;
}

export interface Metrics {
  readonly contentType: string;
  /** The page, with values as of now. */
  text(): Promise<string>;
}

/** A registry of its own, so that an application's prom-client metrics and two nodes in one program do not meet. */
export function createMetrics({ counters, gauges = {}, labels = {} }: MetricsOptions): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels(labels);
  collectRuntimeMetrics(registry);
  for (const [name, { help, read }] of Object.entries(gauges)) {
    new Gauge({
      name: `liminal_${snakeCase(name)}`,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  }
  const known = new Map<string, Counter>();
  return {
    contentType: registry.contentType,
    async text() {
      for (const [owner, source] of Object.entries(counters)) setCounters(registry, known, owner, source());
      return registry.metrics();
    },
  };
}

/** The metric that a counter of a package is shown as. */
export function counterName(owner: string, counter: string): string {
  return `liminal_${snakeCase(owner)}_${snakeCase(counter)}_total`;
}

function setCounters(registry: Registry, known: Map<string, Counter>, owner: string, values: object): void {
  for (const [counter, value] of Object.entries(values as Counters)) {
    const name = counterName(owner, counter);
    const byReason = typeof value === 'object';
    let metric = known.get(name);
    if (metric === undefined) {
      metric = new Counter({
        name,
        help: `${counter} of ${owner}${byReason ? ', by reason' : ''}, since the node started.`,
        labelNames: byReason ? ['reason'] : [],
        registers: [registry],
      });
      known.set(name, metric);
    }
    metric.reset();
    if (byReason) for (const [reason, count] of Object.entries(value)) metric.inc({ reason }, count);
    else metric.inc(value);
  }
}

/** A resolution that keeps the timer of the loop-delay histogram out of an idle node: an hour. */
const NO_LOOP_TIMER_MS = 3_600_000;

function collectRuntimeMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: NO_LOOP_TIMER_MS });
  // The histogram needs a timer of a few milliseconds to mean anything; the lag at the scrape itself stays.
  for (const part of ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99']) {
    registry.removeSingleMetric(`nodejs_eventloop_lag_${part}_seconds`);
  }
}

function snakeCase(name: string): string {
  return name
    .replaceAll('-', '_')
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase();
}
