import { generateKeyPairSync, sign } from "node:crypto";
import { type Answer, demand, demandFields, Refused } from "./answer.js";

/** A service account, and the one by way of which the caller may also act as it. */
export const ACCOUNT = "robot+1@p.iam.gserviceaccount.com";
export const DELEGATE = "lab@p.iam.gserviceaccount.com";

const PREFIX = "/v1/projects/-/serviceAccounts/";
const GENERATE_ACCESS_TOKEN = ":generateAccessToken?alt=json";
const GENERATE_ID_TOKEN = ":generateIdToken?alt=json";
const LONGEST_SECONDS = 3600;

/** The IAM Service Account Credentials API: takes requests only as the API's reference has them, and makes tokens. */
export class IamEndpoint {
  /** How long tokens live, in seconds, if they are not asked to live shorter. */
  lifeSeconds = LONGEST_SECONDS;
  /** Unix milliseconds. */
  clock: () => number = Date.now;
  #made = 0;
  readonly #key = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;

  handles(path: string): boolean {
    return path.startsWith(PREFIX);
  }

  answer(method: string, path: string, body: Record<string, unknown>): Answer {
    demand(method === "POST", "the method");
    const [name = "", verb = ""] = path.slice(PREFIX.length).split(/(?=:)/);
    if (name !== encodeURIComponent(ACCOUNT)) throw new Refused(404, "NOT_FOUND", "Not found; Gaia id not found");
    const { delegates, ...fields } = body;
    this.#checkDelegates(delegates);
    if (verb === GENERATE_ACCESS_TOKEN) return this.#accessToken(fields);
    if (verb === GENERATE_ID_TOKEN) return this.#idToken(fields);
    throw new Refused(404, "NOT_FOUND", "no such method");
  }

  #checkDelegates(delegates: unknown): void {
    if (delegates === undefined) return;
    demand(Array.isArray(delegates) && delegates.length > 0, "empty delegates are left out");
    if (JSON.stringify(delegates) === JSON.stringify([`projects/-/serviceAccounts/${DELEGATE}`])) return;
    throw new Refused(403, "PERMISSION_DENIED", "Permission 'iam.serviceAccounts.getAccessToken' denied");
  }

  #accessToken({ lifetime, ...fields }: Record<string, unknown>): Answer {
    const { scope } = demandFields(fields, ["scope"]) as unknown as { scope: unknown };
    demand(Array.isArray(scope) && scope.length > 0, "the scope");
    demand(
      scope.every((one) => typeof one === "string" && /^\S+$/.test(one)),
      "a scope is malformed",
    );
    const seconds = lifetime === undefined ? this.lifeSeconds : Number(/^(\d+)s$/.exec(lifetime as string)?.[1]);
    demand(seconds > 0 && seconds <= LONGEST_SECONDS, "the lifetime");
    const expireTime = new Date(this.#endSeconds(seconds) * 1000).toISOString().replace(".000Z", "Z");
    return [200, { accessToken: `ya29.c.${++this.#made}`, expireTime }];
  }

  #idToken(fields: Record<string, unknown>): Answer {
    const { audience, includeEmail } = demandFields(fields, ["audience", "includeEmail"]) as Record<string, unknown>;
    demand(typeof audience === "string" && audience !== "" && includeEmail === true, "audience and includeEmail");
    const exp = this.#endSeconds(this.lifeSeconds);
    const about = { aud: audience, azp: "1", email: ACCOUNT, email_verified: true, jti: `${++this.#made}` };
    const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
    const claims = { ...about, exp, iss: "https://accounts.google.com", sub: "1" };
    const signed = `${encode({ alg: "RS256", kid: "k", typ: "JWT" })}.${encode(claims)}`;
    const signature = sign("sha256", Buffer.from(signed), this.#key).toString("base64url");
    return [200, { token: `${signed}.${signature}` }];
  }

  #endSeconds(seconds: number): number {
    return Math.floor(this.clock() / 1000) + seconds;
  }
}
