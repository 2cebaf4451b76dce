import { createHash, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, type JWK } from "jose";
import Provider, { type Configuration } from "oidc-provider";

/** A real OpenID provider on a loopback port. Whoever is asked for logs in at once, without a password. */
export interface OpenIdProvider {
  readonly issuer: string;
  /** Logs somebody in for a client, by the authorization code flow, and gives the ID token. */
  login(email: string, options?: { readonly client?: string; readonly verified?: string }): Promise<string>;
  /** The public keys that it publishes. */
  publicKeys(): Promise<JWK[]>;
  /** Signs with a new key from now on, and publishes that one alone. */
  rotate(): Promise<void>;
  stop(): Promise<void>;
  /** Answers again, on the same port, after a stop. */
  start(): Promise<void>;
}

const REDIRECT_URI = "https://client.example.com/callback";
const CLIENT_SECRET = "a-secret-for-tests-of-32-letters";

/** Starts a provider whose clients, and so the audiences of its tokens, are called as given. */
export async function startOpenIdProvider(clients: readonly string[] = ["tokens"]): Promise<OpenIdProvider> {
  let provider: Provider;
  const server = createServer((request, response) => {
    const answer = request.url?.startsWith("/interaction/") ? logIn(provider, request, response) : undefined;
    if (answer === undefined) void provider.callback()(request, response);
    else answer.catch((error: unknown) => response.destroy(error as Error));
  });
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const issuer = `http://127.0.0.1:${port}`;
  const rotate = async () => {
    provider = new Provider(issuer, await configuration(clients));
  };
  await rotate();
  return {
    issuer,
    login: (email, { client = "tokens", verified = "true" } = {}) => idTokenFor(issuer, `${email} ${verified}`, client),
    publicKeys: async () => ((await (await fetch(`${issuer}/jwks`)).json()) as { keys: JWK[] }).keys,
    rotate,
    start: () => listen(port),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function configuration(clients: readonly string[]): Promise<Configuration> {
  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  const kid = randomUUID();
  return {
    clients: clients.map((id) => ({ client_id: id, client_secret: CLIENT_SECRET, redirect_uris: [REDIRECT_URI] })),
    claims: { email: ["email", "email_verified"] },
    conformIdTokenClaims: false,
    cookies: { keys: ["a-key-for-tests"] },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    ttl: { AccessToken: 600, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
    jwks: { keys: [{ ...(await exportJWK(privateKey)), kid, alg: "RS256", use: "sig" }] },
    // The account's id says what the token shall say: e-mail, and whether it is verified.
    findAccount: (_, id) => {
      const [email = "", verified = ""] = id.split(" ");
      const emailVerified = verified === "true" ? true : verified === "false" ? false : verified;
      return { accountId: id, claims: () => ({ sub: id, email, email_verified: emailVerified }) };
    },
  };
}

type Request = Parameters<Provider["interactionDetails"]>[0];
type Response = Parameters<Provider["interactionDetails"]>[1];

/** Says yes to everything that the provider asks its user. */
async function logIn(provider: Provider, request: Request, response: Response): Promise<void> {
  const { params } = await provider.interactionDetails(request, response);
  const accountId = params["login_hint"] as string;
  const grant = new provider.Grant({ accountId, clientId: params["client_id"] as string });
  grant.addOIDCScope("openid email");
  const result = { login: { accountId }, consent: { grantId: await grant.save() } };
  await provider.interactionFinished(request, response, result);
}

async function idTokenFor(issuer: string, account: string, client: string): Promise<string> {
  const verifier = "v".repeat(64);
  const query = new URLSearchParams({
    client_id: client,
    response_type: "code",
    scope: "openid email",
    redirect_uri: REDIRECT_URI,
    login_hint: account,
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
  });
  const code = await followToCode(`${issuer}/auth?${query.toString()}`);
  const response = await fetch(`${issuer}/token`, {
    method: "POST",
    headers: { authorization: `Basic ${btoa(`${client}:${CLIENT_SECRET}`)}` },
    body: new URLSearchParams({
      grant_type: "authorization_code",
      code,
      redirect_uri: REDIRECT_URI,
      code_verifier: verifier,
    }),
  });
  const { id_token: token } = (await response.json()) as { id_token?: string };
  if (token === undefined) throw new Error(`no ID token: status ${response.status}`);
  return token;
}

/** Follows redirects as a browser does, with its cookies, up to the one that carries the code. */
async function followToCode(start: string): Promise<string> {
  const cookies = new Map<string, string>();
  for (let url = start, hops = 0; hops < 10; hops++) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(url, { redirect: "manual", headers: { cookie } });
    for (const line of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      cookies.set(name, value);
    }
    const location = response.headers.get("location");
    if (location === null) throw new Error(`no redirect but status ${response.status}: ${await response.text()}`);
    url = new URL(location, url).href;
    const code = url.startsWith(REDIRECT_URI) ? new URL(url).searchParams.get("code") : undefined;
    if (typeof code === "string") return code;
  }
  throw new Error("too many redirects");
}
