/** What is measured, by name. Seconds and counts, as Prometheus wants them. */
export const METRICS = {
  tokens_minted_total: { type: "counter", help: "Tokens handed out.", labels: ["kind"] },
  tokens_refused_total: { type: "counter", help: "Calls refused.", labels: ["method", "reason"] },
  tokens_failed_total: { type: "counter", help: "Calls that failed: bugs and outages.", labels: ["method", "code"] },
  tokens_audit_records_total: { type: "counter", help: "Audit records committed.", labels: ["kind"] },
  tokens_audit_lost_total: { type: "counter", help: "Audit records that were given up.", labels: ["kind"] },
  tokens_audit_failed_commits_total: { type: "counter", help: "Commits of audit records that failed.", labels: [] },
  tokens_audit_commit_seconds: { type: "histogram", help: "Time of a commit of audit records.", labels: [] },
  tokens_audit_commit_records: { type: "histogram", help: "Audit records in one commit.", labels: [] },
  tokens_audit_waiting: { type: "gauge", help: "Audit records that wait for their commit.", labels: [] },
  tokens_audit_checkpoint_seconds: { type: "gauge", help: "Unix time of the last checkpoint made here.", labels: [] },
  tokens_audit_removed_total: { type: "counter", help: "Audit records removed by age.", labels: [] },
  tokens_lease_held: { type: "gauge", help: "1 where this server holds the lease of a job.", labels: ["job"] },
  tokens_job_runs_total: { type: "counter", help: "Runs of periodic jobs here.", labels: ["job", "outcome"] },
} as const satisfies Record<string, MetricDefinition>;

/** A metric: what kind it is, what it says, and what its values are told apart by. */
export interface MetricDefinition {
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly labels: readonly string[];
}

type Names<Type extends MetricDefinition["type"]> = {
  [Name in keyof typeof METRICS]: (typeof METRICS)[Name]["type"] extends Type ? Name : never;
}[keyof typeof METRICS];

type Labels = Readonly<Record<string, string>>;

/** Where measurements go. */
export interface Metrics {
  count(name: Names<"counter">, labels?: Labels, by?: number): void;
  set(name: Names<"gauge">, value: number, labels?: Labels): void;
  observe(name: Names<"histogram">, value: number): void;
}

/** Measures nothing. */
export const noMetrics: Metrics = { count: () => undefined, set: () => undefined, observe: () => undefined };
