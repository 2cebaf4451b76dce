import { readdirSync, readFileSync } from "node:fs";
import { GoldenFolder } from "golden-files";
import { describe, expect, it } from "vitest";
import { golden, goldenVectors as vectors, writeVector } from "../test/golden-vectors.js";
import { certificatesDocument } from "../test/token-issuer.js";
import { authenticator } from "./authenticate.js";
import { TokenRejected, type TokenRejectedCode } from "./errors.js";
import { Revocations, type RevokedSubject } from "./revocations.js";
import { trustFromDocument } from "./trust-document.js";
import { fixedTrust } from "./trust-source.js";

const folder = new GoldenFolder(new URL("../testdata/vectors/", import.meta.url));

/** All codes; the type sees to it that none is forgotten. */
const codes = Object.keys({
  MALFORMED: true,
  TOO_LARGE: true,
  UNKNOWN_ISSUER: true,
  UNKNOWN_KEY: true,
  BAD_SIGNATURE: true,
  NOT_YET_VALID: true,
  EXPIRED: true,
  REVOKED: true,
  WRONG_SERVICE: true,
  WRONG_AUDIENCE: true,
  WRONG_KIND: true,
  BAD_IDENTITY: true,
  DUPLICATE_HEADER: true,
} satisfies Record<TokenRejectedCode, true>);

/** The headers and the tokens of a file. */
function readVector(text: string) {
  const [head = "", tokens = ""] = text.split("\n\n");
  const headers = Object.fromEntries(head.split("\n").map((line) => line.split(/: (.*)/s, 2))) as Record<
    string,
    string
  >;
  return { headers, tokens: tokens.trimEnd().split("\n") };
}

function revokedSubject(text: string): RevokedSubject {
  const [kind, first = "", certSn = ""] = text.split(" ");
  if (kind === "token") return { kind, fingerprint: first };
  if (kind === "machine") return { kind, fqdn: first };
  if (kind === "certificate") return { kind, caId: BigInt(first), certSn };
  return kind === "ca" ? { kind, caId: BigInt(first) } : expect.fail(`what is ${text}?`);
}

/** What our verifier says of the tokens of a request. */
async function verdictOf({ headers, tokens }: ReturnType<typeof readVector>): Promise<string> {
  const { at = "", audience, service, peer, revoked } = headers;
  const document = certificatesDocument(golden.issuer, [{ name: golden.keyId, pem: golden.certificatePem }]);
  const revocations = new Revocations(
    revoked === undefined ? [] : [{ subject: revokedSubject(revoked), until: Number.POSITIVE_INFINITY }],
  );
  const authenticate = authenticator({
    trust: fixedTrust({ ...trustFromDocument(document), revocations }),
    clock: () => Date.parse(at),
    ...(audience !== undefined && { audience }),
    ...(service !== undefined && { service }),
  });
  const answer = await authenticate(
    peer === undefined ? { machineTokens: tokens } : { delegationTokens: tokens, peer },
  );
  if (answer.status !== "invalid") return answer.status.replace("confirmed", "accepted");
  return answer.error instanceof TokenRejected ? answer.error.code : "permission denied";
}

describe("golden vectors", () => {
  it.each(vectors)("$name is $expect", async (vector) => {
    const text = folder.read(`${vector.name}.txt`, () => writeVector(vector));
    // The same keys give the same bytes: what is frozen is what would be made today.
    expect(text).toBe(writeVector(vector));
    const { headers, tokens } = readVector(text);
    expect(headers["expect"]).toBe(vector.expect);
    expect(await verdictOf({ headers, tokens })).toBe(vector.expect);
  });

  it("has no file that nothing makes", () => {
    expect(folder.names()).toEqual(vectors.map(({ name }) => `${name}.txt`).toSorted());
  });

  it("expects nothing but known codes", () => {
    const unknown = vectors.filter(({ expect: code }) => code !== "accepted" && !codes.includes(code));
    expect(unknown).toEqual([]);
  });

  it("has a vector for every code that a source can give", () => {
    const sources = new URL("./", import.meta.url);
    const files = readdirSync(sources).filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"));
    const given = codes.filter((code) =>
      files.some((name) =>
        new RegExp(`TokenRejected\\(\\s*"${code}"`).test(readFileSync(new URL(name, sources), "utf8")),
      ),
    );
    const advice = "add a vector to test/golden-vectors.ts, run pnpm golden and commit what it writes";
    expect(given.length).toBeGreaterThan(8);
    expect(
      given.filter((code) => !vectors.some((vector) => vector.expect === code)),
      advice,
    ).toEqual([]);
  });
});
