import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { GoogleServer } from "../../test/google/google-server.js";
import { googleTokens } from "./google-tokens.js";
import { GoogleError } from "./post-google.js";

let google: GoogleServer;
let folder: string;
beforeEach(async () => {
  google = await GoogleServer.start();
  folder = mkdtempSync(join(tmpdir(), "google-"));
});
afterEach(async () => {
  await google.close();
  rmSync(folder, { recursive: true });
});

const fromMetadata = (clock?: () => number) => googleTokens({ metadataHost: google.host }, clock);

function fromKeyFile(text: string) {
  const keyFile = join(folder, "key.json");
  writeFileSync(keyFile, text);
  return googleTokens({ keyFile });
}

describe("googleTokens", () => {
  it("asks the machine's metadata server", async () => {
    expect(await fromMetadata().accessToken()).toBe("ya29.token-1");
    const [call] = google.calls;
    expect(call).toMatchObject({
      method: "GET",
      path: "/computeMetadata/v1/instance/service-accounts/default/token",
    });
  });

  it("signs for a service account whose key file it has", async () => {
    expect(await fromKeyFile(google.tokens.keyFile(google.tokenUri)).accessToken()).toBe("ya29.token-1");
    expect(google.calls).toHaveLength(1);
  });

  it("asks once for many who need it, and again when the token nears its end", async () => {
    let now = 1_000_000;
    const tokens = fromMetadata(() => now);
    const answers = await Promise.all([tokens.accessToken(), tokens.accessToken(), tokens.accessToken()]);
    expect(new Set(answers)).toEqual(new Set(["ya29.token-1"]));
    now += (3599 - 240) * 1000 - 1;
    expect(await tokens.accessToken()).toBe("ya29.token-1");
    now += 1;
    expect(await tokens.accessToken()).toBe("ya29.token-2");
  });

  it("forgets a token that was refused", async () => {
    const tokens = fromMetadata();
    await tokens.accessToken();
    tokens.forget();
    expect(await tokens.accessToken()).toBe("ya29.token-2");
  });

  it("fails when it must, and tries anew the next time", async () => {
    google.bend = () => [500, { error: "server_error", error_description: "try later" }];
    const tokens = fromMetadata();
    await expect(tokens.accessToken()).rejects.toThrow(GoogleError);
    await expect(tokens.accessToken()).rejects.toThrow("status 500: server_error: try later");
    google.bend = () => [200, { access_token: "", expires_in: 3599 }];
    await expect(tokens.accessToken()).rejects.toThrow(/no access token/);
    google.bend = (_, right) => right();
    expect(await tokens.accessToken()).toBe("ya29.token-1");
  });

  it.each([
    ["is not JSON", () => "{", /it is not JSON/],
    ["is of another kind", () => '{"type":"authorized_user"}', /no service account's key/],
    ["sends tokens elsewhere", () => google.tokens.keyFile("http://example.com/token"), /token_uri is no https URL/],
    ["has no key", () => google.tokens.keyFile(google.tokenUri).replace("BEGIN PRIVATE", "BEGIN"), /cannot be used/],
  ])("refuses a key file that %s", async (_, text, reason) => {
    await expect(fromKeyFile(text()).accessToken()).rejects.toThrow(reason);
    expect(google.calls).toEqual([]);
  });

  it("says when the key file is not there", async () => {
    await expect(googleTokens({ keyFile: "/no/key.json" }).accessToken()).rejects.toThrow(
      /no\/key\.json cannot be used/,
    );
  });
});
