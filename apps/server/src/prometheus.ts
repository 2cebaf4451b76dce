import { COUNTERS, GAUGES, HISTOGRAMS, type MetricDefinition, type Metrics } from "@tokens/minter";
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";

/** Buckets for seconds and for counts: from a millisecond, or one, up to a thousand. */
const BUCKETS = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000];

/** Measurements for Prometheus. */
export interface PrometheusMetrics extends Metrics {
  /** The page that Prometheus reads. */
  render(): Promise<string>;
  readonly contentType: string;
}

/** Makes every metric of the token server, and those of the process. */
export function prometheusMetrics(): PrometheusMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const make = <Name extends string, Made>(
    definitions: Readonly<Record<Name, MetricDefinition>>,
    construct: (options: { name: string; help: string; labelNames: string[]; registers: Registry[] }) => Made,
  ) =>
    Object.fromEntries(
      Object.entries<MetricDefinition>(definitions).map(([name, { help, labels }]) => [
        name,
        construct({ name, help, labelNames: [...labels], registers: [registry] }),
      ]),
    ) as Record<Name, Made>;
  const counters = make(COUNTERS, (options) => new Counter(options));
  const gauges = make(GAUGES, (options) => new Gauge(options));
  const histograms = make(HISTOGRAMS, (options) => new Histogram({ ...options, buckets: BUCKETS }));
  return {
    count: (name, labels = {}, by = 1) => counters[name].inc(labels, by),
    set: (name, value, labels = {}) => gauges[name].set(labels, value),
    observe: (name, value) => histograms[name].observe(value),
    render: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
