import type { KnownCallers } from "./access/credential-kinds.js";
import type { AuditMode } from "./audit/audit-log.js";
import type { RetentionAges } from "./audit/retention.js";
import type { RevocationLists } from "./certificate-authorities/check-machine-certificate.js";
import type { CrlSettings } from "./certificate-authorities/start-authorities.js";
import type { GoogleAccounts } from "./credentials/open-credentials.js";
import type { Signer } from "./keys/signer.js";
import type { KeySettings } from "./keys/signing-keys.js";
import type { Logger } from "./log.js";
import type { Metrics } from "./metrics.js";
import type { PolicySource } from "./policies/policy-reader.js";
import type { CallLimits } from "./rpc/call-queue.js";
import type { Rate } from "./rpc/rate-limit.js";
import type { Storage } from "./storage/storage.js";
import type { ServerIdentity } from "./trust/public-documents.js";
import type { FeedSettings } from "./trust/published-number.js";

/** What a token server is made of. */
export interface TokenServerParts extends ServerIdentity, KnownCallers {
  readonly storage: Storage;
  /** Where the policy files are. What is imported from them is kept in the storage, and is in force on all replicas. */
  readonly policySource: PolicySource;
  readonly crl?: CrlSettings;
  /** Services, as `host:port`, that delegations may name by a URL with a private address. Default: none. */
  readonly serviceHosts?: ReadonlySet<string>;
  /** Who accepts the access tokens that this server makes itself. Default: its public URL. */
  readonly accessTokenAudience?: string | undefined;
  /** Service accounts whose tokens Google makes. Default: none; this server makes the tokens of all others. */
  readonly googleAccounts?: GoogleAccounts;
  /** Whether this is a server for trials, where projects may have other service accounts. Default: no. */
  readonly isStaging?: boolean;
  /** Default: required; records of machines are kept for 90 days, those of decisions for a year. */
  readonly audit?: AuditSettings;
  readonly log: Logger;
  readonly metrics?: Metrics;
  /** How signing keys are kept and follow each other. Default: in this process and the storage; the lead is 10 minutes. */
  readonly keys?: KeySettings;
  /** Default: what was published is remembered as long as this server runs. */
  readonly feed?: FeedSettings;
  /** Signs all tokens in place of those keys, and is never replaced. */
  readonly signer?: Signer;
  /** The revocation lists in force. Default: those that are fetched. */
  readonly revocations?: RevocationLists;
  /** What a request's `server_name` may say, where the policy of a CA wants one. Default: nothing, so that none fits. */
  readonly serverNames?: () => ReadonlySet<string>;
  /** How many used requests are remembered at most, where the policy of a CA wants nonces. Default: a million. */
  readonly seenCapacity?: number;
  /** How many calls are answered and wait at a time, and how often somebody may call. Default: no rates. */
  readonly load?: LoadSettings;
  /** Unix milliseconds. */
  readonly clock?: () => number;
}

/** How tokens and refusals are recorded. */
export interface AuditSettings {
  readonly mode: AuditMode;
  readonly ages: RetentionAges;
}

const DAY_MS = 86_400_000;

/** No token leaves without its record. Machines ask for far more of them than people decide about. */
export const DEFAULT_AUDIT_SETTINGS: AuditSettings = {
  mode: "required",
  ages: { machines: 90 * DAY_MS, decisions: 365 * DAY_MS },
};

/** What keeps a server from having more to do than it can. */
export interface LoadSettings {
  readonly calls?: Partial<CallLimits>;
  /** How often one peer address may call. */
  readonly perAddress?: Rate;
  /** How often one certificate may ask for a token. */
  readonly perCertificate?: Rate;
}
