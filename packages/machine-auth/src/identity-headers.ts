import type { Authentication } from "./authenticate.js";
import { DELEGATION_TOKEN_HEADER } from "./delegation-token.js";
import { MACHINE_TOKEN_HEADER } from "./machine-token.js";

/** The header in which some services say which project they speak for. */
export const PROJECT_HEADER = "X-Luci-Project";

const STATUS_WORDS = {
  confirmed: "Confirmed",
  invalid: "Invalid",
  absent: "Absent",
  unavailable: "Unavailable",
} as const satisfies Record<Authentication["status"], string>;

/** Every header that says who a request is from, and what it says. The list of headers to strip is made from this one. */
const IDENTITY_HEADERS: Record<string, (authentication: Authentication) => string | undefined> = {
  "X-Tokens-Status": ({ status }) => STATUS_WORDS[status],
  "X-Tokens-Identity": (authentication) => confirmed(authentication)?.identity,
  "X-Tokens-Peer": (authentication) => confirmed(authentication)?.peer,
  "X-Tokens-Machine": (authentication) => confirmed(authentication)?.machine?.machineFqdn,
  "X-Tokens-Ca-Id": (authentication) => confirmed(authentication)?.machine?.caId.toString(),
};

const confirmed = (authentication: Authentication) =>
  authentication.status === "confirmed" ? authentication : undefined;

/** Headers that a client may set in one spelling only. */
const CREDENTIAL_HEADERS: readonly string[] = [MACHINE_TOKEN_HEADER, DELEGATION_TOKEN_HEADER, PROJECT_HEADER];

const lowerCase = (names: readonly string[]): ReadonlySet<string> => new Set(names.map((name) => name.toLowerCase()));
const identityNames = lowerCase(Object.keys(IDENTITY_HEADERS));
const credentialNames = lowerCase(CREDENTIAL_HEADERS);

/**
 * What an application behind a proxy is told of a request: `X-Tokens-Status` (Confirmed, Invalid, Absent, Unavailable)
 * and, of a confirmed caller, `X-Tokens-Identity`, `-Peer`, `-Machine` and `-Ca-Id`. All values are plain ASCII.
 */
export function identityHeaders(authentication: Authentication): Record<string, string> {
  const entries = Object.entries(IDENTITY_HEADERS).map(([name, say]) => [name, say(authentication)] as const);
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/**
 * Whether a client made this header up: only we set identity headers. Many applications read `_` as `-`, so a name with
 * one in it is as good as its twin, and no client has a reason to spell a token's header so.
 */
export function isForged(name: string): boolean {
  const plain = name.toLowerCase().replaceAll("_", "-");
  return identityNames.has(plain) || (credentialNames.has(plain) && name.includes("_"));
}
