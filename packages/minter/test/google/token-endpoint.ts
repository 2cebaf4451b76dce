import { generateKeyPairSync, verify } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { type Answer, demand, Refused } from "./answer.js";

const SERVICE_ACCOUNT = "signer@p.iam.gserviceaccount.com";
const CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform";

const decode = (part = "") => JSON.parse(Buffer.from(part, "base64url").toString()) as Record<string, unknown>;

/** Google's OAuth2 token endpoint and a machine's metadata server: they give a token for a real proof. */
export class TokenEndpoint {
  /** How many tokens were given; only the newest is good. */
  given = 0;
  /** What the tokens' `expires_in` is. */
  lifeSeconds = 3599;
  readonly #account = generateKeyPairSync("rsa", { modulusLength: 2048 });
  #token: string | undefined;

  /** The key file of the service account that it knows. */
  keyFile(tokenUri: string): string {
    const privateKey = this.#account.privateKey.export({ type: "pkcs8", format: "pem" });
    const fields = { client_email: SERVICE_ACCOUNT, private_key_id: "key-1", private_key: privateKey };
    return JSON.stringify({ type: "service_account", ...fields, token_uri: tokenUri });
  }

  /** Withdraws the token that it gave. */
  revoke(): void {
    this.#token = undefined;
  }

  demandToken({ authorization }: IncomingHttpHeaders): void {
    const isGood = this.#token !== undefined && authorization === `Bearer ${this.#token}`;
    if (!isGood) throw new Refused(401, "UNAUTHENTICATED", "the token is not valid");
  }

  fromMetadata(method: string, headers: IncomingHttpHeaders): Answer {
    demand(method === "GET" && headers["metadata-flavor"] === "Google", "no Metadata-Flavor");
    return this.#give();
  }

  /** RFC 7523. */
  fromAssertion(tokenUri: string, headers: IncomingHttpHeaders, text: string): Answer {
    demand(headers["content-type"] === "application/x-www-form-urlencoded", "the content type");
    const form = new URLSearchParams(text);
    demand(form.get("grant_type") === "urn:ietf:params:oauth:grant-type:jwt-bearer", "the grant type");
    const [header, claims, signature = ""] = (form.get("assertion") ?? "").split(".");
    demand(JSON.stringify(decode(header)) === '{"alg":"RS256","typ":"JWT","kid":"key-1"}', "the header");
    const signed = Buffer.from(`${header}.${claims}`);
    const isRight = verify("sha256", signed, this.#account.publicKey, Buffer.from(signature, "base64url"));
    demand(isRight, "the signature");
    const { iss, scope, aud, iat, exp } = decode(claims);
    demand(iss === SERVICE_ACCOUNT && scope === CLOUD_PLATFORM && aud === tokenUri, "the claims");
    demand(Math.abs(Number(iat) - Date.now() / 1000) < 300 && Number(exp) - Number(iat) === 3600, "the times");
    return this.#give();
  }

  #give(): Answer {
    this.given++;
    this.#token = `ya29.token-${this.given}`;
    return [200, { access_token: this.#token, expires_in: this.lifeSeconds, token_type: "Bearer" }];
  }
}
