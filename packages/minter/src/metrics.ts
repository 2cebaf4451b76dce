/** What is counted. */
export type CounterName =
  | "tokens_minted_total"
  | "tokens_refused_total"
  | "tokens_failed_total"
  | "tokens_audit_records_total"
  | "tokens_audit_lost_total"
  | "tokens_audit_failed_commits_total"
  | "tokens_audit_removed_total"
  | "tokens_job_runs_total"
  | "tokens_certificate_reports_total"
  | "tokens_request_reports_total"
  | "tokens_seen_requests_full_total"
  | "tokens_calls_shed_total"
  | "tokens_cut_off_total"
  | "tokens_crl_fetches_total";

/** What goes up and down. */
export type GaugeName =
  | "tokens_audit_waiting"
  | "tokens_audit_checkpoint_seconds"
  | "tokens_lease_held"
  | "tokens_signing_keys_read_seconds"
  | "tokens_crl_in_force_until_seconds"
  | "tokens_crl_entries"
  | "tokens_seen_requests"
  | "tokens_feed_number"
  | "tokens_feed_read_seconds"
  | "tokens_revocations";

/** What has a distribution. */
export type HistogramName = "tokens_audit_commit_seconds" | "tokens_audit_commit_records";

/** What a metric says, and what its values are told apart by. Times are in seconds, as Prometheus wants them. */
export interface MetricDefinition {
  readonly help: string;
  readonly labels: readonly string[];
}

const metric = (help: string, ...labels: string[]): MetricDefinition => ({ help, labels });

export const COUNTERS: Readonly<Record<CounterName, MetricDefinition>> = {
  tokens_minted_total: metric("Tokens handed out.", "kind"),
  tokens_refused_total: metric("Calls refused.", "method", "reason"),
  tokens_failed_total: metric("Calls that failed: bugs and outages.", "method", "code"),
  tokens_audit_records_total: metric("Audit records committed.", "kind"),
  tokens_audit_lost_total: metric("Audit records that were given up.", "kind"),
  tokens_audit_failed_commits_total: metric("Commits of audit records that failed."),
  tokens_audit_removed_total: metric("Audit records removed by age."),
  tokens_job_runs_total: metric("Runs of periodic jobs here.", "job", "outcome"),
  tokens_certificate_reports_total: metric("Certificates that fail a check that is only reported.", "ca", "check"),
  tokens_request_reports_total: metric("Requests for machine tokens that fail what is only reported.", "ca", "check"),
  tokens_cut_off_total: metric("Connections and requests cut off because they took too long or too much.", "reason"),
  tokens_calls_shed_total: metric("Calls turned away because there were too many.", "reason"),
  tokens_seen_requests_full_total: metric("Requests that could not be remembered, and got no token."),
  tokens_crl_fetches_total: metric("Fetches of revocation lists here.", "list", "outcome"),
};

export const GAUGES: Readonly<Record<GaugeName, MetricDefinition>> = {
  tokens_audit_waiting: metric("Audit records that wait for their commit."),
  tokens_audit_checkpoint_seconds: metric("Unix time of the last checkpoint made here."),
  tokens_signing_keys_read_seconds: metric("Unix time at which the signing keys were last read here."),
  tokens_lease_held: metric("1 where this server holds the lease of a job.", "job"),
  tokens_crl_in_force_until_seconds: metric("Unix time at which a revocation list is over.", "list"),
  tokens_crl_entries: metric("Certificates that a revocation list revokes.", "list"),
  tokens_seen_requests: metric("Requests for machine tokens that are remembered, so that none is used twice."),
  tokens_feed_number: metric("Number of the trust bundle that is published here."),
  tokens_feed_read_seconds: metric("Unix time at which the revocation feed was last read here."),
  tokens_revocations: metric("Entries of the revocation feed."),
};

export const HISTOGRAMS: Readonly<Record<HistogramName, MetricDefinition>> = {
  tokens_audit_commit_seconds: metric("Time of a commit of audit records."),
  tokens_audit_commit_records: metric("Audit records in one commit."),
};

type Labels = Readonly<Record<string, string>>;

/** Where measurements go. */
export interface Metrics {
  count(name: CounterName, labels?: Labels, by?: number): void;
  set(name: GaugeName, value: number, labels?: Labels): void;
  observe(name: HistogramName, value: number): void;
}

/** Measures nothing. */
export const noMetrics: Metrics = { count: () => undefined, set: () => undefined, observe: () => undefined };
