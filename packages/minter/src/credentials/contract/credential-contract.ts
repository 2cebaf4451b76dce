import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import {
  type AccessTokenRequest,
  type Credential,
  type CredentialBackend,
  CredentialRefused,
  type IdTokenRequest,
} from "../credential-backend.js";

/** A backend of credentials that is under test. */
export interface TestedCredentials {
  readonly backend: CredentialBackend;
  /** An account whose tokens it makes, also by way of `delegates`. */
  readonly account: string;
  readonly delegates: readonly string[];
  /** Whether it can make tokens that live shorter than usual. */
  readonly shortens: { readonly access: boolean; readonly id: boolean };
  /** What is down or answers nonsense from now on, and what is thrown then. */
  readonly breakDown: () => void;
  readonly Unavailable: new (...args: never[]) => Error;
  /** Unix milliseconds. */
  readonly clock: () => number;
}

/** One thing that every backend of credentials must do. It rejects with an AssertionError when the backend does not. */
export interface CredentialCase {
  readonly name: string;
  readonly run: (tested: TestedCredentials) => Promise<void>;
}

const base = { caller: "user:caller@example.com", minValiditySeconds: 300, notAfterMs: undefined };

const accessRequest = (
  { account }: TestedCredentials,
  changes: Partial<AccessTokenRequest> = {},
): AccessTokenRequest => ({
  ...base,
  account,
  delegates: [],
  scopes: ["https://example.com/a", "https://example.com/b"],
  ...changes,
});

const idRequest = ({ account }: TestedCredentials, changes: Partial<IdTokenRequest> = {}): IdTokenRequest => ({
  ...base,
  account,
  delegates: [],
  audience: "https://audience.example.com",
  ...changes,
});

const claimsOf = ({ token }: Credential) =>
  JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8")) as Record<string, unknown>;

/** An hour from now, or less by the seconds that a slow machine needs; the fraction of a second may be cut off. */
function isAboutAnHour({ expiryMs }: Credential, nowMs: number): void {
  const seconds = (expiryMs - nowMs) / 1000;
  ok(seconds > 3000 && seconds <= 3601, `it lives for ${seconds} s`);
}

/** What every backend of credentials must do; run each case in any test runner, on a backend of your own. */
export const credentialContract: readonly CredentialCase[] = [
  {
    name: "makes access tokens for an hour",
    run: async (tested) => {
      const credential = await tested.backend.accessToken(accessRequest(tested));
      ok(credential.token.length > 0);
      isAboutAnHour(credential, tested.clock());
    },
  },
  {
    name: "makes ID tokens of the account, for the audience that is asked for and for an hour",
    run: async (tested) => {
      const request = idRequest(tested, { audience: 'an audience, "quoted" – or not' });
      const credential = await tested.backend.idToken(request);
      const { aud, email, email_verified: isVerified, exp } = claimsOf(credential);
      deepEqual([aud, email, isVerified], [request.audience, tested.account, true]);
      equal(credential.expiryMs, Number(exp) * 1000);
      isAboutAnHour(credential, tested.clock());
    },
  },
  {
    name: "makes both by way of other accounts",
    run: async (tested) => {
      const { backend, delegates } = tested;
      ok((await backend.accessToken(accessRequest(tested, { delegates }))).token.length > 0);
      equal(claimsOf(await backend.idToken(idRequest(tested, { delegates })))["email"], tested.account);
    },
  },
  {
    name: "makes tokens that end in time, if it says that it can",
    run: async (tested) => {
      const { backend, shortens } = tested;
      const notAfterMs = tested.clock() + 1_000_000;
      const made = [
        ...(shortens.access ? [await backend.accessToken(accessRequest(tested, { notAfterMs }))] : []),
        ...(shortens.id ? [await backend.idToken(idRequest(tested, { notAfterMs }))] : []),
      ];
      for (const { expiryMs } of made) ok(expiryMs <= notAfterMs, `it ends ${expiryMs - notAfterMs} ms too late`);
    },
  },
  {
    name: "makes no token of what cannot be a scope",
    run: async (tested) => {
      const request = accessRequest(tested, { scopes: ["two words"] });
      await rejects(tested.backend.accessToken(request), CredentialRefused);
    },
  },
  {
    name: "says that it cannot tell when what it needs is down, and that this is no refusal",
    run: async (tested) => {
      tested.breakDown();
      await rejects(tested.backend.accessToken(accessRequest(tested)), tested.Unavailable);
      await rejects(tested.backend.idToken(idRequest(tested)), tested.Unavailable);
    },
  },
];
