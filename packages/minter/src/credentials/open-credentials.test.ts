import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { GoogleServer } from "../../test/google/google-server.js";
import { ACCOUNT } from "../../test/google/iam-endpoint.js";
import { localSigner } from "../keys/local-signer.js";
import { googleAccountsProblem, openCredentials } from "./open-credentials.js";

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const signer = () => localSigner(privateKey, "", "key");
const common = { delegates: [], caller: "user:a@x.y", minValiditySeconds: 300, notAfterMs: undefined };
const publicUrl = () => "https://tokens.example.com";

const issuerOf = (token: string) =>
  (JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as { iss: string }).iss;

describe("openCredentials", () => {
  it("lets Google make the tokens of its accounts, once for all who ask, and makes the others itself", async () => {
    const google = await GoogleServer.start();
    const credentials = openCredentials(
      {
        publicUrl,
        googleAccounts: {
          domains: ["*.iam.gserviceaccount.com"],
          identity: { metadataHost: google.host },
          endpoint: `http://${google.host}/`,
        },
        clock: Date.now,
      },
      signer,
    );
    const audience = "x";
    const theirs = await credentials.idToken({ ...common, account: ACCOUNT, audience });
    expect(issuerOf(theirs.token)).toBe("https://accounts.google.com");
    expect((await credentials.idToken({ ...common, account: ACCOUNT, audience })).token).toBe(theirs.token);
    expect(google.calls.filter(({ path }) => google.iam.handles(path))).toHaveLength(1);
    const ours = await credentials.idToken({ ...common, account: "robot@example.com", audience });
    expect(issuerOf(ours.token)).toBe("https://tokens.example.com");
    await google.close();
  });

  it("makes no token as an issuer without a name", async () => {
    const request = { ...common, account: "robot@example.com", scopes: ["a"] };
    await expect(openCredentials({ clock: Date.now }, signer).accessToken(request)).rejects.toThrow(/no public URL/);
  });

  it("does not start with accounts that cannot be served", () => {
    const googleAccounts = { domains: ["X.com"], identity: {} };
    expect(() => openCredentials({ googleAccounts, clock: Date.now }, signer)).toThrow(TypeError);
  });
});

describe("googleAccountsProblem", () => {
  it.each([
    [["example.com", "*.example.com"], undefined, undefined],
    [["*"], undefined, /"\*" is not a domain/],
    [["example.com"], "http://iam.example.com", /must be an https URL/],
    [["example.com"], "https://iam.example.com", undefined],
  ])("of %j at %s", (domains, endpoint, problem) => {
    const found = googleAccountsProblem({ domains, identity: {}, endpoint });
    if (problem === undefined) expect(found).toBeUndefined();
    else expect(found).toMatch(problem);
  });
});
