import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UsageError } from "./exit-code.js";
import { readSettings } from "./settings.js";
import { environmentName, REPEATABLE, SETTINGS, type SettingName } from "./settings-names.js";

const flags = { config: "c", data: "d" };
let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "settings-"))));
afterAll(() => rmSync(folder, { recursive: true }));

function file(text: string): string {
  const path = join(folder, "settings.yaml");
  writeFileSync(path, text);
  return path;
}

describe("readSettings", () => {
  it("fills in the defaults", () => {
    expect(readSettings(flags, {}, undefined)).toEqual({
      config: "c",
      data: "d",
      listen: "127.0.0.1:8080",
      "server-name": [],
      "max-seen-requests": "1000000",
      "max-connections": "10000",
      "max-calls": "256",
      "max-waiting-calls": "1024",
      "app-id": "tokens",
      "service-account": "tokens@localhost",
      "key-lead": "10m",
      "key-rotation": "720h",
      staging: false,
      "google-accounts": [],
      audit: "required",
      "audit-retention": "8760h",
      "audit-retention-machines": "2160h",
      "accept-rollback": false,
      "allow-crl-host": [],
      "allow-service-host": [],
      "trusted-proxy": [],
      "oidc-issuer": [],
      "oidc-audience": [],
      "oidc-domains": [],
    });
  });

  it("takes several values where that makes sense, from everywhere", () => {
    const expected = { "oidc-issuer": ["https://a", "https://b"] };
    expect(readSettings({ ...flags, "oidc-issuer": ["https://a", "https://b"] }, {}, undefined)).toMatchObject(
      expected,
    );
    const environment = { TOKENS_OIDC_ISSUER: " https://a  https://b\n" };
    expect(readSettings(flags, environment, undefined)).toMatchObject(expected);
    expect(readSettings(flags, {}, file("oidc-issuer:\n- https://a\n- https://b\n"))).toMatchObject(expected);
    expect(readSettings(flags, {}, file("oidc-issuer: https://a\n"))).toMatchObject({ "oidc-issuer": ["https://a"] });
  });

  it("lets a flag beat the environment, and the environment the file", () => {
    const settings = readSettings(
      { ...flags, "app-id": "flag" },
      { TOKENS_APP_ID: "environment", TOKENS_SERVICE_VERSION: "environment" },
      file("app-id: file\nservice-version: file\nlisten: 0.0.0.0:1 # note\n"),
    );
    expect(settings).toMatchObject({ "app-id": "flag", "service-version": "environment", listen: "0.0.0.0:1" });
  });

  it("has an environment variable and a file key for every setting", () => {
    const values: Partial<Record<SettingName, string>> = {
      "service-account": "a@b.c",
      "app-id": "app",
      audit: "best-effort",
      "public-url": "https://tokens.example.com",
      "max-seen-requests": "5",
      "max-connections": "5",
      "max-calls": "5",
      "max-waiting-calls": "5",
      staging: "true",
      "accept-rollback": "true",
    };
    for (const name of Object.keys(SETTINGS) as SettingName[]) {
      const rest = Object.fromEntries(
        Object.keys(SETTINGS).map((other) => [other, values[other as SettingName] ?? "x"]),
      );
      delete rest[name];
      const value = values[name] ?? "y";
      const isSwitch = SETTINGS[name][0] === "";
      const expected = { [name]: isSwitch ? true : REPEATABLE.has(name) ? [value] : value };
      expect(readSettings(rest, { [environmentName(name)]: value }, undefined)).toMatchObject(expected);
      expect(readSettings(rest, {}, file(`${name}: "${value}"\n`))).toMatchObject(expected);
    }
  });

  it("has settings that are on or off", () => {
    expect(readSettings({ ...flags, staging: true }, {}, undefined).staging).toBe(true);
    expect(readSettings(flags, {}, file("staging: true\n")).staging).toBe(true);
    expect(readSettings(flags, { TOKENS_STAGING: "false" }, file("staging: true\n")).staging).toBe(false);
    expect(() => readSettings(flags, { TOKENS_STAGING: "1" }, undefined)).toThrow(/staging: must be true or false/);
  });

  it.each([
    ["a number that is none", { ...flags, "max-seen-requests": "0" }, {}, "", /max-seen-requests: must be a whole/],
    ["a missing setting", { config: "c" }, {}, "", /^data is missing: set --data, TOKENS_DATA or data/],
    ["an unknown key in the file", flags, {}, "colour: red\n", /no such setting: colour/],
    ["a key that is there twice", flags, {}, "listen: a:1\nlisten: b:2\n", /unique/],
    ["a list for a file", flags, {}, "- a\n", /not a list of settings|is not a list/],
    ["a prototype for a key", flags, {}, "__proto__: {}\n", /no such setting|cannot be used/],
    [
      "an account that is no e-mail address",
      { ...flags, "service-account": "x" },
      {},
      "",
      /service-account: must be an e-mail/,
    ],
    ["an app id with a slash", flags, { TOKENS_APP_ID: "a/b" }, "", /app-id: must be letters/],
    [
      "a TLS certificate without its key",
      { ...flags, "tls-cert": "f" },
      {},
      "",
      /tls-cert and tls-key need each other/,
    ],
  ])("refuses %s and says so", (_, given, environment, text, message) => {
    const read = () => readSettings(given, environment, text === "" ? undefined : file(text));
    expect(read).toThrow(UsageError);
    expect(read).toThrow(message);
  });

  it("names a settings file that is not there", () => {
    expect(() => readSettings(flags, {}, join(folder, "none.yaml"))).toThrow(/none\.yaml cannot be used/);
  });
});
