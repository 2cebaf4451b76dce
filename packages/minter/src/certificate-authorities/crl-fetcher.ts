import type { LookupAddress } from "node:dns";
import { isAllowedHost } from "../fetch/guarded-address.js";
import type { Logger } from "../log.js";
import type { Metrics } from "../metrics.js";
import type { ListSource, TrustedCa } from "./ca-policy.js";
import type { CrlHosts } from "./crl-address.js";
import type { CrlKeeper } from "./crl-keeper.js";
import { CrlForbidden, CrlRefused } from "./crl-errors.js";
import type { CrlThread } from "./crl-thread.js";
import { type CrlFetch, fetchCrl } from "./fetch-crl.js";
import type { CrlAnswer } from "./fetch-crl-bytes.js";

/** The scope that LUCI's server asks for when the policy names none. */
const DEFAULT_SCOPE = "https://www.googleapis.com/auth/userinfo.email";

/** What fetching lists needs. */
export interface CrlFetcherParts {
  readonly keeper: CrlKeeper;
  readonly crlHosts: CrlHosts;
  readonly maxBytes: number;
  /** For all of a fetch, in milliseconds. */
  readonly timeoutMs: number;
  /** A bearer token of the server's own account, for CAs with `use_oauth` or `oauth_scopes`. */
  readonly bearer: ((scopes: readonly string[]) => Promise<string>) | undefined;
  /** Default: as the system resolves names. */
  readonly resolve?: ((host: string) => Promise<readonly LookupAddress[]>) | undefined;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** Fetches revocation lists and puts them in force. */
export class CrlFetcher {
  readonly #parts: CrlFetcherParts;

  constructor(parts: CrlFetcherParts) {
    this.#parts = parts;
  }

  /** Fetches every list of these CAs. One that fails is logged and holds up no other. */
  async renewAll(cas: Iterable<TrustedCa>): Promise<void> {
    const fetches = [...cas].flatMap((ca) => ca.lists.map((list) => this.renew(ca, list, "if changed")));
    await Promise.allSettled(fetches);
  }

  /** Fetches one list. Rejects with CrlUnreachable, or with CrlForbidden or CrlRefused: then a repetition will not help. */
  async renew(ca: TrustedCa, list: ListSource, when: "if changed" | "in any case"): Promise<"taken" | "same"> {
    const { keeper, log, metrics } = this.#parts;
    try {
      const outcome = await this.#tryFetch(ca, list, when);
      await keeper.noteChecked(list.listId);
      metrics.count("tokens_crl_fetches_total", { list: list.listId, outcome });
      return outcome;
    } catch (error) {
      const isRefused = error instanceof CrlRefused || error instanceof CrlForbidden;
      const failure = error instanceof Error ? error.message : "failed";
      const outcome = isRefused ? "refused" : "unreachable";
      metrics.count("tokens_crl_fetches_total", { list: list.listId, outcome });
      const until = keeper.find(list.listId)?.inForceUntilSeconds;
      const inForceUntil = until === undefined ? null : new Date(until * 1000).toISOString();
      log.warn({ list: list.listId, outcome, failure, inForceUntil }, "a revocation list could not be renewed");
      await keeper.noteFailed(list.listId, failure);
      throw error;
    }
  }

  async #tryFetch(ca: TrustedCa, list: ListSource, when: "if changed" | "in any case"): Promise<"taken" | "same"> {
    const { keeper } = this.#parts;
    const thread = keeper.read(list);
    try {
      const etag = when === "if changed" ? keeper.find(list.listId)?.head.etag : undefined;
      const answer = await this.#ask(ca, list, etag, thread);
      return answer.kind === "same" ? "same" : await keeper.take(ca, list, thread, answer.etag);
    } finally {
      await thread.stop();
    }
  }

  async #ask(
    { config }: TrustedCa,
    { url }: ListSource,
    etag: string | undefined,
    thread: CrlThread,
  ): Promise<CrlAnswer> {
    const { crlHosts, maxBytes, timeoutMs, resolve } = this.#parts;
    const wantsBearer = config.useOauth || config.oauthScopes.length > 0;
    const bearer = wantsBearer ? await this.#bearer(config.oauthScopes, url) : undefined;
    const get: CrlFetch["get"] = (asked) => thread.get(asked);
    const optional = resolve ? { resolve } : {};
    return fetchCrl({ url, etag, bearer, crlHosts, maxBytes, timeoutMs, get, ...optional });
  }

  async #bearer(scopes: readonly string[], url: string): Promise<string> {
    const { bearer, crlHosts } = this.#parts;
    if (isReadByOthers(url, crlHosts))
      throw new CrlForbidden("the policy wants an OAuth token for this list, which must not be sent without https");
    if (!bearer)
      throw new CrlForbidden("the policy wants an OAuth token for this list, and the server has none to send");
    return bearer(scopes.length > 0 ? scopes : [DEFAULT_SCOPE]);
  }
}

/** Whether what is sent there can be read on the way: by http, to a host that the operator did not name as one of his. */
function isReadByOthers(text: string, hosts: CrlHosts): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return url.protocol === "http:" && !isAllowedHost(url, hosts);
}
