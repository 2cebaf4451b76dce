import { TokenRejected, TrustUnavailable } from "./errors.js";
import type { Trust } from "./trust.js";
import type { TrustSource } from "./trust-source.js";
import { type MachineIdentity, verifyMachineToken, type VerifyOptions } from "./verify-machine-token.js";

/** What a request's token says about its sender. */
export type Authentication =
  | { readonly status: "confirmed"; readonly machine: MachineIdentity }
  | { readonly status: "invalid"; readonly error: TokenRejected }
  | { readonly status: "absent" }
  | { readonly status: "unavailable"; readonly error: TrustUnavailable };

/** How requests are authenticated. */
export interface AuthenticateOptions extends Omit<VerifyOptions, "now"> {
  readonly trust: TrustSource;
  /** Unix milliseconds. Default: the system's clock. */
  readonly clock?: () => number;
}

/**
 * Authenticates a request by the values of its token header: none is "absent", two are refused. Never throws for a bad
 * token or missing trust; anything but "confirmed" must not be let in.
 */
export async function authenticate(values: readonly string[], options: AuthenticateOptions): Promise<Authentication> {
  const [token, ...more] = values;
  if (token === undefined || (token === "" && more.length === 0)) return { status: "absent" };
  try {
    if (more.length > 0) throw new TokenRejected("DUPLICATE_HEADER", "the request has more than one machine token");
    return { status: "confirmed", machine: await verifyWithSource(token, options) };
  } catch (error) {
    if (error instanceof TokenRejected) return { status: "invalid", error };
    if (error instanceof TrustUnavailable) return { status: "unavailable", error };
    throw error;
  }
}

/** A key id that nobody knows may be a new one: the trust is fetched again, once, and the token gets a second chance. */
async function verifyWithSource(token: string, options: AuthenticateOptions): Promise<MachineIdentity> {
  const { trust: source, clock = Date.now, ...rest } = options;
  const verify = (trust: Trust) => verifyMachineToken(token, trust, { ...rest, now: clock() / 1000 });
  const trust = await source.ready();
  try {
    return verify(trust);
  } catch (error) {
    if (!(error instanceof TokenRejected) || error.code !== "UNKNOWN_KEY") throw error;
    const refreshed = await source.refresh();
    if (refreshed === trust) throw error;
    return verify(refreshed);
  }
}
