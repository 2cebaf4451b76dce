import type { LookupAddress } from "node:dns";
import type { CrlTerms } from "@tokens/pki/crl";
import { MAX_CRL_BYTES } from "@tokens/pki/crl";
import type { Job } from "../jobs/leased-jobs.js";
import type { Logger } from "../log.js";
import type { Metrics } from "../metrics.js";
import type { CaPolicy } from "./ca-policy.js";
import type { CrlHosts } from "./crl-address.js";
import { CrlFetcher } from "./crl-fetcher.js";
import { type CaTokens, CrlKeeper } from "./crl-keeper.js";
import type { CrlStore } from "./crl-store.js";

/** How revocation lists are fetched, and how long they are in force. */
export interface CrlSettings {
  /** Hosts, as `host:port`, whose lists may be fetched from private addresses. Default: none. */
  readonly hosts?: CrlHosts;
  /** Default: as each list's nextUpdate says. */
  readonly terms?: CrlTerms;
  /** Most bytes of a list. Default: 128 MiB. */
  readonly maxBytes?: number;
  /** A bearer token of the server's own account, for lists that want one. */
  readonly bearer?: (scopes: readonly string[]) => Promise<string>;
  /** Default: as the system resolves names. */
  readonly resolve?: (host: string) => Promise<readonly LookupAddress[]>;
}

/** What looking after revocation lists needs. */
export interface AuthoritiesParts {
  readonly store: CrlStore;
  /** What is known of the tokens of a CA's machines. */
  readonly tokensOf: (caName: string) => Promise<CaTokens>;
  readonly policy: () => CaPolicy;
  readonly crl: CrlSettings;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Unix milliseconds. */
  readonly clock: () => number;
}

/** Revocation lists that are looked after. */
export interface Authorities {
  readonly keeper: CrlKeeper;
  readonly fetcher: CrlFetcher;
  /** What one of all servers has to do. */
  readonly jobs: readonly Job[];
  /** Stops following what other servers take. */
  stop(): Promise<void>;
}

const MINUTE_MS = 60_000;

/** For all of a fetch, in milliseconds. */
const FETCH_MS = 60_000;

/** How often a server looks for lists that other servers have taken, in milliseconds. */
const FOLLOW_MS = 5_000;

/** Gets the lists that were taken before in force again, before anybody asks. */
export async function startAuthorities({ policy, crl, ...parts }: AuthoritiesParts): Promise<Authorities> {
  const maxBytes = crl.maxBytes ?? MAX_CRL_BYTES;
  const keeper = new CrlKeeper({ ...parts, terms: crl.terms ?? {}, maxBytes });
  await keeper.refresh();
  const crlHosts = crl.hosts ?? new Set<string>();
  const { bearer, resolve } = crl;
  const fetcher = new CrlFetcher({ ...parts, keeper, crlHosts, maxBytes, timeoutMs: FETCH_MS, bearer, resolve });
  const jobs = [{ name: "fetch-crls", everyMs: MINUTE_MS, run: () => fetcher.renewAll(policy().values()) }];
  return { keeper, fetcher, jobs, stop: follow(keeper, parts.log) };
}

/** Puts in force what other servers have taken, again and again, until it is stopped. */
function follow(keeper: CrlKeeper, log: Logger): () => Promise<void> {
  let running: Promise<void> | undefined;
  const report = (error: unknown) =>
    log.warn({ err: error }, "the revocation lists of other servers cannot be read now");
  const timer = setInterval(() => {
    running ??= keeper
      .refresh()
      .catch(report)
      .finally(() => (running = undefined));
  }, FOLLOW_MS).unref();
  return async () => {
    clearInterval(timer);
    await running;
  };
}
